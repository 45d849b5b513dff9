package wire

// SyncBlockerContext is one fact about what a blocker blocks.
type SyncBlockerContext struct {
	Key   string `shape:"SyncBlockerContextKey"`
	Value string `shape:"SyncBlockerContextValue"`
}

// SyncBlocker is a reason that only a person can remove.
type SyncBlocker struct {
	Id             string               `shape:"Id"`
	Type           string               `shape:"BlockerType"`
	Status         string               `shape:"BlockerStatus"`
	CreatedReason  string               `shape:"CreatedReason"`
	CreatedAt      Time                 `shape:"Timestamp"`
	Contexts       []SyncBlockerContext `json:",omitzero" shape:"SyncBlockerContextList"`
	ResolvedReason string               `json:",omitzero" shape:"ResolvedReason"`
	ResolvedAt     Time                 `json:",omitzero" shape:"Timestamp"`
}

// SyncBlockerSummary lists a resource's blockers, resolved ones included.
type SyncBlockerSummary struct {
	ResourceName       string        `shape:"ResourceName"`
	ParentResourceName string        `json:",omitzero" shape:"ResourceName"`
	LatestBlockers     []SyncBlocker `json:",omitzero" shape:"LatestSyncBlockerList"`
}

// GetSyncBlockerSummaryInput asks for a resource's blockers.
type GetSyncBlockerSummaryInput struct {
	SyncType     string `shape:"SyncConfigurationType"`
	ResourceName string `shape:"ResourceName"`
}

// GetSyncBlockerSummaryOutput answers GetSyncBlockerSummary.
type GetSyncBlockerSummaryOutput struct {
	SyncBlockerSummary SyncBlockerSummary
}

// UpdateSyncBlockerInput resolves a blocker.
type UpdateSyncBlockerInput struct {
	Id             string `shape:"Id"`
	SyncType       string `shape:"SyncConfigurationType"`
	ResourceName   string `shape:"ResourceName"`
	ResolvedReason string `shape:"ResolvedReason"`
}

// UpdateSyncBlockerOutput answers UpdateSyncBlocker.
type UpdateSyncBlockerOutput struct {
	ResourceName       string `shape:"ResourceName"`
	ParentResourceName string `json:",omitzero" shape:"ResourceName"`
	SyncBlocker        SyncBlocker
}
