package cfnstack

import (
	"context"
	"errors"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/cloudformation/types"

	"github.com/lockstephq/lockstep"
	"github.com/lockstephq/lockstep/internal/target"
)

// maxDoubtfulPolls is how many polls a stack at rest is waited for while its change
// set is still reported to be executing.
const maxDoubtfulPolls = 30

// wait polls the execution. A permanent error ends the attempt with a baseline that
// accepts the stack as it is, since the end of this execution is unknown.
func (e execution) wait(ctx context.Context) (target.Step, error) {
	step, err := e.pollExecution(ctx)
	if err != nil {
		return e.endUnknown(err)
	}
	return step, nil
}

func (e execution) endUnknown(err error) (target.Step, error) {
	switch lockstep.KindOf(err) {
	case lockstep.Unavailable, lockstep.Internal:
		return target.Step{}, err
	}
	reason := lockstep.Shown(err)
	e.emit(e.eventType(StackCreateFailed, StackUpdateFailed), e.checkpoint.StackARN,
		"The end of the changeset execution is unknown. %s", reason)

	return target.Step{End: &target.End{
		Outcome:  lockstep.Failed,
		Reason:   reason,
		Baseline: baseline{Accepted: true}.encode(),
	}}, nil
}

func (e execution) eventType(create, update string) string {
	if e.checkpoint.CreatesStack {
		return create
	}
	return update
}

// pollExecution continues by the state of the execution.
func (e execution) pollExecution(ctx context.Context) (target.Step, error) {
	stack, err := e.describeStack(ctx)
	if errors.Is(err, errNotFound) {
		return e.endStackDeleted(), nil
	}
	if err != nil {
		return target.Step{}, err
	}

	if err := e.emitStackEvents(ctx, stackID(stack)); err != nil {
		return target.Step{}, err
	}

	over, err := e.executionEnded(ctx, stack)
	if err != nil {
		return target.Step{}, err
	}
	if !over {
		return e.pollAgain(phaseWait)
	}

	return e.endExecution(ctx, stack)
}

// executionEnded reports whether the execution has ended. That the stack is at rest
// does not prove it, since a response may be older than the execution. The stack's
// events and the status of the change set do.
func (e execution) executionEnded(ctx context.Context, stack *types.Stack) (bool, error) {
	review := stack.StackStatus == types.StackStatusReviewInProgress
	if !review && strings.HasSuffix(string(stack.StackStatus), "_IN_PROGRESS") {
		return false, nil
	}
	if e.checkpoint.EndStatus == string(stack.StackStatus) {
		return true, nil
	}

	out, err := e.session.findChangeSet(ctx, e.checkpoint.ChangeSetARN, "")
	if errors.Is(err, errNotFound) {
		return true, nil
	}
	if err != nil {
		return false, err
	}

	switch out.ExecutionStatus {
	case types.ExecutionStatusExecuteFailed:
		return true, nil
	case types.ExecutionStatusExecuteComplete:
		return !review, nil
	}

	return !review && e.checkpoint.PollCount >= maxDoubtfulPolls, nil
}

// endExecution ends the attempt by the status of the stack.
func (e execution) endExecution(ctx context.Context, stack *types.Stack) (target.Step, error) {
	end := &target.End{Outcome: lockstep.Applied, Baseline: newBaseline(stack, e.lastSeenTime())}
	switch {
	case e.checkpoint.CreatesStack && stack.StackStatus == types.StackStatusCreateComplete:
		e.emitSucceeded(StackCreateSucceeded, "Changeset execution succeeded and stack created successfully.", stack)
		return target.Step{End: end}, nil
	case !e.checkpoint.CreatesStack && stack.StackStatus == types.StackStatusUpdateComplete:
		e.emitSucceeded(StackUpdateSucceeded, "Changeset execution succeeded and stack updated successfully.", stack)
		return target.Step{End: end}, nil
	}

	if err := e.findNestedCause(ctx); err != nil {
		return target.Step{}, err
	}

	end.Outcome = lockstep.Failed
	end.Reason = e.failureReason(stack)
	e.emit(e.eventType(StackCreateFailed, StackUpdateFailed), stackID(stack),
		"Changeset execution failed and the stack is %s. %s", stack.StackStatus, end.Reason)

	if _, err := checkStackStatus(stack); lockstep.KindOf(err) == lockstep.Blocked {
		end.Blocked, _ = errors.AsType[*lockstep.Error](err)
		e.checkpoint.Cause.addContext(end.Blocked)
	}

	return target.Step{End: end}, nil
}

// emitSucceeded emits the last event, with the stack's status reason. AWS has none;
// the sandbox's is that nothing was provisioned.
func (e execution) emitSucceeded(kind, text string, stack *types.Stack) {
	more := aws.ToString(stack.StackStatusReason)
	if more == "" {
		more = e.checkpoint.EndReason
	}
	if more != "" {
		text += " " + asSentence(more, "")
	}
	e.emit(kind, stackID(stack), "%s", text)
}

// endStackDeleted ends an attempt whose stack was deleted during the execution.
func (e execution) endStackDeleted() target.Step {
	name := e.Configuration.ResourceName
	gone := &types.Stack{
		StackName:   &name,
		StackId:     &e.checkpoint.StackARN,
		StackStatus: types.StackStatusDeleteComplete,
	}
	const reason = "The stack was deleted by something else during the changeset execution."
	e.emit(e.eventType(StackCreateFailed, StackUpdateFailed), e.checkpoint.StackARN, "%s", reason)
	end := &target.End{Outcome: lockstep.Failed, Reason: reason}
	end.Blocked, _ = errors.AsType[*lockstep.Error](modifiedError(gone, e.checkpoint.StackARN, e.Now))
	return target.Step{End: end}
}
