// Package rollout computes what happens to a stack's resources, and when.
//
// It is pure. Given the resources that a stack has and those that it should
// have, [Compare] says what would change, as a change set shows it, and
// [Create], [Update] and [Delete] write the whole course of the operation down
// at once, as moments with offsets from its start: in progress, complete,
// failed, cancelled, rolled back. Whoever keeps the moments can tell the state
// at any time by looking up the last one that has passed; nothing has to run in
// between, so nothing is lost when the process stops.
//
// Resources work in parallel as far as their dependencies allow. How long one
// takes and whether it fails is its [Behaviour], which a template sets in the
// resource's Metadata under Lockstep::Sandbox.
package rollout

import (
	"slices"
	"strings"
	"time"

	"github.com/lockstephq/lockstep/internal/cfn/template"
)

// Notice ends every operation: what a sandbox did not do.
const Notice = "Sandbox: nothing was provisioned; properties, permissions and quotas were not checked."

// A Resource is one that a stack has or should have.
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
	Behaviour           Behaviour                  `json:"behaviour"`
	Shown               string                     `json:"shown,omitempty"` // properties as events show them
}

// A Status is a resource's or a stack's.
type Status string

// A Moment is something that happens in an operation.
type Moment struct {
	At time.Duration // from the operation's start
	// Of the stack when Resource is nil.
	Resource   *Resource
	PhysicalID string // of the resource at this moment; "" before it has one
	Status     Status
	Reason     string
	// State is the resource as it stands from here on, when this moment changes
	// that; a moment that concerns a replaced predecessor does not.
	State *Resource
	// Gone says that the resource is no longer part of the stack.
	Gone bool
	// Silent moments change State without being an event.
	Silent bool
	// Settled says, of a stack's moment, which definition holds from here on.
	Settled Side
}

// A Side is one of the two definitions an operation stands between.
type Side int

const (
	Going  Side = iota // the new one is on its way: its parameters, the old outputs
	After              // the new one
	Before             // the old one
)

// OnFailure says what becomes of a stack whose operation fails.
type OnFailure string

const (
	Rollback  OnFailure = "ROLLBACK"
	DoNothing OnFailure = "DO_NOTHING"
	Remove    OnFailure = "DELETE"
)

// A Request asks for an operation's course.
type Request struct {
	Old []Resource // what the stack has
	New []Resource // what it should have, each after those it depends on
	// Changes are those of [Compare]; only resources named there are touched.
	Changes   []Change
	OnFailure OnFailure
	// RetainExceptOnCreate deletes resources that the operation created even if
	// their policy is to retain them.
	RetainExceptOnCreate bool
	// Timeout fails a creation that takes longer; 0 for none.
	Timeout time.Duration
	// Fatal fails the operation before any resource, with this reason.
	Fatal string
	// Each is how long a resource takes that says nothing itself; 0 lets the
	// whole operation take about a fifth of a second.
	Each time.Duration
}

// each returns the time a resource takes.
func (r Request) each() time.Duration {
	if r.Each > 0 {
		return r.Each
	}
	const most, whole = 20 * time.Millisecond, 150 * time.Millisecond
	return max(min(most, whole/time.Duration(depth(r.New)+depth(r.Old)+1)), time.Millisecond)
}

// depth is the length of the longest chain of dependencies.
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

// course collects moments.
type course struct {
	each    time.Duration
	failAt  time.Duration // when the steps stop, negative for never
	moments []Moment
}

func (c *course) stack(at time.Duration, s Status, reason string, side Side) {
	c.moments = append(c.moments, Moment{At: at, Status: s, Reason: reason, Settled: side})
}

// finish sorts the moments by time, those of the same time as they were added.
func (c *course) finish() []Moment {
	slices.SortStableFunc(c.moments, func(a, b Moment) int { return int(a.At - b.At) })
	return c.moments
}

// bracket lists logical ids as CloudFormation's reasons do.
func bracket(ids []string) string {
	ids = slices.Clone(ids)
	slices.Sort(ids)
	return "[" + strings.Join(slices.Compact(ids), ", ") + "]"
}
