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

// maxDoubtfulPolls is how many looks are taken at a stack that is at rest while its
// change set is said to be executed still.
const maxDoubtfulPolls = 30

// follow follows the execution, whatever comes. An error that time does not
// heal ends the attempt by a note that lets the next one take the stack as it
// finds it: how this execution ends is not known.
func (w *runner) follow(ctx context.Context) (target.Step, error) {
	step, err := w.pollExecution(ctx)
	if err != nil {
		return w.endLostSight(err)
	}
	return step, nil
}

func (w *runner) endLostSight(err error) (target.Step, error) {
	switch lockstep.KindOf(err) {
	case lockstep.Unavailable, lockstep.Internal:
		return target.Step{}, err
	}
	reason := lockstep.Shown(err)
	w.emit(w.eventType(StackCreateFailed, StackUpdateFailed), w.checkpoint.StackARN, "Changeset execution cannot be followed to its end. %s", reason)
	return target.Step{End: &target.End{Outcome: lockstep.Failed, Reason: reason, Baseline: baseline{Accepted: true}.encode()}}, nil
}

func (w *runner) eventType(create, update string) string {
	if w.checkpoint.CreatesStack {
		return create
	}
	return update
}

// pollExecution looks how far the execution is.
func (w *runner) pollExecution(ctx context.Context) (target.Step, error) {
	stack, err := w.describeStack(ctx)
	if errors.Is(err, errNotFound) {
		return w.endStackDeleted(), nil
	}
	if err != nil {
		return target.Step{}, err
	}

	if err := w.emitStackEvents(ctx, stackID(stack)); err != nil {
		return target.Step{}, err
	}

	over, err := w.executionEnded(ctx, stack)
	if err != nil {
		return target.Step{}, err
	}
	if !over {
		return w.pollAgain(phaseFollow)
	}

	return w.endExecution(ctx, stack)
}

// executionEnded says whether the execution has ended. A stack at rest alone is no
// proof: an answer may be older than the execution. Its events are, or what
// the change set says.
func (w *runner) executionEnded(ctx context.Context, stack *types.Stack) (bool, error) {
	review := stack.StackStatus == types.StackStatusReviewInProgress
	if !review && strings.HasSuffix(string(stack.StackStatus), "_IN_PROGRESS") {
		return false, nil
	}
	if w.checkpoint.EndStatus == string(stack.StackStatus) {
		return true, nil
	}

	out, err := w.session.findChangeSet(ctx, w.checkpoint.ChangeSetARN, "")
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

	return !review && w.checkpoint.PollCount >= maxDoubtfulPolls, nil
}

// endExecution ends the attempt by the state that the stack has come to.
func (w *runner) endExecution(ctx context.Context, stack *types.Stack) (target.Step, error) {
	end := &target.End{Outcome: lockstep.Applied, Baseline: newBaseline(stack, w.lastSeenTime())}
	switch {
	case w.checkpoint.CreatesStack && stack.StackStatus == types.StackStatusCreateComplete:
		w.emitSucceeded(StackCreateSucceeded, "Changeset execution succeeded and stack created successfully.", stack)
		return target.Step{End: end}, nil
	case !w.checkpoint.CreatesStack && stack.StackStatus == types.StackStatusUpdateComplete:
		w.emitSucceeded(StackUpdateSucceeded, "Changeset execution succeeded and stack updated successfully.", stack)
		return target.Step{End: end}, nil
	}

	if err := w.findNestedCause(ctx); err != nil {
		return target.Step{}, err
	}

	end.Outcome = lockstep.Failed
	end.Reason = w.failureReason(stack)
	w.emit(w.eventType(StackCreateFailed, StackUpdateFailed), stackID(stack),
		"Changeset execution failed and the stack is %s. %s", stack.StackStatus, end.Reason)

	if _, err := checkStackStatus(stack); lockstep.KindOf(err) == lockstep.Blocked {
		end.Blocked, _ = errors.AsType[*lockstep.Error](err)
		w.checkpoint.Cause.addContext(end.Blocked)
	}

	return target.Step{End: end}, nil
}

// emitSucceeded tells of the end, with what the endpoint adds to it: AWS nothing, the
// sandbox that nothing was provisioned.
func (w *runner) emitSucceeded(kind, text string, stack *types.Stack) {
	more := aws.ToString(stack.StackStatusReason)
	if more == "" {
		more = w.checkpoint.EndReason
	}
	if more != "" {
		text += " " + asSentence(more, "")
	}
	w.emit(kind, stackID(stack), "%s", text)
}

// endStackDeleted ends an attempt whose stack was deleted while it was changed.
func (w *runner) endStackDeleted() target.Step {
	name := w.Configuration.ResourceName
	gone := &types.Stack{StackName: &name, StackId: &w.checkpoint.StackARN, StackStatus: types.StackStatusDeleteComplete}
	const reason = "The stack was deleted by something else while the changeset was executed."
	w.emit(w.eventType(StackCreateFailed, StackUpdateFailed), w.checkpoint.StackARN, "%s", reason)
	end := &target.End{Outcome: lockstep.Failed, Reason: reason}
	end.Blocked, _ = errors.AsType[*lockstep.Error](modifiedError(gone, w.checkpoint.StackARN, w.Now))
	return target.Step{End: end}
}
