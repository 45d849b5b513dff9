package cfnstack

import (
	"context"
	"errors"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/cloudformation"
	"github.com/aws/aws-sdk-go-v2/service/cloudformation/types"

	"github.com/lockstephq/lockstep"
)

// errNotFound says that a stack or a change set is not there.
var errNotFound = errors.New("not there")

// describeStack describes a stack by name or ARN; errMissing where there is none. By
// ARN a deleted one is found too.
func (s *session) describeStack(ctx context.Context, name string) (*types.Stack, error) {
	out, err := s.client.DescribeStacks(ctx, &cloudformation.DescribeStacksInput{StackName: &name}, s.callOptions)
	if hasCode(err, "Validation") { // a legal name: the stack does not exist
		return nil, errNotFound
	}
	if err != nil {
		return nil, s.toError("DescribeStacks", err)
	}
	if len(out.Stacks) == 0 {
		return nil, errNotFound
	}
	return &out.Stacks[0], nil
}

// findChangeSet describes a change set by ARN, or by name where a stack is given;
// errMissing where it or its stack is not there.
func (s *session) findChangeSet(ctx context.Context, name, stack string) (*cloudformation.DescribeChangeSetOutput, error) {
	input := &cloudformation.DescribeChangeSetInput{ChangeSetName: &name}
	if stack != "" {
		input.StackName = &stack
	}
	return s.describeChangeSet(ctx, input)
}

func (s *session) describeChangeSet(ctx context.Context, in *cloudformation.DescribeChangeSetInput) (*cloudformation.DescribeChangeSetOutput, error) {
	out, err := s.client.DescribeChangeSet(ctx, in, s.callOptions)
	if hasCode(err, "Validation", "ChangeSetNotFound") {
		return nil, errNotFound
	}
	if err != nil {
		return nil, s.toError("DescribeChangeSet", err)
	}
	return out, nil
}

// checkStackStatus says whether a stack can take a change set now: create is the kind it
// takes. An error is Unavailable while something else works on the stack, and
// Blocked where only a person can mend it.
func checkStackStatus(stack *types.Stack) (create bool, err error) {
	if stack == nil {
		return true, nil
	}

	name, status := aws.ToString(stack.StackName), string(stack.StackStatus)
	switch stack.StackStatus {
	case types.StackStatusReviewInProgress:
		return true, nil
	case types.StackStatusRollbackComplete:
		return false, blockedError(stack, "Stack %s is ROLLBACK_COMPLETE: its creation failed, and CloudFormation does not update such a stack. "+
			"Delete it, then resolve this blocker.", name)
	case types.StackStatusUpdateRollbackFailed:
		return false, blockedError(stack, "Stack %s is UPDATE_ROLLBACK_FAILED: run aws cloudformation continue-update-rollback --stack-name %s, "+
			"then resolve this blocker.", name, name)
	case types.StackStatusRollbackFailed, types.StackStatusDeleteFailed, types.StackStatusImportRollbackFailed:
		return false, blockedError(stack, "Stack %s is %s, a state that CloudFormation does not update. Mend or delete it, then resolve this blocker.",
			name, status)
	}

	if strings.HasSuffix(status, "_IN_PROGRESS") {
		return false, lockstep.Errorf(lockstep.Unavailable, "Stack %s is %s: waiting until that has ended.", name, status)
	}

	return false, nil
}

func blockedError(stack *types.Stack, format string, args ...any) *lockstep.Error {
	lockstepErr := lockstep.Errorf(lockstep.Blocked, format, args...)
	lockstepErr.Contexts = []lockstep.Context{
		{Key: "StackName", Value: aws.ToString(stack.StackName)},
		{Key: "StackId", Value: aws.ToString(stack.StackId)},
		{Key: "StackStatus", Value: string(stack.StackStatus)},
	}
	return lockstepErr
}

// checkUnchanged says whether a stack is still as our last attempt left it; the
// error is Blocked where it is not. Only what the endpoint tells is compared:
// not all keep the time of the last update.
func (w *runner) checkUnchanged(ctx context.Context, stack *types.Stack) error {
	baseline := decodeBaseline(w.Attempt)
	if baseline == nil {
		return nil
	}
	if stack == nil || aws.ToString(stack.StackId) != baseline.StackARN {
		return w.deletedError(ctx, baseline, stack)
	}

	updated := aws.ToTime(stack.LastUpdatedTime)
	if updated.IsZero() || updated.Equal(baseline.UpdatedAt) || baseline.UpdatedAt.IsZero() && (baseline.SeenAt.IsZero() || !updated.After(baseline.SeenAt)) {
		return nil
	}

	return modifiedError(stack, baseline.StackARN, updated)
}

// deletedError tells of a stack that is gone, perhaps with another in its place.
func (w *runner) deletedError(ctx context.Context, baseline *baseline, instead *types.Stack) error {
	gone, err := w.session.describeStack(ctx, baseline.StackARN)
	if err != nil && !errors.Is(err, errNotFound) {
		return err
	}

	at := w.Now
	switch {
	case gone != nil && gone.DeletionTime != nil:
		at = *gone.DeletionTime
	case instead != nil && instead.CreationTime != nil:
		at = *instead.CreationTime
	}

	if gone == nil {
		gone = &types.Stack{StackName: &w.Configuration.ResourceName, StackId: &baseline.StackARN, StackStatus: types.StackStatusDeleteComplete}
	}

	return modifiedError(gone, baseline.StackARN, at)
}

// modifiedError is AWS's sentence.
func modifiedError(stack *types.Stack, arn string, at time.Time) error {
	date := at.UTC().Format(blockerTimeLayout)
	e := blockedError(stack, "Target %s was modified at time %s by something besides StackSync. "+
		"Disabling syncing to ensure we don't overwrite an important deployment.", arn, date)
	e.Contexts = append(e.Contexts, lockstep.Context{Key: "AUTOMATED", Value: date})
	return e
}

// newBaseline remembers how a stack is now.
func newBaseline(stack *types.Stack, seen time.Time) []byte {
	return baseline{StackARN: aws.ToString(stack.StackId), UpdatedAt: aws.ToTime(stack.LastUpdatedTime), SeenAt: seen}.encode()
}
