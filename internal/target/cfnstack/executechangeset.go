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

// executeChangeSet executes the change set that is the committed intent, unless that
// has been done.
func (w *runner) executeChangeSet(ctx context.Context) (target.Step, error) {
	if w.Intent != w.checkpoint.ChangeSetARN {
		return target.Step{Intent: w.checkpoint.ChangeSetARN}, nil
	}

	out, err := w.session.findChangeSet(ctx, w.checkpoint.ChangeSetARN, "")
	if errors.Is(err, errNotFound) {
		return w.replaceChangeSet("The changeset or its stack was deleted by something else.")
	}
	if err != nil {
		return target.Step{}, err
	}

	switch out.ExecutionStatus {
	case types.ExecutionStatusAvailable:
	case types.ExecutionStatusObsolete, types.ExecutionStatusUnavailable:
		return w.replaceChangeSet("Something else has changed the stack since the changeset was made.")
	default:
		return w.startFollowing(ctx)
	}

	_, err = w.session.client.ExecuteChangeSet(ctx, &cloudformation.ExecuteChangeSetInput{
		ChangeSetName: &w.checkpoint.ChangeSetARN, ClientRequestToken: &w.checkpoint.ChangeSetName,
	}, w.session.callOptions, withoutRetries)
	if err != nil {
		return w.handleExecuteError(ctx, err)
	}

	return w.startFollowing(ctx)
}

// startFollowing takes the first look at the execution, which may be over already.
// From here on it is followed: an error of that look is left to the next one.
func (w *runner) startFollowing(ctx context.Context) (target.Step, error) {
	w.emit(ChangeSetExecutionInProgress, w.checkpoint.ChangeSetARN, "Waiting for changeset execution to finish.")
	w.checkpoint.Phase, w.checkpoint.PollCount = phaseFollow, 0
	before, events := w.checkpoint, len(w.pendingEvents)
	step, err := w.pollExecution(ctx)
	if err != nil {
		w.checkpoint, w.pendingEvents = before, w.pendingEvents[:events]
		return w.pollAgain(phaseFollow)
	}
	return step, nil
}

// handleExecuteError decides what a refused ExecuteChangeSet means.
func (w *runner) handleExecuteError(ctx context.Context, refused error) (target.Step, error) {
	fault := w.session.toError("ExecuteChangeSet", refused)
	switch {
	case hasCode(refused, "ChangeSetNotFound"):
		return w.replaceChangeSet("The changeset or its stack was deleted by something else.")
	case lockstep.KindOf(fault) == lockstep.Unavailable, lockstep.KindOf(fault) == lockstep.Denied:
		return target.Step{}, fault
	}

	stack, err := w.describeStack(ctx)
	if errors.Is(err, errNotFound) {
		return w.replaceChangeSet("The stack was deleted by something else.")
	}
	if err != nil {
		return target.Step{}, err
	}

	if _, err := checkStackStatus(stack); err != nil {
		return target.Step{}, err
	}

	// Some endpoints execute within the call and answer with the error of the
	// service that refused a resource.
	code, message := apiError(refused)
	if code == "" || isNotXML(refused) {
		message = lockstep.Shown(fault)
	} else if !hasCode(refused, "Validation") {
		message = code + ": " + message
	}

	w.emit(ChangeSetExecutionFailed, w.checkpoint.ChangeSetARN, "%s", failureSentence("Changeset execution failed.", message))
	return w.cleanUpAndEnd(lockstep.Failed, message)
}

// cleanUp removes what was proposed and ends the attempt.
func (w *runner) cleanUp(ctx context.Context) (target.Step, error) {
	err := w.deleteProposal(ctx)
	if lockstep.KindOf(err) == lockstep.Unavailable {
		return target.Step{}, err
	}

	if err != nil { // what is left behind harms nobody
		w.driver.options.Log.Warn("change set left behind", "attempt", w.ID, "kind", lockstep.KindOf(err).String())
	}

	end := &target.End{Outcome: w.checkpoint.Outcome, Reason: w.checkpoint.Reason}
	if end.Outcome == lockstep.Unchanged {
		stack, err := w.describeStack(ctx)
		if err == nil {
			end.Baseline = newBaseline(stack, w.lastSeenTime())
		} else if !errors.Is(err, errNotFound) {
			return target.Step{}, err
		}
	}

	return target.Step{End: end}, nil
}

