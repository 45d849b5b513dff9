package cfnstack

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/lockstephq/lockstep"
	"github.com/lockstephq/lockstep/internal/target"
)

// minSecretLength is the shortest value that is hidden: what is shorter stands in
// every text by chance.
const minSecretLength = 4

// finish adds events and memory to a step and hides in all that leaves the
// driver what the file gives for NoEcho parameters: services like to quote
// what they refuse.
func (w *runner) finish(ctx context.Context, step target.Step, err error) (target.Step, error) {
	hide := func(s string) string { return s }
	if err != nil || len(w.pendingEvents) > 0 || step.End != nil || step.Plan != nil {
		var hideErr error
		if hide, hideErr = w.redactor(ctx); hideErr != nil {
			return target.Step{}, hideErr
		}
	}

	if err != nil {
		return target.Step{}, redactError(err, hide)
	}

	for _, event := range w.pendingEvents {
		if !event.isFixed {
			event.Message = lockstep.Truncate(hide(event.Message), lockstep.MaxMessage)
		}

		event.ExternalID = w.redactID(event.ExternalID, hide)
		step.Events = append(step.Events, event.Event)
	}

	w.checkpoint.Reason, w.checkpoint.EndReason = hide(w.checkpoint.Reason), hide(w.checkpoint.EndReason)
	if c := w.checkpoint.Cause; c != nil {
		c.Reason, c.PhysicalID = hide(c.Reason), w.redactID(c.PhysicalID, hide)
	}

	if step.Checkpoint, err = json.Marshal(w.checkpoint); err != nil {
		return target.Step{}, fmt.Errorf("encode memory: %w", err)
	}

	if step.Plan != nil {
		redactPlan(step.Plan, hide)
	}

	if end := step.End; end != nil {
		end.Reason = lockstep.Truncate(hide(end.Reason), lockstep.MaxMessage)
		if end.Blocked != nil {
			end.Blocked.Message = hide(end.Blocked.Message)
		}
	}

	return step, nil
}

// redactID drops the id of a resource that holds a secret. The names of stacks
// and change sets hold none.
func (w *runner) redactID(id string, hide func(string) string) string {
	if id == w.checkpoint.StackARN || id == w.checkpoint.ChangeSetARN || id == string(w.Revision.SHA) || id == hide(id) {
		return id
	}
	return ""
}

// redactor replaces the secrets of the file. It reads the files again only where
// there is a secret in them; if they are gone for good it shows no text at all
// rather than one that may hold the secret.
func (w *runner) redactor(ctx context.Context) (func(string) string, error) {
	if w.document == nil && w.checkpoint.HasSecret {
		_, err := w.readDocument(ctx)
		switch kind := lockstep.KindOf(err); {
		case err == nil:
		case kind == lockstep.Unavailable || kind == lockstep.Internal:
			return nil, err
		default:
			return withholdText, nil
		}
	}

	if w.document == nil {
		return func(s string) string { return s }, nil
	}

	secrets := w.document.Secrets()
	slices.SortFunc(secrets, func(a, b string) int { return len(b) - len(a) }) // one may be part of another
	var pairs []string
	for _, secret := range secrets {
		if len(secret) >= minSecretLength {
			pairs = append(pairs, secret, "****")
		}
	}

	return strings.NewReplacer(pairs...).Replace, nil
}

func withholdText(s string) string {
	if s == "" {
		return ""
	}
	return "What was said is not shown: it may hold the value of a NoEcho parameter, and the deployment file cannot be read any more."
}

// redactError gives an error without secrets, in its message and in its cause.
func redactError(err error, hide func(string) string) error {
	if hide(err.Error()) == err.Error() {
		return err
	}

	lockstepErr, ok := errors.AsType[*lockstep.Error](err)
	if !ok {
		return errors.New(hide(err.Error()))
	}

	clean := &lockstep.Error{Kind: lockstepErr.Kind, Message: hide(lockstepErr.Message), Contexts: lockstepErr.Contexts}
	if lockstepErr.Err != nil {
		clean.Err = errors.New(hide(lockstepErr.Err.Error()))
	}

	return clean
}
