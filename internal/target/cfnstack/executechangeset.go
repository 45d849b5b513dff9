package cfnstack

import (
	"context"
	"errors"
	"fmt"

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

	if e.checkpoint.Executions++; e.checkpoint.Executions > maxExecutions {
		return e.endNotStarted()
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

// maxExecutions is how often an attempt asks to execute a change set that the endpoint
// then does not begin to execute.
const maxExecutions = 3

// endNotStarted fails the attempt: the endpoint accepts the execution and does not
// begin it.
func (e execution) endNotStarted() (target.Step, error) {
	message := fmt.Sprintf("The endpoint has accepted the execution %d times and has not begun it", maxExecutions)
	e.emit(ChangeSetExecutionFailed, e.checkpoint.ChangeSetARN, "%s",
		failureSentence("Changeset execution failed.", message))
	return e.cleanUpAndEnd(lockstep.Failed, message+".")
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

// handleExecuteError decides what a refused ExecuteChangeSet means. The answer is not
// believed: a proxy may have refused it after the endpoint has begun, so the change set
// and the stack are described in any case.
func (e execution) handleExecuteError(ctx context.Context, refused error) (target.Step, error) {
	fault := e.session.toError("ExecuteChangeSet", refused)
	if lockstep.KindOf(fault) == lockstep.Unavailable {
		return target.Step{}, fault // the next step describes the change set first
	}

	out, err := e.session.findChangeSet(ctx, e.checkpoint.ChangeSetARN, "")
	switch {
	case errors.Is(err, errNotFound):
		return e.replaceChangeSet("The changeset or its stack was deleted by something else.")
	case err != nil:
		return target.Step{}, err
	case isExecuted(out):
		return e.startWaiting(ctx)
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
	if isPlain(refused) || lockstep.KindOf(fault) == lockstep.Denied {
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

// deleteProposal deletes the change set unless it was executed. An empty stack that
// was created with it is left, in REVIEW_IN_PROGRESS: the next attempt uses it, and a
// DeleteStack that arrives late would delete what that attempt has created in it.
func (c cleanup) deleteProposal(ctx context.Context) error {
	c.deleteStaleChangeSet(ctx)
	out, err := c.findChangeSet(ctx)
	if errors.Is(err, errNotFound) {
		return nil
	}
	if err != nil {
		return err
	}

	if isExecuted(out) {
		return nil
	}

	c.rememberChangeSet(aws.ToString(out.ChangeSetId), aws.ToString(out.StackId))
	return c.session.deleteChangeSet(ctx, c.checkpoint.ChangeSetARN)
}

// isExecuted reports whether a change set is or was executed.
func isExecuted(out *cloudformation.DescribeChangeSetOutput) bool {
	switch out.ExecutionStatus {
	case types.ExecutionStatusExecuteInProgress,
		types.ExecutionStatusExecuteComplete,
		types.ExecutionStatusExecuteFailed:
		return true
	}
	return false
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
