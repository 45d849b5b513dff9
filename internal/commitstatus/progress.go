package commitstatus

import (
	"fmt"
	"strings"
	"time"

	"github.com/lockstephq/lockstep"
	"github.com/lockstephq/lockstep/internal/db"
	"github.com/lockstephq/lockstep/internal/provider"
	"github.com/lockstephq/lockstep/internal/syncstate"
)

// A StackState is the progress of one stack with a commit.
type StackState string

// The states of a stack.
const (
	StackPending    StackState = "pending" // desired, not attempted yet
	StackRunning    StackState = "running"
	StackSucceeded  StackState = "succeeded"
	StackFailed     StackState = "failed"     // or blocked
	StackSuperseded StackState = "superseded" // another commit came before this one was synced
)

// A Stack is a stack that a commit affects, with its progress.
type Stack struct {
	syncstate.AffectedConfiguration
	State StackState
}

// A Status is the progress of a commit in an environment, as its Git host shows it.
type Status struct {
	State   provider.CommitState
	Summary string // one line
	// Stacks are those whose configurations publish their status, in the order of
	// their names. There may be none.
	Stacks []Stack
}

// Read returns the status of a commit in an environment as it is now.
func Read(tx *db.Tx, linkID, environment string, sha lockstep.SHA) (Status, error) {
	progress, err := readProgress(tx, linkID, environment, sha)
	return Status{State: progress.state(), Summary: progress.summary(), Stacks: progress.stacks}, err
}

// A progress is how many stacks of a commit are in each state.
type progress struct {
	stacks []Stack
	count  map[StackState]int

	// failedStack is the stack that failed first, failure its reason.
	failedStack string
	failure     string
}

// readProgress reads the progress of a commit in an environment.
func readProgress(tx *db.Tx, linkID, environment string, sha lockstep.SHA) (progress, error) {
	result := progress{count: map[StackState]int{}}
	affected, err := syncstate.AffectedConfigurations(tx, linkID, sha)
	if err != nil {
		return result, err
	}

	var firstFailed *Stack
	for _, configuration := range affected {
		if environmentOf(configuration.Configuration) != environment {
			continue
		}

		stack := Stack{AffectedConfiguration: configuration, State: stateOf(configuration)}
		result.stacks = append(result.stacks, stack)
		result.count[stack.State]++
		if stack.State == StackFailed && (firstFailed == nil || stack.EndedAt.Before(firstFailed.EndedAt)) {
			firstFailed = &stack
		}
	}

	if firstFailed == nil {
		return result, nil
	}

	result.failedStack, result.failure = firstFailed.Configuration.ResourceName, firstFailed.Blocked
	if firstFailed.IsPending {
		return result, nil // blocked before it was attempted
	}

	events, err := syncstate.LastResourceEvents(tx, firstFailed.AttemptID, 1)
	if len(events) > 0 {
		result.failure = events[0].Message
	}

	return result, err
}

func stateOf(affected syncstate.AffectedConfiguration) StackState {
	switch {
	case affected.AttemptID != "" && affected.Outcome == "":
		return StackRunning
	case affected.IsPending && affected.Blocked == "":
		return StackPending
	case affected.IsPending || affected.Outcome == lockstep.Failed:
		return StackFailed
	case affected.AttemptID != "":
		return StackSucceeded
	}
	return StackSuperseded
}

// isOpen reports whether a stack is yet to be synced.
func (p progress) isOpen() bool { return p.count[StackPending]+p.count[StackRunning] > 0 }

// state returns the state that the Git host shows. One failure is a failure at
// once. Superseded stacks count for neither end, but a commit that was synced to no
// stack has not succeeded: some hosts take the latest success for what is deployed.
func (p progress) state() provider.CommitState {
	switch {
	case p.count[StackFailed] > 0:
		return provider.CommitFailed
	case p.count[StackRunning] > 0, p.count[StackPending] > 0 && p.count[StackSucceeded] > 0:
		return provider.CommitRunning
	case p.count[StackPending] > 0:
		return provider.CommitPending
	case p.count[StackSucceeded] > 0:
		return provider.CommitSucceeded
	}
	return provider.CommitFailed
}

// maxSummary bounds a summary, in bytes.
const maxSummary = 140

// summary returns the progress in one line.
func (p progress) summary() string {
	total, succeeded, superseded := len(p.stacks), p.count[StackSucceeded], p.count[StackSuperseded]
	switch {
	case total == 0:
		return "No stack reports this commit any more"
	case p.count[StackFailed] > 0:
		return p.failureSummary()
	case succeeded == 0 && p.isOpen():
		return stackCount(total) + " to sync"
	case p.isOpen():
		return fmt.Sprintf("%d of %s synced", succeeded, stackCount(total))
	case succeeded == 0:
		return stackCount(total) + " superseded by another commit"
	case superseded > 0:
		return fmt.Sprintf("%d of %s synced, %d superseded by another commit", succeeded, stackCount(total), superseded)
	}

	return stackCount(total) + " synced"
}

func (p progress) failureSummary() string {
	format := func(failure string) string {
		return oneLine(fmt.Sprintf("%d of %s failed: %s: %s",
			p.count[StackFailed], stackCount(len(p.stacks)), p.failedStack, failure))
	}

	summary := format(p.failure)
	if _, cause, ok := strings.Cut(p.failure, ". "); ok && len(summary) > maxSummary {
		// The first sentence only says that it failed.
		summary = format(cause)
	}

	return lockstep.Truncate(summary, maxSummary)
}

func stackCount(count int) string {
	if count == 1 {
		return "1 stack"
	}
	return fmt.Sprintf("%d stacks", count)
}

// oneLine returns text from outside on one line, without unsafe characters and runs
// of space.
func oneLine(text string) string {
	return strings.Join(strings.Fields(lockstep.SanitizeLine(text)), " ")
}

const (
	// progressInterval is the least time between two reports of mere progress.
	progressInterval = 30 * time.Second
	// recheckInterval is when an open commit is read again without a change: a
	// configuration may have been deleted, or moved to another branch.
	recheckInterval = 10 * time.Minute
)

// next reports whether the progress must be reported now, and when the report is
// due again; zero is never.
func (p progress) next(report syncstate.StatusReport, now time.Time) (reportNow bool, dueAt time.Time) {
	if p.isOpen() {
		dueAt = now.Add(recheckInterval)
	}

	reported := provider.CommitState(report.State)
	stateChanged := p.state() != reported
	reportedOpen := reported == provider.CommitPending || reported == provider.CommitRunning

	switch {
	case len(p.stacks) == 0 && !reportedOpen:
		return false, time.Time{}
	case !stateChanged && p.summary() == report.Summary:
		return false, dueAt
	case !p.isOpen():
		return true, dueAt
	case stateChanged && reported != "" && report.Reason == "":
		return true, dueAt
	case !now.Before(report.TriedAt.Add(progressInterval)):
		return true, dueAt
	}

	// This is mere progress, or the Git host has rejected the last report and is
	// likely to reject this one.
	return false, report.TriedAt.Add(progressInterval)
}
