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

// Limits of the stack events that are read and emitted.
const (
	maxEventPages      = 10
	maxSucceededEvents = 60 // resources that are complete
	maxResourceEvents  = 80 // complete and failed resources
	maxNestedDepth     = 5  // of nested stacks
	nestedStack        = "AWS::CloudFormation::Stack"
)

// A cause is the first resource that failed, or the reason of a rollback. The other
// failures follow from it.
type cause struct {
	LogicalID    string `json:"logical,omitempty"`
	ResourceType string `json:"kind,omitempty"`
	PhysicalID   string `json:"physical,omitempty"`
	Reason       string `json:"reason,omitempty"`
}

// addContext adds the resource of the cause to a blocker.
func (c *cause) addContext(e *lockstep.Error) {
	if c != nil && c.LogicalID != "" && e != nil {
		e.Contexts = append(e.Contexts, lockstep.Context{Key: "LogicalResourceId", Value: c.LogicalID})
	}
}

// failureReason returns the reason of a failed execution for the attempt's owner.
func (e execution) failureReason(stack *types.Stack) string {
	cause := e.checkpoint.Cause
	switch {
	case cause != nil && cause.LogicalID != "":
		return cause.LogicalID + " (" + cause.ResourceType + "): " + asSentence(cause.Reason, "it failed")
	case cause != nil:
		return asSentence(cause.Reason, "")
	case aws.ToString(stack.StackStatusReason) != "":
		return asSentence(*stack.StackStatusReason, "")
	}
	return "CloudFormation returned no reason."
}

// emitStackEvents emits the new events of the stack.
func (e execution) emitStackEvents(ctx context.Context, stack string) error {
	events, err := e.session.stackEvents(ctx, stack, e.checkpoint.LastEventID, e.eventsSince())
	if err != nil {
		return err
	}

	if len(events) > 0 {
		newest := events[len(events)-1]
		e.checkpoint.LastEventID = aws.ToString(newest.EventId)
		e.checkpoint.LastEventTime = aws.ToTime(newest.Timestamp)
	}

	for _, event := range e.filterOwnEvents(events) {
		if aws.ToString(event.PhysicalResourceId) == stack {
			e.handleStackEvent(event)
		} else {
			e.handleResourceEvent(event)
		}
	}

	return nil
}

// eventsSince returns the time of the first event of this attempt, by the endpoint's
// clock.
func (e execution) eventsSince() time.Time {
	if e.checkpoint.CreatedAt.IsZero() {
		return e.StartedAt
	}
	return e.checkpoint.CreatedAt
}

// filterOwnEvents removes the events of other operations, if the endpoint keeps
// request tokens.
func (e execution) filterOwnEvents(events []types.StackEvent) []types.StackEvent {
	kept := slices.ContainsFunc(events, func(event types.StackEvent) bool {
		return aws.ToString(event.ClientRequestToken) == e.checkpoint.ChangeSetName
	})
	return slices.DeleteFunc(events, func(event types.StackEvent) bool {
		token := aws.ToString(event.ClientRequestToken)
		return token != e.checkpoint.ChangeSetName && (kept || token != "")
	})
}

// handleStackEvent processes an event of the stack itself.
func (e execution) handleStackEvent(event types.StackEvent) {
	status, reason := string(event.ResourceStatus), aws.ToString(event.ResourceStatusReason)
	switch {
	case strings.HasSuffix(status, "ROLLBACK_IN_PROGRESS"):
		e.checkpoint.EndStatus = ""
		e.checkpoint.IsRollingBack = true
		if e.checkpoint.Cause == nil && reason != "" {
			e.checkpoint.Cause = &cause{Reason: reason}
		}

		e.emit(StackRollbackInProgress, aws.ToString(event.StackId), "%s",
			strings.TrimSpace("The stack is being rolled back. "+reason))

	case strings.HasSuffix(status, "_IN_PROGRESS"):
		e.checkpoint.EndStatus = ""
	default:
		e.checkpoint.EndStatus = status
		e.checkpoint.EndReason = reason
	}
}

// handleResourceEvent processes an event of one resource. It ignores resources that
// were cancelled because another one failed.
func (e execution) handleResourceEvent(event types.StackEvent) {
	status := string(event.ResourceStatus)
	cause := newCause(event)

	switch {
	case isFailure(event):
		if e.checkpoint.Cause == nil || e.checkpoint.Cause.LogicalID == "" {
			e.checkpoint.Cause = &cause
		}
		if e.checkpoint.ResourceEvents++; e.checkpoint.ResourceEvents <= maxResourceEvents {
			e.emitResourceFailed(cause, status)
		} else {
			e.checkpoint.OmittedEvents++
		}
	case strings.HasSuffix(status, "_COMPLETE") && !e.checkpoint.IsRollingBack:
		if e.checkpoint.ResourceEvents++; e.checkpoint.ResourceEvents <= maxSucceededEvents {
			e.emit(StackResourceSucceeded, cause.PhysicalID, "%s (%s): %s.",
				cause.LogicalID, cause.ResourceType, status)
		} else {
			e.checkpoint.OmittedEvents++
		}
	}
}

// emitOmitted emits how many events of resources were not emitted, if any.
func (e execution) emitOmitted() {
	if n := e.checkpoint.OmittedEvents; n > 0 {
		e.emit(StackResourcesOmitted, e.checkpoint.StackARN,
			"%d further events of resources are not listed. CloudFormation's events of the stack have them.", n)
	}
}

func (e execution) emitResourceFailed(c cause, status string) {
	e.emit(StackResourceFailed, c.PhysicalID, "%s (%s): %s: %s",
		c.LogicalID, c.ResourceType, status, asSentence(c.Reason, "no reason returned"))
}

func newCause(event types.StackEvent) cause {
	return cause{
		LogicalID:    aws.ToString(event.LogicalResourceId),
		ResourceType: aws.ToString(event.ResourceType),
		PhysicalID:   aws.ToString(event.PhysicalResourceId),
		Reason:       aws.ToString(event.ResourceStatusReason),
	}
}

// isFailure reports whether a resource failed and was not cancelled. Cancellations
// have the same status.
func isFailure(event types.StackEvent) bool {
	if !strings.HasSuffix(string(event.ResourceStatus), "_FAILED") {
		return false
	}
	reason := strings.ToLower(aws.ToString(event.ResourceStatusReason))
	return !strings.HasPrefix(reason, "resource ") || !strings.Contains(reason, "cancelled")
}

// findNestedCause replaces a cause that is a nested stack by the resource that failed
// in it.
func (e execution) findNestedCause(ctx context.Context) error {
	for range maxNestedDepth {
		cause := e.checkpoint.Cause
		if cause == nil || cause.ResourceType != nestedStack || !strings.HasPrefix(cause.PhysicalID, "arn:") {
			return nil
		}

		events, err := e.session.stackEvents(ctx, cause.PhysicalID, "", e.eventsSince())
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
		e.emitResourceFailed(inner, string(events[i].ResourceStatus))
		e.checkpoint.Cause = &inner
	}

	return nil
}

// stackEvents returns the events of a stack from a time on and after the event with
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
