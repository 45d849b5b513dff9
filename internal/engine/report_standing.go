package engine

import (
	"fmt"
	"strings"
	"time"

	"github.com/lockstephq/lockstep"
	"github.com/lockstephq/lockstep/internal/db"
	"github.com/lockstephq/lockstep/internal/provider"
	"github.com/lockstephq/lockstep/internal/syncstate"
)

// A standing is how far a commit came in an environment: a number for each state
// that one of its stacks can be in.
type standing struct {
	total     int
	pending   int // desired, not attempted yet
	running   int
	succeeded int
	failed    int // or blocked
	left      int // to another commit that came before this one was brought to them
	culprit   string
	reason    string // of the culprit, which failed first
}

// A StackState is how far one stack came with a commit.
type StackState string

// The states of a stack.
const (
	StackPending   StackState = "pending" // desired, not attempted yet
	StackRunning   StackState = "running"
	StackSucceeded StackState = "succeeded"
	StackFailed    StackState = "failed" // or blocked
	StackLeft      StackState = "left"   // to another commit that came before this one was brought to it
)

// A StackStanding is one stack that a commit concerns, and how far that came.
type StackStanding struct {
	syncstate.AffectedConfiguration
	State StackState
}

// A CommitStanding is how far a commit came in an environment, in the words that
// its Git host is told.
type CommitStanding struct {
	State   provider.CommitState
	Summary string // one line
	// Stacks are those whose configuration publishes, in the order of their names.
	// None is no error.
	Stacks []StackStanding
}

// StandingOf reads how far a commit came, as it is now.
func StandingOf(tx *db.Tx, linkID, environment string, sha lockstep.SHA) (CommitStanding, error) {
	list, err := readStacks(tx, linkID, environment, sha)
	if err != nil {
		return CommitStanding{}, err
	}
	s, err := countStanding(tx, list)
	return CommitStanding{State: s.state(), Summary: s.summary(), Stacks: list}, err
}

// readStacks reads what a commit concerns in an environment.
func readStacks(tx *db.Tx, linkID, where string, sha lockstep.SHA) ([]StackStanding, error) {
	all, err := syncstate.AffectedConfigurations(tx, linkID, sha)
	if err != nil {
		return nil, err
	}
	var list []StackStanding
	for _, k := range all {
		if environment(k.Configuration) == where {
			list = append(list, StackStanding{k, stackState(k)})
		}
	}
	return list, nil
}

func stackState(k syncstate.AffectedConfiguration) StackState {
	switch {
	case k.AttemptID != "" && k.Outcome == "":
		return StackRunning
	case k.IsPending && k.Blocked == "":
		return StackPending
	case k.IsPending || k.Outcome == lockstep.Failed:
		return StackFailed
	case k.AttemptID != "":
		return StackSucceeded
	}
	return StackLeft
}

// readStanding counts what a commit concerns in an environment, as it is now.
func readStanding(tx *db.Tx, linkID, where string, sha lockstep.SHA) (standing, error) {
	list, err := readStacks(tx, linkID, where, sha)
	if err != nil {
		return standing{}, err
	}
	return countStanding(tx, list)
}

func countStanding(tx *db.Tx, list []StackStanding) (standing, error) {
	var s standing
	var first *StackStanding // to fail
	for i, k := range list {
		s.count(k.State)
		if k.State == StackFailed && (first == nil || k.EndedAt.Before(first.EndedAt)) {
			first = &list[i]
		}
	}

	if first == nil {
		return s, nil
	}

	s.culprit, s.reason = first.Configuration.ResourceName, first.Blocked
	if first.IsPending {
		return s, nil // blocked before it was attempted
	}

	events, err := syncstate.LastResourceEvents(tx, first.AttemptID, 1)
	if len(events) > 0 {
		s.reason = events[0].Message
	}

	return s, err
}

// count adds one stack.
func (s *standing) count(state StackState) {
	s.total++
	switch state {
	case StackRunning:
		s.running++
	case StackPending:
		s.pending++
	case StackFailed:
		s.failed++
	case StackSucceeded:
		s.succeeded++
	default:
		s.left++
	}
}

// open says whether something is still to come.
func (s standing) open() bool { return s.pending+s.running > 0 }

// state is what a person at the Git host wants to know first: that something has
// failed, at once. A stack that was left to another commit counts for neither end,
// but a commit that nothing was brought to has not succeeded: some hosts take the
// latest success for what is deployed.
func (s standing) state() provider.CommitState {
	switch {
	case s.failed > 0:
		return provider.CommitFailed
	case s.running > 0, s.pending > 0 && s.succeeded > 0:
		return provider.CommitRunning
	case s.pending > 0:
		return provider.CommitPending
	case s.succeeded > 0:
		return provider.CommitSucceeded
	}
	return provider.CommitFailed
}

// maxSummary is how long a summary may be, in bytes.
const maxSummary = 140

// summary says it in a line.
func (s standing) summary() string {
	switch {
	case s.total == 0:
		return "None of its stacks is reported any more"
	case s.failed > 0:
		whole := oneLine(fmt.Sprintf("%d of %s failed: %s: %s", s.failed, stacks(s.total), s.culprit, s.reason))
		if _, cause, ok := strings.Cut(s.reason, ". "); ok && len(whole) > maxSummary {
			// What comes first says that it failed, which is said already.
			whole = oneLine(fmt.Sprintf("%d of %s failed: %s: %s", s.failed, stacks(s.total), s.culprit, cause))
		}
		return lockstep.Truncate(whole, maxSummary)

	case s.succeeded == 0 && s.open():
		return stacks(s.total) + " to sync"
	case s.open():
		return fmt.Sprintf("%d of %s synced", s.succeeded, stacks(s.total))
	case s.succeeded == 0:
		return stacks(s.total) + " left to another commit"
	case s.left > 0:
		return fmt.Sprintf("%d of %s synced, %d left to another commit", s.succeeded, stacks(s.total), s.left)
	}

	return stacks(s.total) + " synced"
}

func stacks(n int) string {
	if n == 1 {
		return "1 stack"
	}
	return fmt.Sprintf("%d stacks", n)
}

// oneLine returns text from outside on one line, without unsafe characters and runs
// of space.
func oneLine(text string) string {
	return strings.Join(strings.Fields(lockstep.SanitizeLine(text)), " ")
}

const (
	// progressPause is the least time between two tellings of mere progress.
	progressPause = 30 * time.Second
	// relookAfter is when a commit that has not come to its end is looked at again
	// without news: a configuration may have been deleted, or moved elsewhere.
	relookAfter = 10 * time.Minute
)

// due says whether what stands now is to be told, and if not, when it is looked at
// again; zero is never.
func (s standing) due(r syncstate.StatusReport, now time.Time) (tell bool, again time.Time) {
	if s.open() {
		again = now.Add(relookAfter)
	}

	was := provider.CommitState(r.State)
	changed := s.state() != was
	switch {
	case s.total == 0 && was != provider.CommitPending && was != provider.CommitRunning:
		return false, time.Time{} // nothing to say, and nothing left open
	case !changed && s.summary() == r.Summary:
		return false, again
	case !s.open(), changed && was != "" && r.Reason == "", !now.Before(r.TriedAt.Add(progressPause)):
		return true, again
	}

	// Progress alone, or a change that a Git host is likely not to take: it took
	// nothing of this commit yet, or not the last.
	return false, r.TriedAt.Add(progressPause)
}
