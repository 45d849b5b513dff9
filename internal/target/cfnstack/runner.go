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

// maxChangeSets is how many change sets one attempt makes before it gives up
// on a stack that something else keeps changing.
const maxChangeSets = 3

// runner is one step of one attempt.
type runner struct {
	target.Attempt
	driver        *Driver
	session       *session
	checkpoint    checkpoint
	document      *deploymentfile.Document
	pendingEvents []pendingEvent
}

func (d *Driver) newRunner(a target.Attempt) (*runner, error) {
	w := &runner{Attempt: a, driver: d}
	var err error
	if w.checkpoint, err = decodeCheckpoint(a.Checkpoint); err != nil {
		return nil, err
	}
	return w, nil
}

func (w *runner) advance(ctx context.Context) (step target.Step, err error) {
	if w.session, err = w.driver.newSession(ctx, w.Configuration); err != nil {
		if w.checkpoint.Phase == phaseFollow {
			return w.endLostSight(err)
		}
		return target.Step{}, err
	}

	switch w.checkpoint.Phase {
	case phaseBundle:
		return w.bundle(ctx)
	case phaseCreate:
		return w.createChangeSet(ctx)
	case phaseDescribe:
		return w.describeChangeSet(ctx)
	case phaseExecute:
		return w.executeChangeSet(ctx)
	case phaseFollow:
		return w.follow(ctx)
	case phaseCleanUp:
		return w.cleanUp(ctx)
	}

	return target.Step{}, lockstep.Errorf(lockstep.Internal, "The attempt's memory names the unknown phase %q.", w.checkpoint.Phase)
}

// enterPhase goes on with a phase at once, and wait with this one after a pause.
func (w *runner) enterPhase(p phase) (target.Step, error) {
	w.checkpoint.Phase, w.checkpoint.PollCount = p, 0
	return target.Step{}, nil
}

func (w *runner) pollAgain(p phase) (target.Step, error) {
	if w.checkpoint.Phase != p {
		w.checkpoint.Phase, w.checkpoint.PollCount = p, 0
	}
	after := w.driver.options.Poll.delay(w.checkpoint.PollCount)
	w.checkpoint.PollCount++
	return target.Step{ContinueAfter: after}, nil
}

// replaceChangeSet makes another change set in the same attempt, because this one cannot
// be used any more.
func (w *runner) replaceChangeSet(reason string) (target.Step, error) {
	if w.checkpoint.ChangeSetNumber-w.checkpoint.ExportRetries >= maxChangeSets {
		reason = fmt.Sprintf("%s That happened %d times", reason, maxChangeSets)
		w.emit(ChangeSetCreationFailed, w.checkpoint.ChangeSetARN, "%s", failureSentence("Changeset creation failed.", reason))
		return w.cleanUpAndEnd(lockstep.Failed, reason+".")
	}
	w.emit(ChangeSetReplaced, w.checkpoint.ChangeSetARN, "%s Making another changeset.", reason)
	w.checkpoint = w.checkpoint.forNextChangeSet()
	step, err := w.enterPhase(phaseBundle)
	step.Plan = new(lockstep.Plan)
	return step, err
}

// cleanUpAndEnd ends the attempt once what it proposed is cleaned away.
func (w *runner) cleanUpAndEnd(o lockstep.Outcome, reason string) (target.Step, error) {
	w.checkpoint.Outcome, w.checkpoint.Reason = o, reason
	return w.enterPhase(phaseCleanUp)
}

// readDocument gives what the commit asks for, read at most once a step.
func (w *runner) readDocument(ctx context.Context) (*deploymentfile.Document, error) {
	if w.document != nil {
		return w.document, nil
	}

	files, err := w.OpenTree(ctx)
	if err != nil {
		return nil, err
	}

	doc, _, err := deploymentfile.Read(ctx, w.Configuration, files)
	if err != nil {
		return nil, err
	}

	w.document = doc
	return doc, nil
}

// describeStack describes the attempt's stack, by ARN once that is known. A
// deleted one is missing.
func (w *runner) describeStack(ctx context.Context) (*types.Stack, error) {
	name := w.checkpoint.StackARN
	if name == "" {
		name = w.Configuration.ResourceName
	}
	stack, err := w.session.describeStack(ctx, name)
	if err == nil && stack.StackStatus == types.StackStatusDeleteComplete {
		return nil, errNotFound
	}
	return stack, err
}

// lastSeenTime is the newest time that the endpoint has told of this attempt.
func (w *runner) lastSeenTime() time.Time {
	if w.checkpoint.LastEventTime.After(w.checkpoint.ProposedAt) {
		return w.checkpoint.LastEventTime
	}
	return w.checkpoint.ProposedAt
}

func stackID(stack *types.Stack) string {
	if stack == nil {
		return ""
	}
	return aws.ToString(stack.StackId)
}
