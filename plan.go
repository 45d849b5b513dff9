package lockstep

// A Plan is what an attempt proposes to change, as the target told it before
// anything was executed. It holds names, and of values only those of parameters
// and tags that are no secret.
type Plan struct {
	ID      string           `json:"id"`   // the proposal's: the change set's ARN
	Name    string           `json:"name"` // the change set's
	Changes []ProposedChange `json:"changes,omitempty"`
	// Parameters and Tags are those of the target itself that would change, in
	// the order of their names.
	Parameters []ValueChange `json:"parameters,omitempty"`
	Tags       []ValueChange `json:"tags,omitempty"`
	// Truncated says that there is more than is told: more changes, or more
	// details of one.
	Truncated bool `json:"truncated,omitempty"`
}

// A ProposedChange is what would become of one resource, in CloudFormation's
// words.
type ProposedChange struct {
	Action       string         `json:"action"` // Add, Modify, Remove, Import or Dynamic
	LogicalID    string         `json:"logical_id"`
	PhysicalID   string         `json:"physical_id,omitempty"` // "" for what is not there yet
	ResourceType string         `json:"resource_type"`
	Replacement  string         `json:"replacement,omitempty"` // True, False, Conditional or ""
	Scope        []string       `json:"scope,omitempty"`       // what of it changes: Properties, Tags, Metadata …
	Details      []ChangeDetail `json:"details,omitempty"`
}

// A ValueChange is a parameter or a tag that would change.
type ValueChange struct {
	Name   string `json:"name"`
	Before string `json:"before,omitempty"` // "" for what is not there, too
	After  string `json:"after,omitempty"`
	// Masked says that the values are not told: they are, or may be, a secret.
	Masked bool `json:"masked,omitempty"`
}

// A ChangeDetail is one reason for a change. What the target does not tell is
// "".
type ChangeDetail struct {
	Attribute          string `json:"attribute,omitempty"` // Properties, Tags, Metadata …
	Name               string `json:"name,omitempty"`      // of the property
	Path               string `json:"path,omitempty"`      // to what changes within the property
	RequiresRecreation string `json:"requires_recreation,omitempty"`
	ChangeSource       string `json:"change_source,omitempty"`  // such as ParameterReference
	CausingEntity      string `json:"causing_entity,omitempty"` // the parameter's or resource's name
	Evaluation         string `json:"evaluation,omitempty"`     // Static or Dynamic: known now, or only when executed
}

// The bounds of a plan. A driver keeps them and says so by Truncated.
const (
	MaxChanges       = 500
	MaxChangeDetails = 20  // of one change
	MaxValueChanges  = 100 // of parameters, and as many of tags
	MaxChangeText    = 256 // bytes of each text
)
