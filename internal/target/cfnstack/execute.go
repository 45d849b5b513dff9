package cfnstack

import (
	"context"
	"errors"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/cloudformation"
	"github.com/aws/aws-sdk-go-v2/service/cloudformation/types"

	"github.com/lockstephq/lockstep"
	"github.com/lockstephq/lockstep/internal/target"
)

// execute executes the change set that is the committed intent, unless that
// has been done.
func (w *work) execute(ctx context.Context) (target.Step, error) {
	if w.Intent != w.m.ChangeSet {
		return target.Step{Intent: w.m.ChangeSet}, nil
	}

	out, err := w.s.changeSet(ctx, w.m.ChangeSet, "")
	if errors.Is(err, errMissing) {
		return w.again("The changeset or its stack was deleted by something else.")
	}
	if err != nil {
		return target.Step{}, err
	}

	switch out.ExecutionStatus {
	case types.ExecutionStatusAvailable:
	case types.ExecutionStatusObsolete, types.ExecutionStatusUnavailable:
		return w.again("Something else has changed the stack since the changeset was made.")
	default:
		return w.executing(ctx)
	}

	_, err = w.s.api.ExecuteChangeSet(ctx, &cloudformation.ExecuteChangeSetInput{
		ChangeSetName: &w.m.ChangeSet, ClientRequestToken: &w.m.Name,
	}, w.s.as, once)
	if err != nil {
		return w.notExecuted(ctx, err)
	}

	return w.executing(ctx)
}

// executing takes the first look at the execution, which may be over already.
// From here on it is followed: an error of that look is left to the next one.
func (w *work) executing(ctx context.Context) (target.Step, error) {
	w.emit(ChangeSetExecutionInProgress, w.m.ChangeSet, "Waiting for changeset execution to finish.")
	w.m.Phase, w.m.Polls = following, 0
	before, events := w.m, len(w.events)
	step, err := w.follow(ctx)
	if err != nil {
		w.m, w.events = before, w.events[:events]
		return w.wait(following)
	}
	return step, nil
}

// notExecuted decides what a refused ExecuteChangeSet means.
func (w *work) notExecuted(ctx context.Context, refused error) (target.Step, error) {
	fault := w.s.fault("ExecuteChangeSet", refused)
	switch {
	case isCode(refused, "ChangeSetNotFound"):
		return w.again("The changeset or its stack was deleted by something else.")
	case lockstep.KindOf(fault) == lockstep.Unavailable, lockstep.KindOf(fault) == lockstep.Denied:
		return target.Step{}, fault
	}

	stack, err := w.describeStack(ctx)
	if errors.Is(err, errMissing) {
		return w.again("The stack was deleted by something else.")
	}
	if err != nil {
		return target.Step{}, err
	}

	if _, err := judge(stack); err != nil {
		return target.Step{}, err
	}

	// Some endpoints execute within the call and answer with the error of the
	// service that refused a resource.
	code, message := refusal(refused)
	if code == "" || isNotXML(refused) {
		message = lockstep.Shown(fault)
	} else if !isCode(refused, "Validation") {
		message = code + ": " + message
	}

	w.emit(ChangeSetExecutionFailed, w.m.ChangeSet, "%s", because("Changeset execution failed.", message))
	return w.leave(lockstep.Failed, message)
}

// clean removes what was proposed and ends the attempt.
func (w *work) clean(ctx context.Context) (target.Step, error) {
	err := w.withdraw(ctx)
	if lockstep.KindOf(err) == lockstep.Unavailable {
		return target.Step{}, err
	}

	if err != nil { // what is left behind harms nobody
		w.d.options.Log.Warn("change set left behind", "attempt", w.ID, "kind", lockstep.KindOf(err).String())
	}

	end := &target.End{Outcome: w.m.Outcome, Reason: w.m.Reason}
	if end.Outcome == lockstep.Unchanged {
		stack, err := w.describeStack(ctx)
		if err == nil {
			end.Baseline = noteOf(stack, w.seen())
		} else if !errors.Is(err, errMissing) {
			return target.Step{}, err
		}
	}

	return target.Step{End: end}, nil
}

// withdraw deletes the change set unless it was executed, and with it the
// empty stack that came into being with it.
//
// The stack is deleted only if there was none of its name before, it is still
// in review, which means that nothing was ever executed on it, and no other
// change set waits for it: then it is ours, and nobody else's in the meantime.
func (w *work) withdraw(ctx context.Context) error {
	w.dropStale(ctx)
	out, err := w.proposed(ctx)
	if err != nil && !errors.Is(err, errMissing) {
		return err
	}

	if out != nil {
		switch out.ExecutionStatus {
		case types.ExecutionStatusExecuteInProgress, types.ExecutionStatusExecuteComplete, types.ExecutionStatusExecuteFailed:
			return nil
		}

		w.adopt(aws.ToString(out.ChangeSetId), aws.ToString(out.StackId))
		if err := w.s.deleteChangeSet(ctx, w.m.ChangeSet); err != nil {
			return err
		}
	}

	if w.m.Shell == "" {
		return nil
	}

	err = w.s.deleteShell(ctx, w.m.Shell)
	if lockstep.KindOf(err) == lockstep.Denied { // the next attempt uses it as it is
		w.d.options.Log.Info("empty stack left behind", "attempt", w.ID, "stack", w.m.Shell)
		return nil
	}

	return err
}

// dropStale deletes a change set that was given up. One that stays harms
// nobody.
func (w *work) dropStale(ctx context.Context) {
	if w.m.Stale == "" {
		return
	}
	if err := w.s.deleteChangeSet(ctx, w.m.Stale); err != nil {
		w.d.options.Log.Debug("change set left behind", "attempt", w.ID, "kind", lockstep.KindOf(err).String())
	}
	w.m.Stale = ""
}

// proposed describes the attempt's change set, by its name where a crash came
// before its ARN was remembered.
func (w *work) proposed(ctx context.Context) (*cloudformation.DescribeChangeSetOutput, error) {
	switch {
	case w.m.ChangeSet != "":
		return w.s.changeSet(ctx, w.m.ChangeSet, "")
	case w.m.Name == "":
		return nil, errMissing
	case w.m.Stack != "":
		return w.s.changeSet(ctx, w.m.Name, w.m.Stack)
	}
	return w.s.changeSet(ctx, w.m.Name, w.Configuration.ResourceName)
}

func (s *session) deleteChangeSet(ctx context.Context, arn string) error {
	_, err := s.api.DeleteChangeSet(ctx, &cloudformation.DeleteChangeSetInput{ChangeSetName: &arn}, s.as)
	if isCode(err, "ChangeSetNotFound", "Validation") {
		return nil
	}
	return s.fault("DeleteChangeSet", err)
}

func (s *session) deleteShell(ctx context.Context, arn string) error {
	stack, err := s.stack(ctx, arn)
	if errors.Is(err, errMissing) || err == nil && stack.StackStatus != types.StackStatusReviewInProgress {
		return nil
	}
	if err != nil {
		return err
	}

	list, err := s.api.ListChangeSets(ctx, &cloudformation.ListChangeSetsInput{StackName: &arn}, s.as)
	if err != nil {
		return s.fault("ListChangeSets", err)
	}

	for _, c := range list.Summaries {
		if aws.ToString(c.StackId) == arn && c.Status != types.ChangeSetStatusDeleteInProgress && c.Status != types.ChangeSetStatusDeleteComplete {
			return nil
		}
	}

	_, err = s.api.DeleteStack(ctx, &cloudformation.DeleteStackInput{StackName: &arn}, s.as)
	return s.fault("DeleteStack", err)
}
