package wire

// ListResourceSyncsInput is the request of ListResourceSyncs. A resource must match
// all filters.
type ListResourceSyncsInput struct {
	NextToken  string `json:",omitzero" shape:"SharpNextToken"`
	MaxResults *int   `json:",omitzero" shape:"MaxResults"`
	// The caller's account. With another account the list is empty.
	AccountId        string `json:",omitzero" shape:"AccountId"`
	SyncType         string `json:",omitzero" shape:"SyncConfigurationType"`
	ResourceName     string `json:",omitzero" shape:"ResourceName"`
	RepositoryLinkId string `json:",omitzero" shape:"RepositoryLinkId"`
	OwnerId          string `json:",omitzero" shape:"OwnerId"`
	RepositoryName   string `json:",omitzero" shape:"RepositoryName"`
	Branch           string `json:",omitzero" shape:"BranchName"`
	// The status of the latest attempt.
	Status string `json:",omitzero" shape:"ResourceSyncStatus"`
	// The health of the resource.
	Health string `json:",omitzero" shape:"HealthStatus"`
	// Whether to list the resources without an attempt, or those with one. It cannot
	// be used with Status.
	NeverSynced *bool `json:",omitzero" shape:"Flag"`
	// Whether to list the resources with an active blocker, or those without one.
	Blocked *bool `json:",omitzero" shape:"Flag"`
	// Whether to count the resources.
	IncludeCounts *bool `json:",omitzero" shape:"Flag"`
}

// ResourceSyncSummary is a resource and its latest attempt.
type ResourceSyncSummary struct {
	ResourceName     string `shape:"ResourceName"`
	SyncType         string `shape:"SyncConfigurationType"`
	AccountId        string `shape:"AccountId"`
	RepositoryLinkId string `shape:"RepositoryLinkId"`
	OwnerId          string `shape:"OwnerId"`
	RepositoryName   string `shape:"RepositoryName"`
	Branch           string `shape:"BranchName"`
	ConfigFile       string `shape:"DeploymentFilePath"`
	// The status of the latest attempt. It is absent before the first.
	Status string `json:",omitzero" shape:"ResourceSyncStatus"`
	// The commit of the latest attempt.
	TargetSha string `json:",omitzero" shape:"SHA"`
	// The branch of that commit. The sync configuration may track another one since.
	TargetBranch string `json:",omitzero" shape:"BranchName"`
	// The newest commit of the branch that affects the resource.
	DesiredSha string `json:",omitzero" shape:"SHA"`
	// When the latest attempt started.
	StartedAt Time `json:",omitzero" shape:"Timestamp"`
	// Whether the resource has an active blocker.
	Blocked bool `shape:"Flag"`
	// Whether the resource is as Git says.
	Health ResourceHealth
	// Why the Git host does not show the status of the commit of the latest attempt.
	// It is absent if the host shows it, or is not asked to.
	StatusProblem string `json:",omitzero" shape:"Event"`
}

// ResourceHealth is the answer to "is this resource as Git says?". Unlike the status
// of the latest attempt it includes what has happened since.
type ResourceHealth struct {
	// BLOCKED, SYNCING, FAILED, UNKNOWN (the repository cannot be read), BEHIND or
	// IN_STEP: the first that applies.
	Status string `shape:"HealthStatus"`
	// Why, as a sentence.
	Reason string `json:",omitzero" shape:"Event"`
	// When it began.
	Since Time `json:",omitzero" shape:"Timestamp"`
	// When the repository is read next, if it cannot be read.
	NextProbeAt Time `json:",omitzero" shape:"Timestamp"`
}

// GetResourceHealthInput is the request of GetResourceHealth.
type GetResourceHealthInput struct {
	ResourceName string `shape:"ResourceName"`
	SyncType     string `shape:"SyncConfigurationType"`
}

// GetResourceHealthOutput is the response of GetResourceHealth.
type GetResourceHealthOutput struct {
	// Whether the resource is as Git says.
	Health ResourceHealth
}

// ResourceSyncCounts is the number of resources that match the filters, on all
// pages. Total is the sum of the statuses and NeverSynced.
type ResourceSyncCounts struct {
	Total       int `shape:"Count"`
	Initiated   int `shape:"Count"`
	InProgress  int `shape:"Count"`
	Succeeded   int `shape:"Count"`
	Failed      int `shape:"Count"`
	NeverSynced int `shape:"Count"`
	Blocked     int `shape:"Count"`
	Health      ResourceHealthCounts
}

// ResourceHealthCounts is the number of resources by health. The numbers add up to
// the total.
type ResourceHealthCounts struct {
	Blocked int `shape:"Count"`
	Syncing int `shape:"Count"`
	Failed  int `shape:"Count"`
	Unknown int `shape:"Count"`
	Behind  int `shape:"Count"`
	InStep  int `shape:"Count"`
}

// The health of a resource.
const (
	HealthBlocked = "BLOCKED" // a blocker is active
	HealthSyncing = "SYNCING" // an attempt is running
	HealthFailed  = "FAILED"  // the attempt for the desired revision failed
	HealthUnknown = "UNKNOWN" // the repository or the branch cannot be read
	HealthBehind  = "BEHIND"  // it is not at the head's revision, and no attempt runs
	HealthInStep  = "IN_STEP" // it was brought to the desired revision
)

// ListResourceSyncsOutput is the response of ListResourceSyncs.
type ListResourceSyncsOutput struct {
	ResourceSyncs []ResourceSyncSummary `shape:"ResourceSyncSummaryList"`
	// The number of resources, if IncludeCounts was true.
	Counts    *ResourceSyncCounts `json:",omitzero"`
	NextToken string              `json:",omitzero" shape:"SharpNextToken"`
}

// ListSyncBlockersInput is the request of ListSyncBlockers.
type ListSyncBlockersInput struct {
	NextToken  string `json:",omitzero" shape:"SharpNextToken"`
	MaxResults *int   `json:",omitzero" shape:"MaxResults"`
	// The status of the blockers. The default is ACTIVE.
	Status       string `json:",omitzero" shape:"BlockerStatus"`
	SyncType     string `json:",omitzero" shape:"SyncConfigurationType"`
	ResourceName string `json:",omitzero" shape:"ResourceName"`
}

// ResourceSyncBlocker is a blocker and the resource that it blocks.
type ResourceSyncBlocker struct {
	ResourceName string `shape:"ResourceName"`
	SyncType     string `shape:"SyncConfigurationType"`
	SyncBlocker  SyncBlocker
}

// ListSyncBlockersOutput is the response of ListSyncBlockers.
type ListSyncBlockersOutput struct {
	ResourceSyncBlockers []ResourceSyncBlocker `shape:"ResourceSyncBlockerList"`
	NextToken            string                `json:",omitzero" shape:"SharpNextToken"`
}
