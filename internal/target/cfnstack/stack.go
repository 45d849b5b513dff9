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

// errMissing says that a stack or a change set is not there.
var errMissing = errors.New("not there")

// stack describes a stack by name or ARN; errMissing where there is none. By
// ARN a deleted one is found too.
func (s *session) stack(ctx context.Context, name string) (*types.Stack, error) {
	out, err := s.api.DescribeStacks(ctx, &cloudformation.DescribeStacksInput{StackName: &name}, s.as)
	if isCode(err, "Validation") { // a legal name: the stack does not exist
		return nil, errMissing
	}
	if err != nil {
		return nil, s.fault("DescribeStacks", err)
	}
	if len(out.Stacks) == 0 {
		return nil, errMissing
	}
	return &out.Stacks[0], nil
}

// changeSet describes a change set by ARN, or by name where a stack is given;
// errMissing where it or its stack is not there.
func (s *session) changeSet(ctx context.Context, name, stack string) (*cloudformation.DescribeChangeSetOutput, error) {
	in := &cloudformation.DescribeChangeSetInput{ChangeSetName: &name}
	if stack != "" {
		in.StackName = &stack
	}
	return s.describeChangeSet(ctx, in)
}

func (s *session) describeChangeSet(ctx context.Context, in *cloudformation.DescribeChangeSetInput) (*cloudformation.DescribeChangeSetOutput, error) {
	out, err := s.api.DescribeChangeSet(ctx, in, s.as)
	if isCode(err, "Validation", "ChangeSetNotFound") {
		return nil, errMissing
	}
	if err != nil {
		return nil, s.fault("DescribeChangeSet", err)
	}
	return out, nil
}

// judge says whether a stack can take a change set now: create is the kind it
// takes. An error is Unavailable while something else works on the stack, and
// Blocked where only a person can mend it.
func judge(stack *types.Stack) (create bool, err error) {
	if stack == nil {
		return true, nil
	}

	name, status := aws.ToString(stack.StackName), string(stack.StackStatus)
	switch stack.StackStatus {
	case types.StackStatusReviewInProgress:
		return true, nil
	case types.StackStatusRollbackComplete:
		return false, blocked(stack, "Stack %s is ROLLBACK_COMPLETE: its creation failed, and CloudFormation does not update such a stack. "+
			"Delete it, then resolve this blocker.", name)
	case types.StackStatusUpdateRollbackFailed:
		return false, blocked(stack, "Stack %s is UPDATE_ROLLBACK_FAILED: run aws cloudformation continue-update-rollback --stack-name %s, "+
			"then resolve this blocker.", name, name)
	case types.StackStatusRollbackFailed, types.StackStatusDeleteFailed, types.StackStatusImportRollbackFailed:
		return false, blocked(stack, "Stack %s is %s, a state that CloudFormation does not update. Mend or delete it, then resolve this blocker.",
			name, status)
	}

	if strings.HasSuffix(status, "_IN_PROGRESS") {
		return false, lockstep.Errorf(lockstep.Unavailable, "Stack %s is %s: waiting until that has ended.", name, status)
	}

	return false, nil
}

func blocked(stack *types.Stack, format string, args ...any) *lockstep.Error {
	e := lockstep.Errorf(lockstep.Blocked, format, args...)
	e.Contexts = []lockstep.Context{
		{Key: "StackName", Value: aws.ToString(stack.StackName)},
		{Key: "StackId", Value: aws.ToString(stack.StackId)},
		{Key: "StackStatus", Value: string(stack.StackStatus)},
	}
	return e
}

// untouched says whether a stack is still as our last attempt left it; the
// error is Blocked where it is not. Only what the endpoint tells is compared:
// not all keep the time of the last update.
func (w *work) untouched(ctx context.Context, stack *types.Stack) error {
	n := last(w.Attempt)
	if n == nil {
		return nil
	}
	if stack == nil || aws.ToString(stack.StackId) != n.Stack {
		return w.deleted(ctx, n, stack)
	}

	updated := aws.ToTime(stack.LastUpdatedTime)
	if updated.IsZero() || updated.Equal(n.UpdatedAt) || n.UpdatedAt.IsZero() && (n.SeenAt.IsZero() || !updated.After(n.SeenAt)) {
		return nil
	}

	return modified(stack, n.Stack, updated)
}

// deleted tells of a stack that is gone, perhaps with another in its place.
func (w *work) deleted(ctx context.Context, n *note, instead *types.Stack) error {
	gone, err := w.s.stack(ctx, n.Stack)
	if err != nil && !errors.Is(err, errMissing) {
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
		gone = &types.Stack{StackName: &w.Configuration.ResourceName, StackId: &n.Stack, StackStatus: types.StackStatusDeleteComplete}
	}

	return modified(gone, n.Stack, at)
}

// modified is AWS's sentence.
func modified(stack *types.Stack, arn string, at time.Time) error {
	date := at.UTC().Format(javaDate)
	e := blocked(stack, "Target %s was modified at time %s by something besides StackSync. "+
		"Disabling syncing to ensure we don't overwrite an important deployment.", arn, date)
	e.Contexts = append(e.Contexts, lockstep.Context{Key: "AUTOMATED", Value: date})
	return e
}

// noteOf remembers how a stack is now.
func noteOf(stack *types.Stack, seen time.Time) []byte {
	return note{Stack: aws.ToString(stack.StackId), UpdatedAt: aws.ToTime(stack.LastUpdatedTime), SeenAt: seen}.encode()
}
