package cfnstack

import (
	"context"
	"fmt"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/cloudformation/types"

	"github.com/lockstephq/lockstep"
	"github.com/lockstephq/lockstep/internal/target"
	"github.com/lockstephq/lockstep/internal/target/cfnstack/deploymentfile"
)

// maxChangeSets is how many change sets one attempt creates before it gives up
// on a stack that something else keeps changing.
const maxChangeSets = 3

// A runner runs one step of one attempt. The steps of its phases are the methods
// of creation, execution and cleanup.
type runner struct {
	target.Attempt
	driver        *Driver
	session       *session
	checkpoint    checkpoint
	document      *deploymentfile.Document
	pendingEvents []pendingEvent
}

// A creation creates the change set, up to the intent to execute it.
type creation struct{ *runner }

// An execution executes the change set and waits for the end of that.
type execution struct{ *runner }

// A cleanup deletes what was created and not executed.
type cleanup struct{ *runner }

func (d *Driver) newRunner(attempt target.Attempt) (*runner, error) {
	decoded, err := decodeCheckpoint(attempt.Checkpoint)
	if err != nil {
		return nil, err
	}
	return &runner{Attempt: attempt, driver: d, checkpoint: decoded}, nil
}

func (r *runner) advance(ctx context.Context) (step target.Step, err error) {
	if r.session, err = r.driver.newSession(ctx, r.Configuration); err != nil {
		if r.checkpoint.Phase == phaseWait {
			return execution{r}.endUnknown(err)
		}
		return target.Step{}, err
	}

	r.session.isPatient = r.Now.Sub(r.StartedAt) < r.driver.options.RetryPlain
	switch r.checkpoint.Phase {
	case phaseBundle:
		return creation{r}.bundle(ctx)
	case phaseCreate:
		return creation{r}.createChangeSet(ctx)
	case phaseDescribe:
		return creation{r}.describeChangeSet(ctx)
	case phaseExecute:
		return execution{r}.executeChangeSet(ctx)
	case phaseWait:
		return execution{r}.wait(ctx)
	case phaseCleanUp:
		return cleanup{r}.cleanUp(ctx)
	}

	return target.Step{}, lockstep.Errorf(lockstep.Internal,
		"The attempt's checkpoint has the unknown phase %q.", r.checkpoint.Phase)
}

// enterPhase continues with a phase at once.
func (r *runner) enterPhase(next phase) (target.Step, error) {
	r.checkpoint.Phase = next
	r.checkpoint.PollCount = 0
	return target.Step{}, nil
}

// pollAgain continues with a phase after a pause that grows with each poll.
func (r *runner) pollAgain(next phase) (target.Step, error) {
	if r.checkpoint.Phase != next {
		r.checkpoint.Phase = next
		r.checkpoint.PollCount = 0
	}

	delay := r.driver.options.Poll.delay(r.checkpoint.PollCount)
	r.checkpoint.PollCount++

	return target.Step{ContinueAfter: delay}, nil
}

// replaceChangeSet creates another change set in the same attempt, because this
// one can no longer be used.
func (r *runner) replaceChangeSet(reason string) (target.Step, error) {
	if r.checkpoint.ChangeSetNumber-r.checkpoint.ExportRetries >= maxChangeSets {
		reason = fmt.Sprintf("%s That happened %d times", reason, maxChangeSets)
		message := failureSentence("Changeset creation failed.", reason)
		r.emit(ChangeSetCreationFailed, r.checkpoint.ChangeSetARN, "%s", message)

		return r.cleanUpAndEnd(lockstep.Failed, reason+".")
	}

	r.emit(ChangeSetReplaced, r.checkpoint.ChangeSetARN, "%s Creating another changeset.", reason)
	r.checkpoint = r.checkpoint.forNextChangeSet()

	step, err := r.enterPhase(phaseBundle)
	step.Plan = new(lockstep.Plan)
	return step, err
}

// cleanUpAndEnd ends the attempt once its change set is deleted.
func (r *runner) cleanUpAndEnd(outcome lockstep.Outcome, reason string) (target.Step, error) {
	r.checkpoint.Outcome = outcome
	r.checkpoint.Reason = reason
	return r.enterPhase(phaseCleanUp)
}

// readDocument returns what the commit asks for. It reads the files at most once
// a step.
func (r *runner) readDocument(ctx context.Context) (*deploymentfile.Document, error) {
	if r.document != nil {
		return r.document, nil
	}

	files, err := r.OpenTree(ctx)
	if err != nil {
		return nil, err
	}

	document, _, err := deploymentfile.Read(ctx, r.Configuration, files)
	if err != nil {
		return nil, err
	}

	r.document = document
	return document, nil
}

// describeStack describes the attempt's stack, by ARN once that is known. It
// returns errNotFound for a deleted stack.
func (r *runner) describeStack(ctx context.Context) (*types.Stack, error) {
	name := r.checkpoint.StackARN
	if name == "" {
		name = r.Configuration.ResourceName
	}

	stack, err := r.session.describeStack(ctx, name)
	if err == nil && stack.StackStatus == types.StackStatusDeleteComplete {
		return nil, errNotFound
	}
	return stack, err
}

// lastSeenTime returns the newest time of this attempt by the endpoint's clock.
func (r *runner) lastSeenTime() time.Time {
	if r.checkpoint.LastEventTime.After(r.checkpoint.CreatedAt) {
		return r.checkpoint.LastEventTime
	}
	return r.checkpoint.CreatedAt
}

func stackID(stack *types.Stack) string {
	if stack == nil {
		return ""
	}
	return aws.ToString(stack.StackId)
}
