package wire

// Revision is a commit, with the branch, directory and owner it was read with.
type Revision struct {
	Branch         string `shape:"BranchName"`
	Directory      string `shape:"Directory"`
	OwnerId        string `shape:"OwnerId"`
	RepositoryName string `shape:"RepositoryName"`
	ProviderType   string `shape:"ProviderType"`
	Sha            string `shape:"SHA"`
}

// RepositorySyncEvent is an event of a repository sync attempt.
type RepositorySyncEvent struct {
	Event      string `shape:"Event"`
	ExternalId string `json:",omitzero" shape:"ExternalId"`
	Time       Time   `shape:"Timestamp"`
	Type       string `shape:"Type"`
}

// RepositorySyncAttempt is one run of a repository sync.
type RepositorySyncAttempt struct {
	// When the attempt started.
	StartedAt Time                  `shape:"Timestamp"`
	Status    string                `shape:"RepositorySyncStatus"`
	Events    []RepositorySyncEvent `shape:"RepositorySyncEventList"`
}

// GetRepositorySyncStatusInput is the request of GetRepositorySyncStatus.
type GetRepositorySyncStatusInput struct {
	Branch           string `shape:"BranchName"`
	RepositoryLinkId string `shape:"RepositoryLinkId"`
	SyncType         string `shape:"SyncConfigurationType"`
}

// GetRepositorySyncStatusOutput is the response of GetRepositorySyncStatus.
type GetRepositorySyncStatusOutput struct {
	LatestSync RepositorySyncAttempt
}

// ResourceSyncEvent is an event of a resource sync attempt.
type ResourceSyncEvent struct {
	Event      string `shape:"Event"`
	ExternalId string `json:",omitzero" shape:"ExternalId"`
	Time       Time   `shape:"Timestamp"`
	Type       string `shape:"Type"`
}

// ResourceSyncAttempt is one run of a resource sync.
type ResourceSyncAttempt struct {
	Events []ResourceSyncEvent `shape:"ResourceSyncEventList"`
	// The revision before the attempt.
	InitialRevision Revision
	// When the attempt started.
	StartedAt Time   `shape:"Timestamp"`
	Status    string `shape:"ResourceSyncStatus"`
	// The revision to be synced.
	TargetRevision Revision
	Target         string `shape:"Target"`
}

// GetResourceSyncStatusInput is the request of GetResourceSyncStatus.
type GetResourceSyncStatusInput struct {
	ResourceName string `shape:"ResourceName"`
	SyncType     string `shape:"SyncConfigurationType"`
}

// GetResourceSyncStatusOutput is the response of GetResourceSyncStatus.
//
// The server stores it encoded, by encoding/json or by awsjson. Both encode it
// alike.
type GetResourceSyncStatusOutput struct {
	// The newest revision of the branch that affects the resource.
	DesiredState *Revision `json:",omitzero"`
	// The latest attempt that succeeded.
	LatestSuccessfulSync *ResourceSyncAttempt `json:",omitzero"`
	// The latest attempt.
	LatestSync ResourceSyncAttempt
}
