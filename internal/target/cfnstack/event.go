package cfnstack

import (
	"fmt"
	"strings"

	"github.com/lockstephq/lockstep"
)

// The types of a stack's sync events. The first five and the text of the sixth
// are AWS's; the others are ours, in the same grammar.
const (
	// TemplateBundled: deployment file and template were read.
	TemplateBundled = "TEMPLATE_BUNDLED"
	// ChangeSetCreationInProgress: a change set is being created.
	ChangeSetCreationInProgress = "CHANGESET_CREATION_IN_PROGRESS"
	// ChangeSetCreationSucceeded: the change set can be executed.
	ChangeSetCreationSucceeded = "CHANGESET_CREATION_SUCCEEDED"
	// ChangeSetExecutionInProgress: the change set is being executed.
	ChangeSetExecutionInProgress = "CHANGESET_EXECUTION_IN_PROGRESS"
	// StackUpdateSucceeded: an existing stack is what the commit says.
	StackUpdateSucceeded = "STACK_UPDATE_SUCCEEDED"
	// ChangeSetCreationFailed: CloudFormation refused what the commit says.
	ChangeSetCreationFailed = "CHANGESET_CREATION_FAILED"

	// ParametersAbsent: what becomes of parameters that the file does not give.
	ParametersAbsent = "PARAMETERS_ABSENT"
	// ExportAwaited: the template imports what no stack exports yet.
	ExportAwaited = "EXPORT_AWAITED"
	// ChangeSetReplaced: the change set could not be used any more, and another
	// is made in the same attempt.
	ChangeSetReplaced = "CHANGESET_REPLACED"
	// ChangeSetExecutionFailed: the change set could not be executed.
	ChangeSetExecutionFailed = "CHANGESET_EXECUTION_FAILED"
	// NoChanges: the stack already is what the commit says.
	NoChanges = "NO_CHANGES"
	// StackResourceSucceeded: one resource is done.
	StackResourceSucceeded = "STACK_RESOURCE_SUCCEEDED"
	// StackResourceFailed: one resource failed, with CloudFormation's reason.
	StackResourceFailed = "STACK_RESOURCE_FAILED"
	// StackRollbackInProgress: CloudFormation takes back what it did.
	StackRollbackInProgress = "STACK_ROLLBACK_IN_PROGRESS"
	// StackCreateSucceeded: a new stack is what the commit says.
	StackCreateSucceeded = "STACK_CREATE_SUCCEEDED"
	// StackCreateFailed ends an attempt whose stack could not be created.
	StackCreateFailed = "STACK_CREATE_FAILED"
	// StackUpdateFailed ends an attempt whose stack could not be updated.
	StackUpdateFailed = "STACK_UPDATE_FAILED"
)

// emit adds an event to the step. The step's time is the event's: the clocks
// of endpoints are not ours, and events stay in order.
func (w *runner) emit(kind, about, format string, args ...any) {
	ev := lockstep.Event{Type: kind, Message: fmt.Sprintf(format, args...), ExternalID: about}
	w.pendingEvents = append(w.pendingEvents, pendingEvent{ev, len(args) == 0})
}

// pendingEvent is an event as it was first put; fixed is one with a text of our own
// alone, which can hold no secret.
type pendingEvent struct {
	lockstep.Event
	isFixed bool
}

// failureSentence makes AWS's sentence about a failure. AWS doubles the full stop.
func failureSentence(what, reason string) string {
	return what + " The reason was " + strings.TrimRight(strings.TrimSpace(reason), ".") + "."
}

// blockerTimeLayout is how AWS writes a time in a blocker's reason.
const blockerTimeLayout = "Mon Jan 02 15:04:05 MST 2006"
