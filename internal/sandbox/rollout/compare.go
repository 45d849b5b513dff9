package rollout

import (
	"maps"
	"slices"
	"strings"

	"github.com/lockstephq/lockstep/internal/cfn/spec"
	"github.com/lockstephq/lockstep/internal/cfn/syntax"
	"github.com/lockstephq/lockstep/internal/cfn/template"
)

// A Change is what an operation does to one resource, in the words of change sets.
type Change struct {
	Action       string   `json:"action"` // Add, Modify or Remove
	LogicalID    string   `json:"logicalId"`
	PhysicalID   string   `json:"physicalId,omitempty"`
	Type         string   `json:"type"`
	Replacement  string   `json:"replacement,omitempty"`  // for Modify: True, False or Conditional
	PolicyAction string   `json:"policyAction,omitempty"` // what happens to the old resource
	Scope        []string `json:"scope,omitempty"`
	Details      []Detail `json:"details,omitempty"`
}

// A Detail is one changed attribute of a resource, and its cause.
type Detail struct {
	Attribute  string          `json:"attribute"`
	Name       string          `json:"name,omitempty"`
	Recreation spec.Recreation `json:"recreation,omitempty"`
	Evaluation string          `json:"evaluation"`
	Source     string          `json:"source"`
	Cause      string          `json:"cause,omitempty"`
}

// A Comparison has what the changes depend on in addition to the resources.
type Comparison struct {
	Catalog *spec.Catalog
	// Parameters has the names of the parameters whose values differ.
	Parameters map[string]bool
	// Tags is set if the stack's tags differ.
	Tags bool
}

// Compare returns the changes: first the new and modified resources in the order of
// desired, then the removed ones.
func (c Comparison) Compare(old, desired []Resource) []Change {
	before := map[string]*Resource{}
	for i := range old {
		before[old[i].LogicalID] = &old[i]
	}

	changed := map[string]bool{}
	var out []Change
	for i := range desired {
		resource := &desired[i]
		previous := before[resource.LogicalID]
		delete(before, resource.LogicalID)

		if previous == nil {
			changed[resource.LogicalID] = true
			out = append(out, Change{Action: "Add", LogicalID: resource.LogicalID, Type: resource.Type})
			continue
		}

		if ch, differs := c.modify(previous, resource, changed); differs {
			changed[resource.LogicalID] = true
			out = append(out, ch)
		}
	}

	for i := range old {
		previous := &old[i]
		if before[previous.LogicalID] == nil {
			continue
		}

		action := "Delete"
		if p := previous.DeletionPolicy; p == "Retain" || p == "Snapshot" {
			action = p
		} else if p == "RetainExceptOnCreate" {
			action = "Retain"
		}

		out = append(out, Change{
			Action:       "Remove",
			LogicalID:    previous.LogicalID,
			PhysicalID:   previous.PhysicalID,
			Type:         previous.Type,
			PolicyAction: action,
		})
	}

	return out
}

// ChangedProperties returns the names of the top-level properties whose values differ.
func ChangedProperties(old, desired map[string]any) []string {
	var out []string
	for name := range union(old, desired) {
		a, had := old[name]
		b, has := desired[name]
		if had != has || syntax.Canonical(a) != syntax.Canonical(b) {
			out = append(out, name)
		}
	}
	slices.Sort(out)
	return out
}

func union(a, b map[string]any) map[string]bool {
	out := map[string]bool{}
	for key := range a {
		out[key] = true
	}
	for key := range b {
		out[key] = true
	}
	return out
}

// modify compares an existing resource with the desired one.
func (c Comparison) modify(previous, resource *Resource, changed map[string]bool) (Change, bool) {
	change := Change{
		Action:      "Modify",
		LogicalID:   resource.LogicalID,
		PhysicalID:  previous.PhysicalID,
		Type:        resource.Type,
		Replacement: "False",
	}
	for _, name := range ChangedProperties(previous.Properties, resource.Properties) {
		change.addProperty(c, previous, resource, name, changed)
	}

	if previous.Metadata != resource.Metadata {
		change.addAttribute("Metadata")
	}

	for _, name := range []string{"CreationPolicy", "UpdatePolicy"} {
		if previous.Attributes[name] != resource.Attributes[name] {
			change.addAttribute(name)
		}
	}

	if previous.DeletionPolicy != resource.DeletionPolicy {
		change.addAttribute("DeletionPolicy")
	}

	if previous.UpdateReplacePolicy != resource.UpdateReplacePolicy {
		change.addAttribute("UpdateReplacePolicy")
	}

	if c.Tags && c.Catalog.Taggable(resource.Type) {
		change.addAttribute("Tags")
	}

	if change.Replacement == "True" {
		change.PolicyAction = "ReplaceAndDelete"
		if p := resource.UpdateReplacePolicy; p == "Retain" || p == "Snapshot" {
			change.PolicyAction = "ReplaceAnd" + p
		}
	}

	return change, len(change.Details) > 0
}

func (ch *Change) addAttribute(name string) {
	ch.addScope(name)
	ch.Details = append(ch.Details, Detail{Attribute: name, Evaluation: "Static", Source: "DirectModification"})
}

func (ch *Change) addScope(name string) {
	if !slices.Contains(ch.Scope, name) {
		ch.Scope = append(ch.Scope, name)
	}
}

// addProperty adds the details of one changed property.
func (ch *Change) addProperty(comparison Comparison, previous, resource *Resource, name string,
	changed map[string]bool) {
	ch.addScope("Properties")
	recreation := comparison.Catalog.Recreation(resource.Type, name)
	switch {
	case recreation == spec.Always:
		ch.Replacement = "True"
	case recreation == spec.Conditionally && ch.Replacement == "False":
		ch.Replacement = "Conditional"
	}

	detail := Detail{
		Attribute:  "Properties",
		Name:       name,
		Recreation: recreation,
		Evaluation: "Static",
		Source:     "DirectModification",
	}
	causes := comparison.causes(resource.Sources[name], changed)
	if previous.Sources[name].Text == resource.Sources[name].Text && len(causes) > 0 {
		detail.Evaluation = "Dynamic" // the text is the same, what it refers to is not
	}

	ch.Details = append(ch.Details, detail)
	for _, cause := range causes {
		detail.Source = string(cause.Kind)
		detail.Cause = cause.Name
		detail.Evaluation = "Dynamic"
		if cause.Kind == template.ToParameter {
			detail.Evaluation = "Static"
		}

		ch.Details = append(ch.Details, detail)
	}
}

// causes returns what has changed of what a property refers to.
func (c Comparison) causes(s template.Source, changed map[string]bool) []template.Reference {
	seen := map[template.Reference]bool{}
	for _, ref := range s.References {
		id, _, _ := strings.Cut(ref.Name, ".")
		if ref.Kind == template.ToParameter && c.Parameters[ref.Name] ||
			ref.Kind != template.ToParameter && changed[id] {
			seen[ref] = true
		}
	}
	return slices.SortedFunc(maps.Keys(seen), func(a, b template.Reference) int {
		return strings.Compare(string(a.Kind)+a.Name, string(b.Kind)+b.Name)
	})
}
