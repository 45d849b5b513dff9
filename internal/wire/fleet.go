package wire

// ListResourceSyncsInput asks for a page of the fleet. All that is given must
// fit. AccountId is the caller's or finds nothing; NeverSynced asks for what has
// had no attempt yet, and Status excludes it.
type ListResourceSyncsInput struct {
	NextToken        string `json:",omitzero" shape:"SharpNextToken"`
	MaxResults       *int   `json:",omitzero" shape:"MaxResults"`
	AccountId        string `json:",omitzero" shape:"AccountId"`
	SyncType         string `json:",omitzero" shape:"SyncConfigurationType"`
	RepositoryLinkId string `json:",omitzero" shape:"RepositoryLinkId"`
	OwnerId          string `json:",omitzero" shape:"OwnerId"`
	RepositoryName   string `json:",omitzero" shape:"RepositoryName"`
	Branch           string `json:",omitzero" shape:"BranchName"`
	Status           string `json:",omitzero" shape:"ResourceSyncStatus"`
	NeverSynced      *bool  `json:",omitzero" shape:"Flag"`
	Blocked          *bool  `json:",omitzero" shape:"Flag"`
	// IncludeCounts asks for Counts beside the page.
	IncludeCounts *bool `json:",omitzero" shape:"Flag"`
}

// ResourceSyncSummary is one resource of the fleet. Status, TargetSha and
// StartedAt are those of the latest attempt and absent before the first.
type ResourceSyncSummary struct {
	ResourceName     string `shape:"ResourceName"`
	SyncType         string `shape:"SyncConfigurationType"`
	AccountId        string `shape:"AccountId"`
	RepositoryLinkId string `shape:"RepositoryLinkId"`
	OwnerId          string `shape:"OwnerId"`
	RepositoryName   string `shape:"RepositoryName"`
	Branch           string `shape:"BranchName"`
	ConfigFile       string `shape:"DeploymentFilePath"`
	Status           string `json:",omitzero" shape:"ResourceSyncStatus"`
	TargetSha        string `json:",omitzero" shape:"SHA"`
	DesiredSha       string `json:",omitzero" shape:"SHA"`
	StartedAt        Time   `json:",omitzero" shape:"Timestamp"`
	Blocked          bool   `shape:"Flag"`
}

// ResourceSyncCounts counts all that the filters of a list let through, whatever
// page is asked for. The statuses and NeverSynced add up to Total.
type ResourceSyncCounts struct {
	Total       int `shape:"Count"`
	Initiated   int `shape:"Count"`
	InProgress  int `shape:"Count"`
	Succeeded   int `shape:"Count"`
	Failed      int `shape:"Count"`
	NeverSynced int `shape:"Count"`
	Blocked     int `shape:"Count"`
}

// ListResourceSyncsOutput answers ListResourceSyncs.
type ListResourceSyncsOutput struct {
	ResourceSyncs []ResourceSyncSummary `shape:"ResourceSyncSummaryList"`
	Counts        *ResourceSyncCounts   `json:",omitzero"`
	NextToken     string                `json:",omitzero" shape:"SharpNextToken"`
}

// ListSyncBlockersInput asks for a page of blockers of all resources, newest
// first. Without Status it is for those that are ACTIVE.
type ListSyncBlockersInput struct {
	NextToken    string `json:",omitzero" shape:"SharpNextToken"`
	MaxResults   *int   `json:",omitzero" shape:"MaxResults"`
	Status       string `json:",omitzero" shape:"BlockerStatus"`
	SyncType     string `json:",omitzero" shape:"SyncConfigurationType"`
	ResourceName string `json:",omitzero" shape:"ResourceName"`
}

// ResourceSyncBlocker is a blocker with what it blocks.
type ResourceSyncBlocker struct {
	ResourceName string `shape:"ResourceName"`
	SyncType     string `shape:"SyncConfigurationType"`
	SyncBlocker  SyncBlocker
}

// ListSyncBlockersOutput answers ListSyncBlockers.
type ListSyncBlockersOutput struct {
	ResourceSyncBlockers []ResourceSyncBlocker `shape:"ResourceSyncBlockerList"`
	NextToken            string                `json:",omitzero" shape:"SharpNextToken"`
}
