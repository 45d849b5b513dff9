package wire

// The status of a revision for one resource.
const (
	RevisionPending        = "PENDING"         // its attempt has not started
	RevisionNotAffected    = "NOT_AFFECTED"    // it changes none of the inputs
	RevisionInProgress     = "IN_PROGRESS"     // its attempt is running
	RevisionSucceeded      = "SUCCEEDED"       // its attempt succeeded
	RevisionFailed         = "FAILED"          // its attempt failed
	RevisionBlocked        = "BLOCKED"         // an active blocker prevents its attempt
	RevisionLaterSucceeded = "LATER_SUCCEEDED" // a later revision succeeded; it failed itself, or was never attempted
	RevisionPinned         = "PINNED"          // it is not attempted: another one was requested by its id
)

// StartResourceSyncInput is the request of StartResourceSync.
type StartResourceSyncInput struct {
	ResourceName string `shape:"ResourceName"`
	SyncType     string `shape:"SyncConfigurationType"`
	// The head of the branch or one of its ancestors. The default is the head.
	Sha string `json:",omitzero" shape:"SHA"`
}

// StartResourceSyncOutput is the response of StartResourceSync.
type StartResourceSyncOutput struct{}

// StartRepositorySyncInput is the request of StartRepositorySync.
type StartRepositorySyncInput struct {
	RepositoryLinkId string `shape:"RepositoryLinkId"`
	// The name of the branch. The default is all tracked branches.
	Branch string `json:",omitzero" shape:"BranchName"`
}

// StartRepositorySyncOutput is the response of StartRepositorySync.
type StartRepositorySyncOutput struct{}

// GetRevisionSyncInput is the request of GetRevisionSync.
type GetRevisionSyncInput struct {
	ResourceName string `shape:"ResourceName"`
	SyncType     string `shape:"SyncConfigurationType"`
	// The commit id. The default is the head of the branch, which is read from the
	// Git host.
	Sha string `json:",omitzero" shape:"SHA"`
}

// GetRevisionSyncOutput is the response of GetRevisionSync.
type GetRevisionSyncOutput struct {
	Sha    string `shape:"SHA"`
	Status string `shape:"RevisionStatus"`
	// The head of the branch, as last seen.
	Head string `json:",omitzero" shape:"SHA"`
	// The latest status of the resource. It is absent before the first attempt.
	ResourceSync *GetResourceSyncStatusOutput `json:",omitzero"`
	Reason       string                       `json:",omitzero" shape:"RevisionStatusReason"`
}
