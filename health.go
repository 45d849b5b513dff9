package lockstep

import (
	"fmt"
	"time"
)

// A HealthState is the answer to "is this resource as Git says?" in one word. Unlike
// the status of the latest sync, it also knows what has happened since: that sync may
// have succeeded, and the repository cannot be read any more.
type HealthState string

// The health of a resource. The first that applies counts.
const (
	// HealthBlocked: a blocker is active, and nothing is synced until a person
	// resolves it.
	HealthBlocked HealthState = "BLOCKED"
	// HealthSyncing: an attempt is running.
	HealthSyncing HealthState = "SYNCING"
	// HealthFailed: the attempt for the desired revision failed.
	HealthFailed HealthState = "FAILED"
	// HealthUnknown: the repository, or the branch, cannot be read. What Git says now
	// is not known.
	HealthUnknown HealthState = "UNKNOWN"
	// HealthBehind: the resource is not at the head's revision, and no attempt runs.
	HealthBehind HealthState = "BEHIND"
	// HealthInStep: the resource was brought to the desired revision.
	HealthInStep HealthState = "IN_STEP"
)

// A Health is the health of a resource at one time.
type Health struct {
	State  HealthState
	Reason string // a sentence; "" if there is nothing to explain
	// Since is when the state began, zero if that is not known.
	Since time.Time
	// NextProbe is when the repository is read next; zero if it is readable.
	NextProbe time.Time
}

// BlockerRemedy returns what a person does about the blocker of a resource.
func BlockerRemedy(resource string) string {
	return fmt.Sprintf("Remove the cause, then run `lockstep retry %s`.", ShellQuote(resource))
}

// UnreadableReason returns the sentence that a repository, or its branch, cannot be
// read since a time, for a resource whose health has another cause.
func UnreadableReason(since time.Time, problem string) string {
	if since.IsZero() {
		return "The repository cannot be read: " + problem
	}
	return fmt.Sprintf("The repository cannot be read since %s: %s", since.UTC().Format(time.RFC3339), problem)
}

// PinnedReason is the reason of a resource that is kept at a commit which was
// requested by its id.
func PinnedReason(pinned, head SHA, resource string) string {
	reason := fmt.Sprintf("Pinned at commit %s, which was requested by its id.", pinned.Short())
	if head != "" && head != pinned {
		reason += fmt.Sprintf(" The head of the branch is %s.", head.Short())
	}
	return reason + fmt.Sprintf(" Run `lockstep retry %s` to release it.", ShellQuote(resource))
}
