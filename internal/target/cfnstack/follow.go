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

// maxDoubtful is how many looks are taken at a stack that is at rest while its
// change set is said to be executed still.
const maxDoubtful = 30

// followed follows the execution, whatever comes. An error that time does not
// heal ends the attempt by a note that lets the next one take the stack as it
// finds it: how this execution ends is not known.
func (w *work) followed(ctx context.Context) (target.Step, error) {
	step, err := w.follow(ctx)
	if err != nil {
		return w.lost(err)
	}
	return step, nil
}

func (w *work) lost(err error) (target.Step, error) {
	switch lockstep.KindOf(err) {
	case lockstep.Unavailable, lockstep.Internal:
		return target.Step{}, err
	}
	reason := lockstep.Shown(err)
	w.emit(w.pick(StackCreateFailed, StackUpdateFailed), w.m.Stack, "Changeset execution cannot be followed to its end. %s", reason)
	return target.Step{End: &target.End{Outcome: lockstep.Failed, Reason: reason, Baseline: note{Accepted: true}.encode()}}, nil
}

func (w *work) pick(create, update string) string {
	if w.m.Create {
		return create
	}
	return update
}

// follow looks how far the execution is.
func (w *work) follow(ctx context.Context) (target.Step, error) {
	stack, err := w.describeStack(ctx)
	if errors.Is(err, errMissing) {
		return w.vanished(), nil
	}
	if err != nil {
		return target.Step{}, err
	}

	if err := w.watch(ctx, stackID(stack)); err != nil {
		return target.Step{}, err
	}

	over, err := w.over(ctx, stack)
	if err != nil {
		return target.Step{}, err
	}
	if !over {
		return w.wait(following)
	}

	return w.settle(ctx, stack)
}

// over says whether the execution has ended. A stack at rest alone is no
// proof: an answer may be older than the execution. Its events are, or what
// the change set says.
func (w *work) over(ctx context.Context, stack *types.Stack) (bool, error) {
	review := stack.StackStatus == types.StackStatusReviewInProgress
	if !review && strings.HasSuffix(string(stack.StackStatus), "_IN_PROGRESS") {
		return false, nil
	}
	if w.m.Ended == string(stack.StackStatus) {
		return true, nil
	}

	out, err := w.s.changeSet(ctx, w.m.ChangeSet, "")
	if errors.Is(err, errMissing) {
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

	return !review && w.m.Polls >= maxDoubtful, nil
}

// settle ends the attempt by the state that the stack has come to.
func (w *work) settle(ctx context.Context, stack *types.Stack) (target.Step, error) {
	end := &target.End{Outcome: lockstep.Applied, Baseline: noteOf(stack, w.seen())}
	switch {
	case w.m.Create && stack.StackStatus == types.StackStatusCreateComplete:
		w.succeed(StackCreateSucceeded, "Changeset execution succeeded and stack created successfully.", stack)
		return target.Step{End: end}, nil
	case !w.m.Create && stack.StackStatus == types.StackStatusUpdateComplete:
		w.succeed(StackUpdateSucceeded, "Changeset execution succeeded and stack updated successfully.", stack)
		return target.Step{End: end}, nil
	}

	if err := w.findCause(ctx); err != nil {
		return target.Step{}, err
	}

	end.Outcome = lockstep.Failed
	end.Reason = w.reason(stack)
	w.emit(w.pick(StackCreateFailed, StackUpdateFailed), stackID(stack),
		"Changeset execution failed and the stack is %s. %s", stack.StackStatus, end.Reason)

	if _, err := judge(stack); lockstep.KindOf(err) == lockstep.Blocked {
		end.Blocked, _ = errors.AsType[*lockstep.Error](err)
		w.m.Cause.context(end.Blocked)
	}

	return target.Step{End: end}, nil
}

// succeed tells of the end, with what the endpoint adds to it: AWS nothing, the
// sandbox that nothing was provisioned.
func (w *work) succeed(kind, text string, stack *types.Stack) {
	more := aws.ToString(stack.StackStatusReason)
	if more == "" {
		more = w.m.EndReason
	}
	if more != "" {
		text += " " + sentence(more, "")
	}
	w.emit(kind, stackID(stack), "%s", text)
}

// vanished ends an attempt whose stack was deleted while it was changed.
func (w *work) vanished() target.Step {
	name := w.Configuration.ResourceName
	gone := &types.Stack{StackName: &name, StackId: &w.m.Stack, StackStatus: types.StackStatusDeleteComplete}
	const reason = "The stack was deleted by something else while the changeset was executed."
	w.emit(w.pick(StackCreateFailed, StackUpdateFailed), w.m.Stack, "%s", reason)
	end := &target.End{Outcome: lockstep.Failed, Reason: reason}
	end.Blocked, _ = errors.AsType[*lockstep.Error](modified(gone, w.m.Stack, w.Now))
	return target.Step{End: end}
}
