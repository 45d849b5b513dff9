package lockstep

// A Plan is what an attempt proposes to change, as the target told it before
// anything was executed. It holds names and no value of a parameter or a
// property.
type Plan struct {
	ID      string           `json:"id"`   // the proposal's: the change set's ARN
	Name    string           `json:"name"` // the change set's
	Changes []ProposedChange `json:"changes,omitempty"`
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
	MaxChangeText    = 256 // bytes of each text
)