// deleteProposal deletes the change set unless it was executed, and with it the
// empty stack that came into being with it.
//
// The stack is deleted only if there was none of its name before, it is still
// in review, which means that nothing was ever executed on it, and no other
// change set waits for it: then it is ours, and nobody else's in the meantime.
func (w *runner) deleteProposal(ctx context.Context) error {
	w.deleteStaleChangeSet(ctx)
	out, err := w.findChangeSet(ctx)
	if err != nil && !errors.Is(err, errNotFound) {
		return err
	}

	if out != nil {
		switch out.ExecutionStatus {
		case types.ExecutionStatusExecuteInProgress, types.ExecutionStatusExecuteComplete, types.ExecutionStatusExecuteFailed:
			return nil
		}

		w.rememberChangeSet(aws.ToString(out.ChangeSetId), aws.ToString(out.StackId))
		if err := w.session.deleteChangeSet(ctx, w.checkpoint.ChangeSetARN); err != nil {
			return err
		}
	}

	if w.checkpoint.CreatedStack == "" {
		return nil
	}

	err = w.session.deleteEmptyStack(ctx, w.checkpoint.CreatedStack)
	if lockstep.KindOf(err) == lockstep.Denied { // the next attempt uses it as it is
		w.driver.options.Log.Info("empty stack left behind", "attempt", w.ID, "stack", w.checkpoint.CreatedStack)
		return nil
	}

	return err
}

// deleteStaleChangeSet deletes a change set that was given up. One that stays harms
// nobody.
func (w *runner) deleteStaleChangeSet(ctx context.Context) {
	if w.checkpoint.StaleChangeSet == "" {
		return
	}
	if err := w.session.deleteChangeSet(ctx, w.checkpoint.StaleChangeSet); err != nil {
		w.driver.options.Log.Debug("change set left behind", "attempt", w.ID, "kind", lockstep.KindOf(err).String())
	}
	w.checkpoint.StaleChangeSet = ""
}

// findChangeSet describes the attempt's change set, by its name where a crash came
// before its ARN was remembered.
func (w *runner) findChangeSet(ctx context.Context) (*cloudformation.DescribeChangeSetOutput, error) {
	switch {
	case w.checkpoint.ChangeSetARN != "":
		return w.session.findChangeSet(ctx, w.checkpoint.ChangeSetARN, "")
	case w.checkpoint.ChangeSetName == "":
		return nil, errNotFound
	case w.checkpoint.StackARN != "":
		return w.session.findChangeSet(ctx, w.checkpoint.ChangeSetName, w.checkpoint.StackARN)
	}
	return w.session.findChangeSet(ctx, w.checkpoint.ChangeSetName, w.Configuration.ResourceName)
}

func (s *session) deleteChangeSet(ctx context.Context, arn string) error {
	_, err := s.client.DeleteChangeSet(ctx, &cloudformation.DeleteChangeSetInput{ChangeSetName: &arn}, s.callOptions)
	if hasCode(err, "ChangeSetNotFound", "Validation") {
		return nil
	}
	return s.toError("DeleteChangeSet", err)
}

func (s *session) deleteEmptyStack(ctx context.Context, arn string) error {
	stack, err := s.describeStack(ctx, arn)
	if errors.Is(err, errNotFound) || err == nil && stack.StackStatus != types.StackStatusReviewInProgress {
		return nil
	}
	if err != nil {
		return err
	}

	list, err := s.client.ListChangeSets(ctx, &cloudformation.ListChangeSetsInput{StackName: &arn}, s.callOptions)
	if err != nil {
		return s.toError("ListChangeSets", err)
	}

	for _, c := range list.Summaries {
		if aws.ToString(c.StackId) == arn && c.Status != types.ChangeSetStatusDeleteInProgress && c.Status != types.ChangeSetStatusDeleteComplete {
			return nil
		}
	}

	_, err = s.client.DeleteStack(ctx, &cloudformation.DeleteStackInput{StackName: &arn}, s.callOptions)
	return s.toError("DeleteStack", err)
}
