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

const (
	// maxUnstartedPolls is how many polls a change set may stay AVAILABLE after the
	// endpoint has accepted its execution. Then it is executed again.
	maxUnstartedPolls = 5
	// maxDoubtfulPolls is how many polls a stack at rest is waited for while its change
	// set is still reported to be executing. Then the end is unknown.
	maxDoubtfulPolls = 30
)

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

	// That the stack is at rest does not prove that the execution has ended, since a
	// response may be older than the execution. The stack's events and the status of
	// the change set do.
	review := stack.StackStatus == types.StackStatusReviewInProgress
	switch {
	case !review && strings.HasSuffix(string(stack.StackStatus), "_IN_PROGRESS"):
		return e.pollAgain(phaseWait)
	case e.checkpoint.EndStatus == string(stack.StackStatus):
		return e.endExecution(ctx, stack)
	}
	return e.checkChangeSetAtRest(ctx, stack, review)
}

// checkChangeSetAtRest continues by the status of the change set of a stack that is at
// rest, or in review, and whose events do not show the end of the execution.
func (e execution) checkChangeSetAtRest(ctx context.Context, stack *types.Stack, review bool) (target.Step, error) {
	out, err := e.session.findChangeSet(ctx, e.checkpoint.ChangeSetARN, "")
	if err != nil && !errors.Is(err, errNotFound) {
		return target.Step{}, err
	}

	polls := e.checkpoint.PollCount
	switch {
	case out == nil && e.wasChangedSince(stack),
		out != nil && out.ExecutionStatus == types.ExecutionStatusExecuteFailed,
		out != nil && out.ExecutionStatus == types.ExecutionStatusExecuteComplete && !review:
		return e.endExecution(ctx, stack)
	case out != nil && !isExecuted(out) && polls >= maxUnstartedPolls:
		e.checkpoint.PollCount = 0
		return e.enterPhase(phaseExecute)
	case polls < maxDoubtfulPolls:
		return e.pollAgain(phaseWait)
	case !review && e.wasChangedSince(stack):
		return e.endExecution(ctx, stack)
	}

	return e.endUnknown(lockstep.Errorf(lockstep.Invalid,
		"Stack %s is %s, and neither its events nor its changeset show that the execution has ended.",
		aws.ToString(stack.StackName), stack.StackStatus))
}

// wasChangedSince reports whether the stack was created or updated after the change
// set was created, by the endpoint's clock.
func (e execution) wasChangedSince(stack *types.Stack) bool {
	changed := aws.ToTime(stack.LastUpdatedTime)
	if changed.IsZero() {
		changed = aws.ToTime(stack.CreationTime)
	}
	return stack.StackStatus != types.StackStatusReviewInProgress && !changed.Before(e.checkpoint.CreatedAt)
}

// endExecution ends the attempt by the status of the stack.
func (e execution) endExecution(ctx context.Context, stack *types.Stack) (target.Step, error) {
	end := &target.End{Outcome: lockstep.Applied, Baseline: newBaseline(stack, e.lastSeenTime())}
	e.emitOmitted()
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
