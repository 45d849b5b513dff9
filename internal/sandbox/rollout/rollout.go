// Package rollout computes what an operation does to a stack's resources, and when.
//
//	existing and desired resources ─▶ [Comparison.Compare] ─▶ changes, as in a change set
//	[Request] with the changes ─▶ [Create], [Update] or [Delete] ─▶ transitions
//
// # Transitions
//
// An operation is computed as a whole when it starts. Its transitions have offsets
// from the start: in progress, complete, failed, cancelled, rolled back. The state
// at any time is that of the last transition that has passed. Nothing has to run in
// between, so nothing is lost when the process stops.
//
// # Behavior
//
// Resources are created in parallel as far as their dependencies allow. The
// [Behavior] of a resource, which a template sets in the resource's Metadata under
// Lockstep::Sandbox, is how long it takes and whether it fails.
//
// The package is pure. It stores nothing and does not know the clock.
package rollout

import (
	"slices"
	"strings"
	"time"

	"github.com/lockstephq/lockstep/internal/cfn/template"
)

// Notice is the reason of the last event of every operation.
const Notice = "Sandbox: nothing was provisioned; properties, permissions and quotas were not checked."

// A Resource is a resource of a stack, existing or desired.
type Resource struct {
	LogicalID           string                     `json:"logicalId"`
	Type                string                     `json:"type"`
	PhysicalID          string                     `json:"physicalId"`
	Generation          int                        `json:"generation"`
	Properties          map[string]any             `json:"properties,omitempty"`
	Metadata            string                     `json:"metadata,omitempty"` // canonical text
	Attributes          map[string]string          `json:"attributes,omitempty"`
	DeletionPolicy      string                     `json:"deletionPolicy,omitempty"`
	UpdateReplacePolicy string                     `json:"updateReplacePolicy,omitempty"`
	DependsOn           []string                   `json:"dependsOn,omitempty"`
	Sources             map[string]template.Source `json:"sources,omitempty"`
	Behavior            Behavior                   `json:"behaviour"`
	EventProperties     string                     `json:"shown,omitempty"` // properties as events show them
}

// A Status is that of a resource or a stack.
type Status string

// A Transition is one change of state in an operation.
type Transition struct {
	At time.Duration // from the operation's start
	// Resource is nil for a transition of the stack.
	Resource   *Resource
	PhysicalID string // of the resource; "" before it has one
	Status     Status
	Reason     string
	// State is the resource from this transition on. It is nil if the transition is
	// that of a replaced resource.
	State *Resource
	// Gone is set if the resource is no longer part of the stack.
	Gone bool
	// Silent is set if the transition has no event.
	Silent bool
	// Definition is the stack's definition from this transition on.
	Definition DefinitionSide
}

// A DefinitionSide is the old or the new definition of an operation.
type DefinitionSide int

// The sides of an operation.
const (
	Changing DefinitionSide = iota // the new definition, with the old outputs
	New                            // the new definition
	Old                            // the old definition
)

// OnFailure is what happens to a stack whose operation fails.
type OnFailure string

// CloudFormation's values of OnFailure.
const (
	Rollback    OnFailure = "ROLLBACK"
	DoNothing   OnFailure = "DO_NOTHING"
	DeleteStack OnFailure = "DELETE"
)

// A Request is a creation or an update to compute.
type Request struct {
	Existing []Resource // of the stack
	Desired  []Resource // each after those it depends on
	// Changes are those of [Comparison.Compare]. Other resources are not touched.
	Changes   []Change
	OnFailure OnFailure
	// RetainExceptOnCreate deletes resources that the operation created, also if their
	// policy is to retain them.
	RetainExceptOnCreate bool
	// Timeout fails a creation that takes longer; 0 for none.
	Timeout time.Duration
	// FailureReason, if not "", fails the operation before the first resource.
	FailureReason string
	// ResourceDuration is how long a resource without a Delay takes. If zero, the whole
	// operation takes about a fifth of a second.
	ResourceDuration time.Duration
}

// resourceDuration returns how long a resource takes.
func (r Request) resourceDuration() time.Duration {
	if r.ResourceDuration > 0 {
		return r.ResourceDuration
	}
	const most, whole = 20 * time.Millisecond, 150 * time.Millisecond
	return max(min(most, whole/time.Duration(depth(r.Desired)+depth(r.Existing)+1)), time.Millisecond)
}

// depth returns the length of the longest chain of dependencies.
func depth(all []Resource) int {
	level := map[string]int{}
	deepest := 0
	for _, resource := range all {
		for _, id := range resource.DependsOn {
			level[resource.LogicalID] = max(level[resource.LogicalID], level[id]+1)
		}
		deepest = max(deepest, level[resource.LogicalID])
	}
	return deepest
}

// A timeline collects the transitions of an operation.
type timeline struct {
	resourceDuration time.Duration
	failAt           time.Duration // when the steps stop, negative for never
	transitions      []Transition
}

func (t *timeline) addStack(at time.Duration, s Status, reason string, side DefinitionSide) {
	t.transitions = append(t.transitions, Transition{
		At:         at,
		Status:     s,
		Reason:     reason,
		Definition: side,
	})
}

// sorted returns the transitions by time, those of the same time in the order of their
// addition.
func (t *timeline) sorted() []Transition {
	slices.SortStableFunc(t.transitions, func(a, b Transition) int { return int(a.At - b.At) })
	return t.transitions
}

// bracketed returns logical ids as in CloudFormation's reasons.
func bracketed(ids []string) string {
	ids = slices.Clone(ids)
	slices.Sort(ids)
	return "[" + strings.Join(slices.Compact(ids), ", ") + "]"
}
