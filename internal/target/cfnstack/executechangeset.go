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

// executeChangeSet executes the change set of the committed intent, unless that has
// been done.
func (e execution) executeChangeSet(ctx context.Context) (target.Step, error) {
	if e.Intent != e.checkpoint.ChangeSetARN {
		return target.Step{Intent: e.checkpoint.ChangeSetARN}, nil
	}

	out, err := e.session.findChangeSet(ctx, e.checkpoint.ChangeSetARN, "")
	if errors.Is(err, errNotFound) {
		return e.replaceChangeSet("The changeset or its stack was deleted by something else.")
	}
	if err != nil {
		return target.Step{}, err
	}

	switch out.ExecutionStatus {
	case types.ExecutionStatusAvailable:
	case types.ExecutionStatusObsolete, types.ExecutionStatusUnavailable:
		return e.replaceChangeSet("The stack was changed by something else after the changeset was created.")
	default:
		return e.startWaiting(ctx)
	}

	_, err = e.session.client.ExecuteChangeSet(ctx, &cloudformation.ExecuteChangeSetInput{
		ChangeSetName:      &e.checkpoint.ChangeSetARN,
		ClientRequestToken: &e.checkpoint.ChangeSetName,
	}, e.session.callOptions, withoutRetries)
	if err != nil {
		return e.handleExecuteError(ctx, err)
	}

	return e.startWaiting(ctx)
}

// startWaiting polls the execution for the first time, since it may be complete
// already. The next step repeats a poll that failed.
func (e execution) startWaiting(ctx context.Context) (target.Step, error) {
	e.emit(ChangeSetExecutionInProgress, e.checkpoint.ChangeSetARN, "Waiting for changeset execution to finish.")
	e.checkpoint.Phase = phaseWait
	e.checkpoint.PollCount = 0
	before := e.checkpoint
	emitted := len(e.pendingEvents)

	step, err := e.pollExecution(ctx)
	if err != nil {
		e.checkpoint = before
		e.pendingEvents = e.pendingEvents[:emitted]
		return e.pollAgain(phaseWait)
	}
	return step, nil
}

// handleExecuteError decides what a refused ExecuteChangeSet means.
func (e execution) handleExecuteError(ctx context.Context, refused error) (target.Step, error) {
	fault := e.session.toError("ExecuteChangeSet", refused)
	switch {
	case hasCode(refused, "ChangeSetNotFound"):
		return e.replaceChangeSet("The changeset or its stack was deleted by something else.")
	case lockstep.KindOf(fault) == lockstep.Unavailable, lockstep.KindOf(fault) == lockstep.Denied:
		return target.Step{}, fault
	}

	stack, err := e.describeStack(ctx)
	if errors.Is(err, errNotFound) {
		return e.replaceChangeSet("The stack was deleted by something else.")
	}
	if err != nil {
		return target.Step{}, err
	}

	if _, err := checkStackStatus(stack); err != nil {
		return target.Step{}, err
	}

	// Some endpoints execute within the call and return the error of the service
	// that refused a resource.
	code, message := apiError(refused)
	if code == "" || isNotXML(refused) {
		message = lockstep.Shown(fault)
	} else if !hasCode(refused, "Validation") {
		message = code + ": " + message
	}

	e.emit(ChangeSetExecutionFailed, e.checkpoint.ChangeSetARN, "%s",
		failureSentence("Changeset execution failed.", message))
	return e.cleanUpAndEnd(lockstep.Failed, message)
}

// cleanUp deletes what was not executed and ends the attempt.
func (c cleanup) cleanUp(ctx context.Context) (target.Step, error) {
	err := c.deleteProposal(ctx)
	if lockstep.KindOf(err) == lockstep.Unavailable {
		return target.Step{}, err
	}

	if err != nil { // an unexecuted change set does no harm
		c.driver.options.Log.Warn("change set not deleted", "attempt", c.ID, "kind", lockstep.KindOf(err).String())
	}

	end := &target.End{Outcome: c.checkpoint.Outcome, Reason: c.checkpoint.Reason}
	if end.Outcome == lockstep.Unchanged {
		stack, err := c.describeStack(ctx)
		if err == nil {
			end.Baseline = newBaseline(stack, c.lastSeenTime())
		} else if !errors.Is(err, errNotFound) {
			return target.Step{}, err
		}
	}

	return target.Step{End: end}, nil
}

// deleteProposal deletes the change set unless it was executed, and the empty stack
// that was created with it.
//
// The stack is deleted only if there was no stack of its name before, it is in
// REVIEW_IN_PROGRESS, which means that no change set was ever executed on it, and
// it has no other change set. Then nothing else uses it.
func (c cleanup) deleteProposal(ctx context.Context) error {
	c.deleteStaleChangeSet(ctx)
	out, err := c.findChangeSet(ctx)
	if err != nil && !errors.Is(err, errNotFound) {
		return err
	}

	if out != nil {
		switch out.ExecutionStatus {
		case types.ExecutionStatusExecuteInProgress,
			types.ExecutionStatusExecuteComplete,
			types.ExecutionStatusExecuteFailed:
			return nil
		}

		c.rememberChangeSet(aws.ToString(out.ChangeSetId), aws.ToString(out.StackId))
		if err := c.session.deleteChangeSet(ctx, c.checkpoint.ChangeSetARN); err != nil {
			return err
		}
	}

	if c.checkpoint.CreatedStack == "" {
		return nil
	}

	err = c.session.deleteEmptyStack(ctx, c.checkpoint.CreatedStack)
	if lockstep.KindOf(err) == lockstep.Denied { // the next attempt uses the stack as it is
		c.driver.options.Log.Info("empty stack not deleted", "attempt", c.ID, "stack", c.checkpoint.CreatedStack)
		return nil
	}

	return err
}

// deleteStaleChangeSet deletes a change set that was replaced. If it remains, it
// does no harm.
func (r *runner) deleteStaleChangeSet(ctx context.Context) {
	if r.checkpoint.StaleChangeSet == "" {
		return
	}
	if err := r.session.deleteChangeSet(ctx, r.checkpoint.StaleChangeSet); err != nil {
		r.driver.options.Log.Debug("stale change set not deleted", "attempt", r.ID,
			"kind", lockstep.KindOf(err).String())
	}
	r.checkpoint.StaleChangeSet = ""
}

// findChangeSet describes the attempt's change set, by name if its ARN was not
// recorded before a crash.
func (r *runner) findChangeSet(ctx context.Context) (*cloudformation.DescribeChangeSetOutput, error) {
	switch {
	case r.checkpoint.ChangeSetARN != "":
		return r.session.findChangeSet(ctx, r.checkpoint.ChangeSetARN, "")
	case r.checkpoint.ChangeSetName == "":
		return nil, errNotFound
	case r.checkpoint.StackARN != "":
		return r.session.findChangeSet(ctx, r.checkpoint.ChangeSetName, r.checkpoint.StackARN)
	}
	return r.session.findChangeSet(ctx, r.checkpoint.ChangeSetName, r.Configuration.ResourceName)
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

	for _, changeSet := range list.Summaries {
		if aws.ToString(changeSet.StackId) != arn {
			continue
		}

		switch changeSet.Status {
		case types.ChangeSetStatusDeleteInProgress, types.ChangeSetStatusDeleteComplete:
		default:
			return nil
		}
	}

	_, err = s.client.DeleteStack(ctx, &cloudformation.DeleteStackInput{StackName: &arn}, s.callOptions)
	return s.toError("DeleteStack", err)
}
