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

// errNotFound is the error of a stack or a change set that does not exist.
var errNotFound = errors.New("not found")

// describeStack describes a stack by name or ARN. It returns errNotFound if there is none. By
// ARN a deleted stack is found too.
func (s *session) describeStack(ctx context.Context, name string) (*types.Stack, error) {
	out, err := s.client.DescribeStacks(ctx, &cloudformation.DescribeStacksInput{StackName: &name}, s.callOptions)
	if hasCode(err, "Validation") { // the name is valid: the stack does not exist
		return nil, errNotFound
	}
	if err != nil {
		return nil, s.toError("DescribeStacks", err)
	}
	if len(out.Stacks) == 0 { // CloudFormation has an error for a missing stack
		return nil, s.emptyError("DescribeStacks", "stack")
	}
	return &out.Stacks[0], nil
}

// findChangeSet describes a change set by ARN, or by its name and a stack.
// It returns errNotFound if it or its stack does not exist.
func (s *session) findChangeSet(ctx context.Context, name, stack string) (*cloudformation.DescribeChangeSetOutput,
	error) {
	input := &cloudformation.DescribeChangeSetInput{ChangeSetName: &name}
	if stack != "" {
		input.StackName = &stack
	}
	return s.describeChangeSet(ctx, input)
}

func (s *session) describeChangeSet(ctx context.Context, input *cloudformation.DescribeChangeSetInput) (
	*cloudformation.DescribeChangeSetOutput, error) {
	out, err := s.client.DescribeChangeSet(ctx, input, s.callOptions)
	if hasCode(err, "Validation", "ChangeSetNotFound") {
		return nil, errNotFound
	}
	if err != nil {
		return nil, s.toError("DescribeChangeSet", err)
	}
	if aws.ToString(out.ChangeSetId) == "" || out.Status == "" {
		return nil, s.emptyError("DescribeChangeSet", "changeset")
	}
	return out, nil
}

// checkStackStatus reports which type of change set a stack can have now. The error
// is Unavailable while another operation is in progress, and Blocked if a person has
// to repair the stack.
func checkStackStatus(stack *types.Stack) (create bool, err error) {
	if stack == nil {
		return true, nil
	}

	name, status := aws.ToString(stack.StackName), string(stack.StackStatus)
	switch stack.StackStatus {
	case types.StackStatusReviewInProgress:
		return true, nil
	case types.StackStatusRollbackComplete:
		return false, blockedError(stack, "Stack %s is ROLLBACK_COMPLETE: its creation failed, "+
			"and CloudFormation does not update such a stack. "+
			"Delete it, then resolve this blocker.", name)
	case types.StackStatusUpdateRollbackFailed:
		return false, blockedError(stack, "Stack %s is UPDATE_ROLLBACK_FAILED: run aws cloudformation "+
			"continue-update-rollback --stack-name %s, "+
			"then resolve this blocker.", name, name)
	case types.StackStatusRollbackFailed, types.StackStatusDeleteFailed, types.StackStatusImportRollbackFailed:
		return false, blockedError(stack, "Stack %s is %s, a state that CloudFormation does not update. Repair or "+
			"delete it, then resolve this blocker.",
			name, status)
	}

	if strings.HasSuffix(status, "_IN_PROGRESS") {
		return false, lockstep.Errorf(lockstep.Unavailable,
			"Stack %s is %s: waiting until it is complete.", name, status)
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

// checkUnchanged returns a Blocked error if the stack differs from the baseline. Not
// all endpoints keep the time of the last update, so that zero times are not
// compared.
func (r *runner) checkUnchanged(ctx context.Context, stack *types.Stack) error {
	baseline := decodeBaseline(r.Attempt)
	if baseline == nil {
		return nil
	}
	if stack == nil || aws.ToString(stack.StackId) != baseline.StackARN {
		return r.deletedError(ctx, baseline, stack)
	}

	updated := aws.ToTime(stack.LastUpdatedTime)
	if updated.IsZero() || updated.Equal(baseline.UpdatedAt) || baseline.UpdatedAt.IsZero() &&
		(baseline.SeenAt.IsZero() || !updated.After(baseline.SeenAt)) {
		return nil
	}

	return modifiedError(stack, baseline.StackARN, updated)
}

// deletedError is the error of a stack that was deleted, and possibly replaced.
func (r *runner) deletedError(ctx context.Context, baseline *baseline, instead *types.Stack) error {
	gone, err := r.session.describeStack(ctx, baseline.StackARN)
	if err != nil && !errors.Is(err, errNotFound) {
		return err
	}

	at := r.Now
	switch {
	case gone != nil && gone.DeletionTime != nil:
		at = *gone.DeletionTime
	case instead != nil && instead.CreationTime != nil:
		at = *instead.CreationTime
	}

	if gone == nil {
		gone = &types.Stack{
			StackName:   &r.Configuration.ResourceName,
			StackId:     &baseline.StackARN,
			StackStatus: types.StackStatusDeleteComplete,
		}
	}

	return modifiedError(gone, baseline.StackARN, at)
}

// modifiedError has AWS's sentence.
func modifiedError(stack *types.Stack, arn string, at time.Time) error {
	date := at.UTC().Format(blockerTimeLayout)
	e := blockedError(stack, "Target %s was modified at time %s by something besides StackSync. "+
		"Disabling syncing to ensure we don't overwrite an important deployment.", arn, date)
	e.Contexts = append(e.Contexts, lockstep.Context{Key: "AUTOMATED", Value: date})
	return e
}

// newBaseline returns the stack as it is now.
func newBaseline(stack *types.Stack, seenAt time.Time) []byte {
	return baseline{
		StackARN:  aws.ToString(stack.StackId),
		UpdatedAt: aws.ToTime(stack.LastUpdatedTime),
		SeenAt:    seenAt,
	}.encode()
}
