package wire

// How an attempt that has ended did so.
const (
	OutcomeApplied    = "APPLIED"    // the resource was changed
	OutcomeUnchanged  = "UNCHANGED"  // there was nothing to change
	OutcomeFailed     = "FAILED"     // it could not be changed
	OutcomeSuperseded = "SUPERSEDED" // a newer revision came before anything was executed
	OutcomeCancelled  = "CANCELLED"  // its sync configuration was deleted before
)

// ListResourceSyncAttemptsInput asks for a page of a resource's history, newest
// first.
type ListResourceSyncAttemptsInput struct {
	ResourceName string `shape:"ResourceName"`
	SyncType     string `shape:"SyncConfigurationType"`
	NextToken    string `json:",omitzero" shape:"SharpNextToken"`
	MaxResults   *int   `json:",omitzero" shape:"MaxResults"`
}

// ResourceSyncAttemptSummary is one line of a history. Outcome and EndedAt are
// absent while the attempt runs; LastEvent is its newest event's sentence.
type ResourceSyncAttemptSummary struct {
	AttemptId  string `shape:"Id"`
	Status     string `shape:"ResourceSyncStatus"`
	Outcome    string `json:",omitzero" shape:"AttemptOutcome"`
	Branch     string `shape:"BranchName"`
	InitialSha string `shape:"SHA"`
	TargetSha  string `shape:"SHA"`
	StartedAt  Time   `shape:"Timestamp"`
	EndedAt    Time   `json:",omitzero" shape:"Timestamp"`
	LastEvent  string `json:",omitzero" shape:"Event"`
}

// ListResourceSyncAttemptsOutput answers ListResourceSyncAttempts.
type ListResourceSyncAttemptsOutput struct {
	Attempts  []ResourceSyncAttemptSummary `shape:"ResourceSyncAttemptSummaryList"`
	NextToken string                       `json:",omitzero" shape:"SharpNextToken"`
}

// GetResourceSyncAttemptInput asks for one attempt whole.
type GetResourceSyncAttemptInput struct {
	AttemptId string `shape:"Id"`
}

// GetResourceSyncAttemptOutput answers GetResourceSyncAttempt. Plan is absent
// where none was made: the attempt ended before, or there was nothing to change.
type GetResourceSyncAttemptOutput struct {
	AttemptId    string `shape:"Id"`
	ResourceName string `shape:"ResourceName"`
	SyncType     string `shape:"SyncConfigurationType"`
	Outcome      string `json:",omitzero" shape:"AttemptOutcome"`
	EndedAt      Time   `json:",omitzero" shape:"Timestamp"`
	Attempt      ResourceSyncAttempt
	Plan         *SyncPlan `json:",omitzero"`
}

// SyncPlan is what an attempt proposed: the change set, as CloudFormation
// describes one. Parameters and Tags are those of the stack itself. Truncated
// says that there were more changes than are kept.
type SyncPlan struct {
	ChangeSetId   string           `shape:"ChangeText"`
	ChangeSetName string           `json:",omitzero" shape:"ChangeText"`
	Changes       []ProposedChange `shape:"ProposedChangeList"`
	Parameters    []ValueChange    `json:",omitzero" shape:"ValueChangeList"`
	Tags          []ValueChange    `json:",omitzero" shape:"ValueChangeList"`
	Truncated     bool             `json:",omitzero" shape:"Flag"`
}

// ProposedChange is one resource of a change set, in CloudFormation's words.
type ProposedChange struct {
	Action             string         `shape:"ChangeWord"`
	LogicalResourceId  string         `shape:"ChangeText"`
	PhysicalResourceId string         `json:",omitzero" shape:"ChangeText"`
	ResourceType       string         `shape:"ChangeText"`
	Replacement        string         `json:",omitzero" shape:"ChangeWord"`
	Scope              []string       `json:",omitzero" shape:"ChangeScope"`
	Details            []ChangeDetail `json:",omitzero" shape:"ChangeDetailList"`
}

// ChangeDetail says which part of a resource changes and why; it holds no value.
type ChangeDetail struct {
	Attribute          string `json:",omitzero" shape:"ChangeWord"`
	Name               string `json:",omitzero" shape:"ChangeText"`
	Path               string `json:",omitzero" shape:"ChangeText"`
	RequiresRecreation string `json:",omitzero" shape:"ChangeWord"`
	ChangeSource       string `json:",omitzero" shape:"ChangeWord"`
	CausingEntity      string `json:",omitzero" shape:"ChangeText"`
	Evaluation         string `json:",omitzero" shape:"ChangeWord"`
}

// ValueChange is a parameter or a tag that would change. Before is absent for
// what is new, After for what goes, and both where the value is, or may be, a
// secret, which Masked says.
type ValueChange struct {
	Name   string `shape:"ChangeText"`
	Before string `json:",omitzero" shape:"ChangeText"`
	After  string `json:",omitzero" shape:"ChangeText"`
	Masked bool   `json:",omitzero" shape:"Flag"`
}
