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
	cause := w.checkpoint.Cause
	switch {
	case cause != nil && cause.LogicalID != "":
		return cause.LogicalID + " (" + cause.ResourceType + "): " + asSentence(cause.Reason, "it failed")
	case cause != nil:
		return asSentence(cause.Reason, "")
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

	for _, event := range w.filterOwnEvents(events) {
		if aws.ToString(event.PhysicalResourceId) == stack {
			w.handleStackEvent(event)
		} else {
			w.handleResourceEvent(event)
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
	kept := slices.ContainsFunc(events, func(event types.StackEvent) bool {
		return aws.ToString(event.ClientRequestToken) == w.checkpoint.ChangeSetName
	})
	return slices.DeleteFunc(events, func(event types.StackEvent) bool {
		token := aws.ToString(event.ClientRequestToken)
		return token != w.checkpoint.ChangeSetName && (kept || token != "")
	})
}

// handleStackEvent takes an event of the stack itself.
func (w *runner) handleStackEvent(event types.StackEvent) {
	status, reason := string(event.ResourceStatus), aws.ToString(event.ResourceStatusReason)
	switch {
	case strings.HasSuffix(status, "ROLLBACK_IN_PROGRESS"):
		w.checkpoint.EndStatus, w.checkpoint.IsRollingBack = "", true
		if w.checkpoint.Cause == nil && reason != "" {
			w.checkpoint.Cause = &cause{Reason: reason}
		}

		w.emit(StackRollbackInProgress, aws.ToString(event.StackId), "%s",
			strings.TrimSpace("The stack is being rolled back. "+reason))

	case strings.HasSuffix(status, "_IN_PROGRESS"):
		w.checkpoint.EndStatus = ""
	default:
		w.checkpoint.EndStatus, w.checkpoint.EndReason = status, reason
	}
}

// handleResourceEvent takes an event of one resource. What failed only because
// something else did is passed over.
func (w *runner) handleResourceEvent(event types.StackEvent) {
	status := string(event.ResourceStatus)
	cause := newCause(event)
	switch {
	case isFailure(event):
		if w.checkpoint.Cause == nil || w.checkpoint.Cause.LogicalID == "" {
			w.checkpoint.Cause = &cause
		}
		if w.checkpoint.ResourceEvents++; w.checkpoint.ResourceEvents <= maxResourceEvents {
			w.emitResourceFailed(cause, status)
		}
	case strings.HasSuffix(status, "_COMPLETE") && !w.checkpoint.IsRollingBack:
		if w.checkpoint.ResourceEvents++; w.checkpoint.ResourceEvents <= maxSucceededEvents {
			w.emit(StackResourceSucceeded, cause.PhysicalID, "%s (%s): %s.", cause.LogicalID, cause.ResourceType, status)
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
func isFailure(event types.StackEvent) bool {
	if !strings.HasSuffix(string(event.ResourceStatus), "_FAILED") {
		return false
	}
	reason := strings.ToLower(aws.ToString(event.ResourceStatusReason))
	return !strings.HasPrefix(reason, "resource ") || !strings.Contains(reason, "cancelled")
}

// findNestedCause follows a cause that is a nested stack to the resource in it.
func (w *runner) findNestedCause(ctx context.Context) error {
	for range maxNestedDepth {
		cause := w.checkpoint.Cause
		if cause == nil || cause.ResourceType != nestedStack || !strings.HasPrefix(cause.PhysicalID, "arn:") {
			return nil
		}

		events, err := w.session.stackEvents(ctx, cause.PhysicalID, "", w.eventsSince())
		if err != nil {
			return err
		}

		i := slices.IndexFunc(events, func(ev types.StackEvent) bool {
			return isFailure(ev) && aws.ToString(ev.PhysicalResourceId) != cause.PhysicalID
		})
		if i < 0 {
			return nil
		}

		inner := newCause(events[i])
		inner.LogicalID = cause.LogicalID + "." + inner.LogicalID
		w.emitResourceFailed(inner, string(events[i].ResourceStatus))
		w.checkpoint.Cause = &inner
	}

	return nil
}

// stackEvents gives the events of a stack from since on and after the one with
// an id, oldest first.
func (s *session) stackEvents(ctx context.Context, stack, after string, since time.Time) ([]types.StackEvent, error) {
	var events []types.StackEvent
	input := &cloudformation.DescribeStackEventsInput{StackName: &stack}
	for range maxEventPages {
		out, err := s.client.DescribeStackEvents(ctx, input, s.callOptions)
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
		if input.NextToken = out.NextToken; input.NextToken == nil {
			break
		}
	}

	slices.Reverse(events)
	return events, nil
}
