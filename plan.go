package lockstep

// A Plan is what a commit would change in a stack, as the target reports it before
// anything is executed. It contains names, and the values of those parameters and
// tags that are not secret.
type Plan struct {
	ID      string           `json:"id"`   // the ARN of the change set
	Name    string           `json:"name"` // the name of the change set
	Changes []ProposedChange `json:"changes,omitempty"`
	// Parameters and Tags are those of the stack itself that would change, sorted
	// by name.
	Parameters []ValueChange `json:"parameters,omitempty"`
	Tags       []ValueChange `json:"tags,omitempty"`
	// Truncated reports whether changes, or details of a change, are left out.
	Truncated bool `json:"truncated,omitempty"`
}

// A ProposedChange is what would happen to one resource of the stack, in
// CloudFormation's words.
type ProposedChange struct {
	Action       string         `json:"action"` // Add, Modify, Remove, Import or Dynamic
	LogicalID    string         `json:"logical_id"`
	PhysicalID   string         `json:"physical_id,omitempty"` // "" if it does not exist yet
	ResourceType string         `json:"resource_type"`
	Replacement  string         `json:"replacement,omitempty"` // True, False, Conditional or ""
	Scope        []string       `json:"scope,omitempty"`       // changed attributes: Properties, Tags …
	Details      []ChangeDetail `json:"details,omitempty"`
}

// A ValueChange is a parameter or a tag of the stack that would change.
type ValueChange struct {
	Name   string `json:"name"`
	Before string `json:"before,omitempty"` // "" also if it does not exist
	After  string `json:"after,omitempty"`
	// Masked reports whether the values are left out because they may be secret.
	Masked bool `json:"masked,omitempty"`
}

// A ChangeDetail is one reason for a change. What the target does not report is "".
type ChangeDetail struct {
	Attribute          string `json:"attribute,omitempty"` // Properties, Tags, Metadata …
	Name               string `json:"name,omitempty"`      // the name of the property
	Path               string `json:"path,omitempty"`      // the path of the change within the property
	RequiresRecreation string `json:"requires_recreation,omitempty"`
	ChangeSource       string `json:"change_source,omitempty"`  // such as ParameterReference
	CausingEntity      string `json:"causing_entity,omitempty"` // the name of the parameter or resource
	Evaluation         string `json:"evaluation,omitempty"`     // Static, or Dynamic if it is known only when executed
}

// The limits of a plan. A driver that exceeds one sets Truncated.
const (
	MaxChanges       = 500
	MaxChangeDetails = 20  // of one change
	MaxValueChanges  = 100 // of parameters, and as many of tags
	MaxChangeText    = 256 // bytes of each text
)
