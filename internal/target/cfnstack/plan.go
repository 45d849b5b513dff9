package cfnstack

import (
	"context"
	"errors"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/cloudformation"
	"github.com/aws/aws-sdk-go-v2/service/cloudformation/types"

	"github.com/lockstephq/lockstep"
)

// maxChangePages bounds the reading of a change set with empty pages.
const maxChangePages = 50

// readPlan reads the changes of a change set, from its first page on. It never
// requests values of properties. If a later page cannot be read, the plan is
// truncated.
func (c creation) readPlan(ctx context.Context, first *cloudformation.DescribeChangeSetOutput) (*lockstep.Plan, error) {
	plan, err := c.readChanges(ctx, first)
	if err == nil {
		c.addValueChanges(ctx, first, plan)
	}
	return plan, err
}

func (c creation) readChanges(ctx context.Context, first *cloudformation.DescribeChangeSetOutput) (*lockstep.Plan,
	error) {
	plan := &lockstep.Plan{ID: c.checkpoint.ChangeSetARN, Name: c.checkpoint.ChangeSetName}
	for page, out := 1, first; ; page++ {
		for _, change := range out.Changes {
			if change.ResourceChange == nil { // of a hook
				continue
			}

			if len(plan.Changes) == lockstep.MaxChanges {
				plan.Truncated = true
				return plan, nil
			}

			plan.Changes = append(plan.Changes, proposedChange(change.ResourceChange, &plan.Truncated))
		}

		if aws.ToString(out.NextToken) == "" {
			return plan, nil
		}

		if page == maxChangePages {
			plan.Truncated = true
			return plan, nil
		}

		var err error
		out, err = c.session.describeChangeSet(ctx, &cloudformation.DescribeChangeSetInput{
			ChangeSetName: &c.checkpoint.ChangeSetARN,
			NextToken:     out.NextToken,
		})
		if errors.Is(err, errNotFound) { // or an invalid token; the execution finds out which
			plan.Truncated = true
			return plan, nil
		}

		if err != nil {
			return nil, err
		}
	}
}

// proposedChange converts a change, without its values. It sets cut if it leaves
// something out.
func proposedChange(source *types.ResourceChange, cut *bool) lockstep.ProposedChange {
	change := lockstep.ProposedChange{
		Action:       cutText(string(source.Action)),
		LogicalID:    cutText(aws.ToString(source.LogicalResourceId)),
		PhysicalID:   aws.ToString(source.PhysicalResourceId),
		ResourceType: cutText(aws.ToString(source.ResourceType)),
		Replacement:  cutText(string(source.Replacement)),
	}
	for _, scope := range source.Scope[:min(len(source.Scope), lockstep.MaxChangeDetails)] {
		change.Scope = append(change.Scope, cutText(string(scope)))
	}

	for _, sourceDetail := range source.Details[:min(len(source.Details), lockstep.MaxChangeDetails)] {
		detail := lockstep.ChangeDetail{
			ChangeSource:  cutText(string(sourceDetail.ChangeSource)),
			CausingEntity: aws.ToString(sourceDetail.CausingEntity),
			Evaluation:    cutText(string(sourceDetail.Evaluation)),
		}
		if changed := sourceDetail.Target; changed != nil {
			detail.Attribute = cutText(string(changed.Attribute))
			detail.RequiresRecreation = cutText(string(changed.RequiresRecreation))
			detail.Name = aws.ToString(changed.Name)
			detail.Path = aws.ToString(changed.Path)
		}

		change.Details = append(change.Details, detail)
	}

	*cut = *cut || len(source.Details) > lockstep.MaxChangeDetails || len(source.Scope) > lockstep.MaxChangeDetails
	return change
}

func cutText(s string) string { return lockstep.Truncate(s, lockstep.MaxChangeText) }

// redactPlan removes what contains a secret: a NoEcho parameter may be the name of a
// resource. It truncates texts afterwards, so that no part of a secret is left.
func redactPlan(plan *lockstep.Plan, redact func(string) string) {
	removeSecret := func(text *string) {
		if *text != redact(*text) {
			*text = ""
		}
		*text = cutText(*text)
	}

	for i := range plan.Changes {
		removeSecret(&plan.Changes[i].PhysicalID)
		for j := range plan.Changes[i].Details {
			detail := &plan.Changes[i].Details[j]
			removeSecret(&detail.Name)
			removeSecret(&detail.Path)
			removeSecret(&detail.CausingEntity)
		}
	}

	for _, list := range [][]lockstep.ValueChange{plan.Parameters, plan.Tags} {
		for i := range list {
			change := &list[i]
			if change.Before != redact(change.Before) || change.After != redact(change.After) {
				*change = lockstep.ValueChange{Name: change.Name, Masked: true}
			}

			change.Name = cutText(redact(change.Name))
			change.Before = cutText(change.Before)
			change.After = cutText(change.After)
		}
	}
}
