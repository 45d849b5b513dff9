package wire

// Revision is a commit of a branch, seen from one configuration: Directory is
// its deployment file's path.
type Revision struct {
	Branch         string `shape:"BranchName"`
	Directory      string `shape:"Directory"`
	OwnerId        string `shape:"OwnerId"`
	RepositoryName string `shape:"RepositoryName"`
	ProviderType   string `shape:"ProviderType"`
	Sha            string `shape:"SHA"`
}

// RepositorySyncEvent is a fact inside a repository sync attempt.
type RepositorySyncEvent struct {
	Event      string `shape:"Event"`
	ExternalId string `json:",omitzero" shape:"ExternalId"`
	Time       Time   `shape:"Timestamp"`
	Type       string `shape:"Type"`
}

// RepositorySyncAttempt is one try to bring a branch's head to its resources.
type RepositorySyncAttempt struct {
	StartedAt Time                  `shape:"Timestamp"`
	Status    string                `shape:"RepositorySyncStatus"`
	Events    []RepositorySyncEvent `shape:"RepositorySyncEventList"`
}

// GetRepositorySyncStatusInput asks for the latest sync of a branch.
type GetRepositorySyncStatusInput struct {
	Branch           string `shape:"BranchName"`
	RepositoryLinkId string `shape:"RepositoryLinkId"`
	SyncType         string `shape:"SyncConfigurationType"`
}

// GetRepositorySyncStatusOutput answers GetRepositorySyncStatus.
type GetRepositorySyncStatusOutput struct {
	LatestSync RepositorySyncAttempt
}

// ResourceSyncEvent is a fact inside a resource sync attempt.
type ResourceSyncEvent struct {
	Event      string `shape:"Event"`
	ExternalId string `json:",omitzero" shape:"ExternalId"`
	Time       Time   `shape:"Timestamp"`
	Type       string `shape:"Type"`
}

// ResourceSyncAttempt is one try to bring a resource from one revision to
// another.
type ResourceSyncAttempt struct {
	Events          []ResourceSyncEvent `shape:"ResourceSyncEventList"`
	InitialRevision Revision
	StartedAt       Time   `shape:"Timestamp"`
	Status          string `shape:"ResourceSyncStatus"`
	TargetRevision  Revision
	Target          string `shape:"Target"`
}

// GetResourceSyncStatusInput asks where a resource stands.
type GetResourceSyncStatusInput struct {
	ResourceName string `shape:"ResourceName"`
	SyncType     string `shape:"SyncConfigurationType"`
}

// GetResourceSyncStatusOutput answers GetResourceSyncStatus.
//
// The server keeps it encoded, by encoding/json or by awsjson: both write the
// same.
type GetResourceSyncStatusOutput struct {
	DesiredState         *Revision            `json:",omitzero"`
	LatestSuccessfulSync *ResourceSyncAttempt `json:",omitzero"`
	LatestSync           ResourceSyncAttempt
}
