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
	maxEventPages      = 10
	maxSucceededEvents = 60 // resources that are done
	maxResourceEvents  = 80 // those and the ones that failed
	maxNestedDepth     = 5  // of nested stacks
	nestedStack        = "AWS::CloudFormation::Stack"
)

// A cause is the first resource that failed, all others follow from it.
type cause struct {
	LogicalID    string `json:"logical,omitempty"`
	ResourceType string `json:"kind,omitempty"`
	PhysicalID   string `json:"physical,omitempty"`
	Reason       string `json:"reason,omitempty"`
}

// addContext adds the cause to a blocker.
func (c *cause) addContext(e *lockstep.Error) {
	if c != nil && c.LogicalID != "" && e != nil {
		e.Contexts = append(e.Contexts, lockstep.Context{Key: "LogicalResourceId", Value: c.LogicalID})
	}
}

// failureReason is what the attempt's owner reads of a failed execution.
func (w *runner) failureReason(stack *types.Stack) string {
	c := w.checkpoint.Cause
	switch {
	case c != nil && c.LogicalID != "":
		return c.LogicalID + " (" + c.ResourceType + "): " + asSentence(c.Reason, "it failed")
	case c != nil:
		return asSentence(c.Reason, "")
	case aws.ToString(stack.StackStatusReason) != "":
		return asSentence(*stack.StackStatusReason, "")
	}
	return "CloudFormation gave no reason."
}

// emitStackEvents makes the stack's new events known.
func (w *runner) emitStackEvents(ctx context.Context, stack string) error {
	events, err := w.session.stackEvents(ctx, stack, w.checkpoint.LastEventID, w.eventsSince())
	if err != nil {
		return err
	}

	if len(events) > 0 {
		newest := events[len(events)-1]
		w.checkpoint.LastEventID, w.checkpoint.LastEventTime = aws.ToString(newest.EventId), aws.ToTime(newest.Timestamp)
	}

	for _, ev := range w.filterOwnEvents(events) {
		if aws.ToString(ev.PhysicalResourceId) == stack {
			w.handleStackEvent(ev)
		} else {
			w.handleResourceEvent(ev)
		}
	}

	return nil
}

// eventsSince is the time before which no event is ours, by the endpoint's clock.
func (w *runner) eventsSince() time.Time {
	if w.checkpoint.ProposedAt.IsZero() {
		return w.StartedAt
	}
	return w.checkpoint.ProposedAt
}

// filterOwnEvents leaves out what others have done, as far as the endpoint keeps request
// tokens.
func (w *runner) filterOwnEvents(events []types.StackEvent) []types.StackEvent {
	kept := slices.ContainsFunc(events, func(ev types.StackEvent) bool {
		return aws.ToString(ev.ClientRequestToken) == w.checkpoint.ChangeSetName
	})
	return slices.DeleteFunc(events, func(ev types.StackEvent) bool {
		token := aws.ToString(ev.ClientRequestToken)
		return token != w.checkpoint.ChangeSetName && (kept || token != "")
	})
}

// handleStackEvent takes an event of the stack itself.
func (w *runner) handleStackEvent(ev types.StackEvent) {
	status, reason := string(ev.ResourceStatus), aws.ToString(ev.ResourceStatusReason)
	switch {
	case strings.HasSuffix(status, "ROLLBACK_IN_PROGRESS"):
		w.checkpoint.EndStatus, w.checkpoint.IsRollingBack = "", true
		if w.checkpoint.Cause == nil && reason != "" {
			w.checkpoint.Cause = &cause{Reason: reason}
		}

		w.emit(StackRollbackInProgress, aws.ToString(ev.StackId), "%s",
			strings.TrimSpace("The stack is being rolled back. "+reason))

	case strings.HasSuffix(status, "_IN_PROGRESS"):
		w.checkpoint.EndStatus = ""
	default:
		w.checkpoint.EndStatus, w.checkpoint.EndReason = status, reason
	}
}

// handleResourceEvent takes an event of one resource. What failed only because
// something else did is passed over.
func (w *runner) handleResourceEvent(ev types.StackEvent) {
	status := string(ev.ResourceStatus)
	c := newCause(ev)
	switch {
	case isFailure(ev):
		if w.checkpoint.Cause == nil || w.checkpoint.Cause.LogicalID == "" {
			w.checkpoint.Cause = &c
		}
		if w.checkpoint.ResourceEvents++; w.checkpoint.ResourceEvents <= maxResourceEvents {
			w.emitResourceFailed(c, status)
		}
	case strings.HasSuffix(status, "_COMPLETE") && !w.checkpoint.IsRollingBack:
		if w.checkpoint.ResourceEvents++; w.checkpoint.ResourceEvents <= maxSucceededEvents {
			w.emit(StackResourceSucceeded, c.PhysicalID, "%s (%s): %s.", c.LogicalID, c.ResourceType, status)
		}
	}
}

func (w *runner) emitResourceFailed(c cause, status string) {
	w.emit(StackResourceFailed, c.PhysicalID, "%s (%s): %s: %s", c.LogicalID, c.ResourceType, status, asSentence(c.Reason, "no reason was given"))
}

func newCause(ev types.StackEvent) cause {
	return cause{
		LogicalID: aws.ToString(ev.LogicalResourceId), ResourceType: aws.ToString(ev.ResourceType),
		PhysicalID: aws.ToString(ev.PhysicalResourceId), Reason: aws.ToString(ev.ResourceStatusReason),
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

// findNestedCause follows a cause that is a nested stack to the resource in it.
func (w *runner) findNestedCause(ctx context.Context) error {
	for range maxNestedDepth {
		c := w.checkpoint.Cause
		if c == nil || c.ResourceType != nestedStack || !strings.HasPrefix(c.PhysicalID, "arn:") {
			return nil
		}

		events, err := w.session.stackEvents(ctx, c.PhysicalID, "", w.eventsSince())
		if err != nil {
			return err
		}

		i := slices.IndexFunc(events, func(ev types.StackEvent) bool {
			return isFailure(ev) && aws.ToString(ev.PhysicalResourceId) != c.PhysicalID
		})
		if i < 0 {
			return nil
		}

		inner := newCause(events[i])
		inner.LogicalID = c.LogicalID + "." + inner.LogicalID
		w.emitResourceFailed(inner, string(events[i].ResourceStatus))
		w.checkpoint.Cause = &inner
	}

	return nil
}

// stackEvents gives the events of a stack from since on and after the one with
// an id, oldest first.
func (s *session) stackEvents(ctx context.Context, stack, after string, since time.Time) ([]types.StackEvent, error) {
	var events []types.StackEvent
	in := &cloudformation.DescribeStackEventsInput{StackName: &stack}
	for range maxEventPages {
		out, err := s.client.DescribeStackEvents(ctx, in, s.callOptions)
		if hasCode(err, "Validation") { // the stack is gone, its events with it
			break
		}
		if err != nil {
			return nil, s.toError("DescribeStackEvents", err)
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
