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

// work is one step of one attempt.
type work struct {
	target.Attempt
	d      *Driver
	s      *session
	m      memory
	doc    *deploymentfile.Document
	events []said
}

func (d *Driver) work(a target.Attempt) (*work, error) {
	w := &work{Attempt: a, d: d}
	var err error
	if w.m, err = recall(a.Checkpoint); err != nil {
		return nil, err
	}
	return w, nil
}

func (w *work) advance(ctx context.Context) (step target.Step, err error) {
	if w.s, err = w.d.session(ctx, w.Configuration); err != nil {
		if w.m.Phase == following {
			return w.lost(err)
		}
		return target.Step{}, err
	}

	switch w.m.Phase {
	case bundling:
		return w.bundle(ctx)
	case creating:
		return w.create(ctx)
	case describing:
		return w.describe(ctx)
	case executing:
		return w.execute(ctx)
	case following:
		return w.followed(ctx)
	case cleaning:
		return w.clean(ctx)
	}

	return target.Step{}, lockstep.Errorf(lockstep.Internal, "The attempt's memory names the unknown phase %q.", w.m.Phase)
}

// next goes on with a phase at once, and wait with this one after a pause.
func (w *work) next(p phase) (target.Step, error) {
	w.m.Phase, w.m.Polls = p, 0
	return target.Step{}, nil
}

func (w *work) wait(p phase) (target.Step, error) {
	if w.m.Phase != p {
		w.m.Phase, w.m.Polls = p, 0
	}
	after := w.d.options.Poll.after(w.m.Polls)
	w.m.Polls++
	return target.Step{ContinueAfter: after}, nil
}

// again makes another change set in the same attempt, because this one cannot
// be used any more.
func (w *work) again(reason string) (target.Step, error) {
	if w.m.Number-w.m.Awaited >= maxChangeSets {
		reason = fmt.Sprintf("%s That happened %d times", reason, maxChangeSets)
		w.emit(ChangeSetCreationFailed, w.m.ChangeSet, "%s", because("Changeset creation failed.", reason))
		return w.leave(lockstep.Failed, reason+".")
	}
	w.emit(ChangeSetReplaced, w.m.ChangeSet, "%s Making another changeset.", reason)
	w.m = w.m.anew()
	step, err := w.next(bundling)
	step.Plan = new(lockstep.Plan)
	return step, err
}

// leave ends the attempt once what it proposed is cleaned away.
func (w *work) leave(o lockstep.Outcome, reason string) (target.Step, error) {
	w.m.Outcome, w.m.Reason = o, reason
	return w.next(cleaning)
}

// document gives what the commit asks for, read at most once a step.
func (w *work) document(ctx context.Context) (*deploymentfile.Document, error) {
	if w.doc != nil {
		return w.doc, nil
	}

	files, err := w.OpenTree(ctx)
	if err != nil {
		return nil, err
	}

	doc, _, err := deploymentfile.Read(ctx, w.Configuration, files)
	if err != nil {
		return nil, err
	}

	w.doc = doc
	return doc, nil
}

// describeStack describes the attempt's stack, by ARN once that is known. A
// deleted one is missing.
func (w *work) describeStack(ctx context.Context) (*types.Stack, error) {
	name := w.m.Stack
	if name == "" {
		name = w.Configuration.ResourceName
	}
	stack, err := w.s.stack(ctx, name)
	if err == nil && stack.StackStatus == types.StackStatusDeleteComplete {
		return nil, errMissing
	}
	return stack, err
}

// seen is the newest time that the endpoint has told of this attempt.
func (w *work) seen() time.Time {
	if w.m.LastTime.After(w.m.Proposed) {
		return w.m.LastTime
	}
	return w.m.Proposed
}

func stackID(stack *types.Stack) string {
	if stack == nil {
		return ""
	}
	return aws.ToString(stack.StackId)
}
