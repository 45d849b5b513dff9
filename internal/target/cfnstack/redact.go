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

// minSecretLength is the shortest value that is redacted. A shorter one occurs in
// texts by chance.
const minSecretLength = 4

// finish adds the events and the checkpoint to a step. It redacts the values of NoEcho
// parameters in everything that leaves the driver, since services quote what they
// refuse.
func (r *runner) finish(ctx context.Context, step target.Step, err error) (target.Step, error) {
	redact := func(s string) string { return s }
	if err != nil || len(r.pendingEvents) > 0 || step.End != nil || step.Plan != nil {
		var redactErr error
		if redact, redactErr = r.redactor(ctx); redactErr != nil {
			return target.Step{}, redactErr
		}
	}

	if err != nil {
		return target.Step{}, redactError(err, redact)
	}

	for _, event := range r.pendingEvents {
		if !event.isFixed {
			event.Message = lockstep.Truncate(redact(event.Message), lockstep.MaxMessage)
		}

		event.ExternalID = r.redactID(event.ExternalID, redact)
		step.Events = append(step.Events, event.Event)
	}

	r.checkpoint.Reason = redact(r.checkpoint.Reason)
	r.checkpoint.EndReason = redact(r.checkpoint.EndReason)
	if cause := r.checkpoint.Cause; cause != nil {
		cause.Reason = redact(cause.Reason)
		cause.PhysicalID = r.redactID(cause.PhysicalID, redact)
	}

	if step.Checkpoint, err = json.Marshal(r.checkpoint); err != nil {
		return target.Step{}, fmt.Errorf("encode checkpoint: %w", err)
	}

	if step.Plan != nil {
		redactPlan(step.Plan, redact)
	}

	if end := step.End; end != nil {
		end.Reason = lockstep.Truncate(redact(end.Reason), lockstep.MaxMessage)
		if end.Blocked != nil {
			end.Blocked.Message = redact(end.Blocked.Message)
		}
	}

	return step, nil
}

// redactID returns "" for the id of a resource that contains a secret. The names of
// stacks and change sets contain none.
func (r *runner) redactID(id string, redact func(string) string) string {
	switch id {
	case r.checkpoint.StackARN, r.checkpoint.ChangeSetARN, string(r.Revision.SHA), redact(id):
		return id
	}
	return ""
}

// redactor returns a function that replaces the secrets of the deployment file. It
// reads the files again only if they have a secret. If they can no longer be read,
// the function withholds every text.
func (r *runner) redactor(ctx context.Context) (func(string) string, error) {
	if r.document == nil && r.checkpoint.HasSecret {
		_, err := r.readDocument(ctx)
		switch kind := lockstep.KindOf(err); {
		case err == nil:
		case kind == lockstep.Unavailable || kind == lockstep.Internal:
			return nil, err
		default:
			return withholdText, nil
		}
	}

	if r.document == nil {
		return func(s string) string { return s }, nil
	}

	secrets := r.document.Secrets()
	slices.SortFunc(secrets, func(a, b string) int { return len(b) - len(a) }) // one secret may contain another

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
	return "Output withheld: it may contain a NoEcho value, and the deployment file can no longer be read."
}

// redactError returns an error without secrets in its message and its cause.
func redactError(err error, redact func(string) string) error {
	if redact(err.Error()) == err.Error() {
		return err
	}

	lockstepErr, ok := errors.AsType[*lockstep.Error](err)
	if !ok {
		return errors.New(redact(err.Error()))
	}

	clean := &lockstep.Error{
		Kind:     lockstepErr.Kind,
		Message:  redact(lockstepErr.Message),
		Contexts: lockstepErr.Contexts,
	}
	if lockstepErr.Err != nil {
		clean.Err = errors.New(redact(lockstepErr.Err.Error()))
	}

	return clean
}
