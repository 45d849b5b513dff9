package wire

// The outcomes of an attempt.
const (
	OutcomeApplied    = "APPLIED"    // the resource was changed
	OutcomeUnchanged  = "UNCHANGED"  // there were no changes
	OutcomeFailed     = "FAILED"     // the resource could not be changed
	OutcomeSuperseded = "SUPERSEDED" // a newer revision is desired, and nothing was executed
	OutcomeCancelled  = "CANCELLED"  // its sync configuration was deleted
)

// ListResourceSyncAttemptsInput is the request of ListResourceSyncAttempts.
type ListResourceSyncAttemptsInput struct {
	ResourceName string `shape:"ResourceName"`
	SyncType     string `shape:"SyncConfigurationType"`
	NextToken    string `json:",omitzero" shape:"SharpNextToken"`
	MaxResults   *int   `json:",omitzero" shape:"MaxResults"`
}

// ResourceSyncAttemptSummary is an attempt without its events and plan.
type ResourceSyncAttemptSummary struct {
	// The id of the attempt.
	AttemptId string `shape:"Id"`
	Status    string `shape:"ResourceSyncStatus"`
	// The outcome of the attempt. It is absent while the attempt is in progress.
	Outcome string `json:",omitzero" shape:"AttemptOutcome"`
	Branch  string `shape:"BranchName"`
	// The commit before the attempt.
	InitialSha string `shape:"SHA"`
	// The commit to be synced.
	TargetSha string `shape:"SHA"`
	// When the attempt started.
	StartedAt Time `shape:"Timestamp"`
	// When the attempt ended.
	EndedAt Time `json:",omitzero" shape:"Timestamp"`
	// The message of the newest event.
	LastEvent string `json:",omitzero" shape:"Event"`
}

// ListResourceSyncAttemptsOutput is the response of ListResourceSyncAttempts.
type ListResourceSyncAttemptsOutput struct {
	Attempts  []ResourceSyncAttemptSummary `shape:"ResourceSyncAttemptSummaryList"`
	NextToken string                       `json:",omitzero" shape:"SharpNextToken"`
}

// GetResourceSyncAttemptInput is the request of GetResourceSyncAttempt.
type GetResourceSyncAttemptInput struct {
	// The id of the attempt.
	AttemptId string `shape:"Id"`
}

// GetResourceSyncAttemptOutput is the response of GetResourceSyncAttempt.
type GetResourceSyncAttemptOutput struct {
	// The id of the attempt.
	AttemptId    string `shape:"Id"`
	ResourceName string `shape:"ResourceName"`
	SyncType     string `shape:"SyncConfigurationType"`
	Outcome      string `json:",omitzero" shape:"AttemptOutcome"`
	// When the attempt ended.
	EndedAt Time `json:",omitzero" shape:"Timestamp"`
	// The attempt with its events.
	Attempt ResourceSyncAttempt
	// The proposed changes. It is absent if there were no changes, or the attempt
	// ended before they were known.
	Plan *SyncPlan `json:",omitzero"`
}

// SyncPlan is the changes that an attempt proposed: a CloudFormation change set.
type SyncPlan struct {
	// The ARN of the change set.
	ChangeSetId string `shape:"ChangeText"`
	// The name of the change set.
	ChangeSetName string           `json:",omitzero" shape:"ChangeText"`
	Changes       []ProposedChange `shape:"ProposedChangeList"`
	// The changed parameters of the stack.
	Parameters []ValueChange `json:",omitzero" shape:"ValueChangeList"`
	// The changed tags of the stack.
	Tags []ValueChange `json:",omitzero" shape:"ValueChangeList"`
	// Whether there are more changes than were stored.
	Truncated bool `json:",omitzero" shape:"Flag"`
}

// ProposedChange is the change of one resource, in the terms of CloudFormation's
// ResourceChange.
type ProposedChange struct {
	// Add, Modify, Remove, Import or Dynamic.
	Action string `shape:"ChangeWord"`
	// The logical id of the resource.
	LogicalResourceId string `shape:"ChangeText"`
	// The physical id of the resource.
	PhysicalResourceId string `json:",omitzero" shape:"ChangeText"`
	// The type of the resource.
	ResourceType string `shape:"ChangeText"`
	// Whether the resource is replaced: True, False or Conditional.
	Replacement string         `json:",omitzero" shape:"ChangeWord"`
	Scope       []string       `json:",omitzero" shape:"ChangeScope"`
	Details     []ChangeDetail `json:",omitzero" shape:"ChangeDetailList"`
}

// ChangeDetail is the part of a resource that changes and the cause, in the terms of
// CloudFormation's ResourceChangeDetail. It has no values.
type ChangeDetail struct {
	// The attribute, such as Properties.
	Attribute string `json:",omitzero" shape:"ChangeWord"`
	// The name of the property.
	Name string `json:",omitzero" shape:"ChangeText"`
	// The path of the value within the resource.
	Path string `json:",omitzero" shape:"ChangeText"`
	// Whether the change requires replacement: Never, Conditionally or Always.
	RequiresRecreation string `json:",omitzero" shape:"ChangeWord"`
	// The kind of the cause, such as ParameterReference.
	ChangeSource string `json:",omitzero" shape:"ChangeWord"`
	// The cause, such as the name of a parameter.
	CausingEntity string `json:",omitzero" shape:"ChangeText"`
	// Static, or Dynamic if the value is known only during execution.
	Evaluation string `json:",omitzero" shape:"ChangeWord"`
}

// ValueChange is a changed parameter or tag.
type ValueChange struct {
	// The name of the parameter, or the key of the tag.
	Name string `shape:"ChangeText"`
	// The value before the change. It is absent for a new one.
	Before string `json:",omitzero" shape:"ChangeText"`
	// The value after the change. It is absent for a removed one.
	After string `json:",omitzero" shape:"ChangeText"`
	// Whether Before and After are left out because the value is secret, or may be.
	Masked bool `json:",omitzero" shape:"Flag"`
}
