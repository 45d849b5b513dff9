package wire

// SyncBlockerContext is a fact about a blocker, such as the stack that it blocks.
type SyncBlockerContext struct {
	Key   string `shape:"SyncBlockerContextKey"`
	Value string `shape:"SyncBlockerContextValue"`
}

// SyncBlocker is a reason why a resource is not synced until a person resolves it.
type SyncBlocker struct {
	// The id of the blocker.
	Id            string `shape:"Id"`
	Type          string `shape:"BlockerType"`
	Status        string `shape:"BlockerStatus"`
	CreatedReason string `shape:"CreatedReason"`
	// When the blocker was created.
	CreatedAt      Time                 `shape:"Timestamp"`
	Contexts       []SyncBlockerContext `json:",omitzero" shape:"SyncBlockerContextList"`
	ResolvedReason string               `json:",omitzero" shape:"ResolvedReason"`
	// When the blocker was resolved.
	ResolvedAt Time `json:",omitzero" shape:"Timestamp"`
}

// SyncBlockerSummary is the latest blockers of a resource, including resolved ones.
type SyncBlockerSummary struct {
	ResourceName string `shape:"ResourceName"`
	// Not used.
	ParentResourceName string        `json:",omitzero" shape:"ResourceName"`
	LatestBlockers     []SyncBlocker `json:",omitzero" shape:"LatestSyncBlockerList"`
}

// GetSyncBlockerSummaryInput is the request of GetSyncBlockerSummary.
type GetSyncBlockerSummaryInput struct {
	SyncType     string `shape:"SyncConfigurationType"`
	ResourceName string `shape:"ResourceName"`
}

// GetSyncBlockerSummaryOutput is the response of GetSyncBlockerSummary.
type GetSyncBlockerSummaryOutput struct {
	SyncBlockerSummary SyncBlockerSummary
}

// UpdateSyncBlockerInput is the request of UpdateSyncBlocker.
type UpdateSyncBlockerInput struct {
	// The id of the blocker.
	Id             string `shape:"Id"`
	SyncType       string `shape:"SyncConfigurationType"`
	ResourceName   string `shape:"ResourceName"`
	ResolvedReason string `shape:"ResolvedReason"`
}

// UpdateSyncBlockerOutput is the response of UpdateSyncBlocker.
type UpdateSyncBlockerOutput struct {
	ResourceName string `shape:"ResourceName"`
	// Not used.
	ParentResourceName string `json:",omitzero" shape:"ResourceName"`
	SyncBlocker        SyncBlocker
}
