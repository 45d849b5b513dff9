package cfnstack

import (
	"fmt"
	"strings"

	"github.com/lockstephq/lockstep"
)

// The types of a stack's sync events. The first five, and the text of the sixth,
// are AWS's. The others are Lockstep's, in the same grammar.
const (
	// TemplateBundled: the deployment file and the template were read.
	TemplateBundled = "TEMPLATE_BUNDLED"
	// ChangeSetCreationInProgress: a change set is being created.
	ChangeSetCreationInProgress = "CHANGESET_CREATION_IN_PROGRESS"
	// ChangeSetCreationSucceeded: the change set can be executed.
	ChangeSetCreationSucceeded = "CHANGESET_CREATION_SUCCEEDED"
	// ChangeSetExecutionInProgress: the change set is being executed.
	ChangeSetExecutionInProgress = "CHANGESET_EXECUTION_IN_PROGRESS"
	// StackUpdateSucceeded: an existing stack was updated to the commit.
	StackUpdateSucceeded = "STACK_UPDATE_SUCCEEDED"
	// ChangeSetCreationFailed: CloudFormation refused the change set.
	ChangeSetCreationFailed = "CHANGESET_CREATION_FAILED"

	// ParametersAbsent: parameters that are not in the deployment file, and the
	// values they get.
	ParametersAbsent = "PARAMETERS_ABSENT"
	// DuplicateKey: a template has a key several times, of which the last counts.
	DuplicateKey = "DUPLICATE_KEY"
	// ExportAwaited: the template imports an export that does not exist yet.
	ExportAwaited = "EXPORT_AWAITED"
	// ChangeSetReplaced: the change set can no longer be used, and another one is
	// created in the same attempt.
	ChangeSetReplaced = "CHANGESET_REPLACED"
	// ChangeSetExecutionFailed: the change set could not be executed.
	ChangeSetExecutionFailed = "CHANGESET_EXECUTION_FAILED"
	// NoChanges: the stack is already at the commit.
	NoChanges = "NO_CHANGES"
	// StackResourceSucceeded: one resource is complete.
	StackResourceSucceeded = "STACK_RESOURCE_SUCCEEDED"
	// StackResourceFailed: one resource failed, with CloudFormation's reason.
	StackResourceFailed = "STACK_RESOURCE_FAILED"
	// StackResourcesOmitted: how many resources have no event, since there are many.
	StackResourcesOmitted = "STACK_RESOURCES_OMITTED"
	// StackRollbackInProgress: CloudFormation rolls the stack back.
	StackRollbackInProgress = "STACK_ROLLBACK_IN_PROGRESS"
	// StackCreateSucceeded: a new stack was created from the commit.
	StackCreateSucceeded = "STACK_CREATE_SUCCEEDED"
	// StackCreateFailed: the stack could not be created. It ends the attempt.
	StackCreateFailed = "STACK_CREATE_FAILED"
	// StackUpdateFailed: the stack could not be updated. It ends the attempt.
	StackUpdateFailed = "STACK_UPDATE_FAILED"
)

// emit adds an event to the step. Events have the step's time, so that they stay
// in order whatever the endpoint's clock is.
func (r *runner) emit(eventType, externalID, format string, args ...any) {
	r.pendingEvents = append(r.pendingEvents, pendingEvent{
		Event: lockstep.Event{
			Type:       eventType,
			Message:    fmt.Sprintf(format, args...),
			ExternalID: externalID,
		},
		isFixed: len(args) == 0,
	})
}

// A pendingEvent is an event before redaction. Its message is fixed if it has no
// text from outside, and so no secret.
type pendingEvent struct {
	lockstep.Event
	isFixed bool
}

// failureSentence returns AWS's sentence about a failure, without AWS's second
// full stop.
func failureSentence(what, reason string) string {
	return what + " The reason was " + strings.TrimRight(strings.TrimSpace(reason), ".") + "."
}

// blockerTimeLayout is the layout of times in AWS's reasons of blockers.
const blockerTimeLayout = "Mon Jan 02 15:04:05 MST 2006"
