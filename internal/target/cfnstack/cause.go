package cfnstack

import (
	"context"
	"slices"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/cloudformation"
	"github.com/aws/aws-sdk-go-v2/service/cloudformation/types"

	"github.com/lockstephq/lockstep"
)

// Bounds of what is read and made known of a stack's events.
const (
	maxEventPages = 10
	maxShown      = 60 // resources that are done
	maxFailures   = 80 // those and the ones that failed
	maxDepth      = 5  // of nested stacks
	nestedStack   = "AWS::CloudFormation::Stack"
)

// A cause is the first resource that failed, all others follow from it.
type cause struct {
	Logical  string `json:"logical,omitempty"`
	Kind     string `json:"kind,omitempty"`
	Physical string `json:"physical,omitempty"`
	Reason   string `json:"reason,omitempty"`
}

// context adds the cause to a blocker.
func (c *cause) context(e *lockstep.Error) {
	if c != nil && c.Logical != "" && e != nil {
		e.Contexts = append(e.Contexts, lockstep.Context{Key: "LogicalResourceId", Value: c.Logical})
	}
}

// reason is what the attempt's owner reads of a failed execution.
func (w *work) reason(stack *types.Stack) string {
	c := w.m.Cause
	switch {
	case c != nil && c.Logical != "":
		return c.Logical + " (" + c.Kind + "): " + sentence(c.Reason, "it failed")
	case c != nil:
		return sentence(c.Reason, "")
	case aws.ToString(stack.StackStatusReason) != "":
		return sentence(*stack.StackStatusReason, "")
	}
	return "CloudFormation gave no reason."
}

// watch makes the stack's new events known.
func (w *work) watch(ctx context.Context, stack string) error {
	events, err := w.s.stackEvents(ctx, stack, w.m.LastEvent, w.since())
	if err != nil {
		return err
	}

	if len(events) > 0 {
		newest := events[len(events)-1]
		w.m.LastEvent, w.m.LastTime = aws.ToString(newest.EventId), aws.ToTime(newest.Timestamp)
	}

	for _, ev := range w.ours(events) {
		if aws.ToString(ev.PhysicalResourceId) == stack {
			w.stackEvent(ev)
		} else {
			w.resourceEvent(ev)
		}
	}

	return nil
}

// since is the time before which no event is ours, by the endpoint's clock.
func (w *work) since() time.Time {
	if w.m.Proposed.IsZero() {
		return w.StartedAt
	}
	return w.m.Proposed
}

// ours leaves out what others have done, as far as the endpoint keeps request
// tokens.
func (w *work) ours(events []types.StackEvent) []types.StackEvent {
	kept := slices.ContainsFunc(events, func(ev types.StackEvent) bool { return aws.ToString(ev.ClientRequestToken) == w.m.Name })
	return slices.DeleteFunc(events, func(ev types.StackEvent) bool {
		token := aws.ToString(ev.ClientRequestToken)
		return token != w.m.Name && (kept || token != "")
	})
}

// stackEvent takes an event of the stack itself.
func (w *work) stackEvent(ev types.StackEvent) {
	status, reason := string(ev.ResourceStatus), aws.ToString(ev.ResourceStatusReason)
	switch {
	case strings.HasSuffix(status, "ROLLBACK_IN_PROGRESS"):
		w.m.Ended, w.m.Rolling = "", true
		if w.m.Cause == nil && reason != "" {
			w.m.Cause = &cause{Reason: reason}
		}

		w.emit(StackRollbackInProgress, aws.ToString(ev.StackId), "%s",
			strings.TrimSpace("The stack is being rolled back. "+reason))

	case strings.HasSuffix(status, "_IN_PROGRESS"):
		w.m.Ended = ""
	default:
		w.m.Ended, w.m.EndReason = status, reason
	}
}

// resourceEvent takes an event of one resource. What failed only because
// something else did is passed over.
func (w *work) resourceEvent(ev types.StackEvent) {
	status := string(ev.ResourceStatus)
	c := causeOf(ev)
	switch {
	case isFailure(ev):
		if w.m.Cause == nil || w.m.Cause.Logical == "" {
			w.m.Cause = &c
		}
		if w.m.Shown++; w.m.Shown <= maxFailures {
			w.failed(c, status)
		}
	case strings.HasSuffix(status, "_COMPLETE") && !w.m.Rolling:
		if w.m.Shown++; w.m.Shown <= maxShown {
			w.emit(StackResourceSucceeded, c.Physical, "%s (%s): %s.", c.Logical, c.Kind, status)
		}
	}
}

func (w *work) failed(c cause, status string) {
	w.emit(StackResourceFailed, c.Physical, "%s (%s): %s: %s", c.Logical, c.Kind, status, sentence(c.Reason, "no reason was given"))
}

func causeOf(ev types.StackEvent) cause {
	return cause{
		Logical: aws.ToString(ev.LogicalResourceId), Kind: aws.ToString(ev.ResourceType),
		Physical: aws.ToString(ev.PhysicalResourceId), Reason: aws.ToString(ev.ResourceStatusReason),
	}
}

// isFailure tells a failure from a cancellation, which has the same status and
// no code of its own.
func isFailure(ev types.StackEvent) bool {
	if !strings.HasSuffix(string(ev.ResourceStatus), "_FAILED") {
		return false
	}
	reason := strings.ToLower(aws.ToString(ev.ResourceStatusReason))
	return !strings.HasPrefix(reason, "resource ") || !strings.Contains(reason, "cancelled")
}

// findCause follows a cause that is a nested stack to the resource in it.
func (w *work) findCause(ctx context.Context) error {
	for range maxDepth {
		c := w.m.Cause
		if c == nil || c.Kind != nestedStack || !strings.HasPrefix(c.Physical, "arn:") {
			return nil
		}

		events, err := w.s.stackEvents(ctx, c.Physical, "", w.since())
		if err != nil {
			return err
		}

		i := slices.IndexFunc(events, func(ev types.StackEvent) bool {
			return isFailure(ev) && aws.ToString(ev.PhysicalResourceId) != c.Physical
		})
		if i < 0 {
			return nil
		}

		inner := causeOf(events[i])
		inner.Logical = c.Logical + "." + inner.Logical
		w.failed(inner, string(events[i].ResourceStatus))
		w.m.Cause = &inner
	}

	return nil
}

// stackEvents gives the events of a stack from since on and after the one with
// an id, oldest first.
func (s *session) stackEvents(ctx context.Context, stack, after string, since time.Time) ([]types.StackEvent, error) {
	var events []types.StackEvent
	in := &cloudformation.DescribeStackEventsInput{StackName: &stack}
	for range maxEventPages {
		out, err := s.api.DescribeStackEvents(ctx, in, s.as)
		if isCode(err, "Validation") { // the stack is gone, its events with it
			break
		}
		if err != nil {
			return nil, s.fault("DescribeStackEvents", err)
		}

		i := slices.IndexFunc(out.StackEvents, func(ev types.StackEvent) bool {
			return after != "" && aws.ToString(ev.EventId) == after || ev.Timestamp != nil && ev.Timestamp.Before(since)
		})
		if i >= 0 {
			events = append(events, out.StackEvents[:i]...)
			break
		}

		events = append(events, out.StackEvents...)
		if in.NextToken = out.NextToken; in.NextToken == nil {
			break
		}
	}

	slices.Reverse(events)
	return events, nil
}
