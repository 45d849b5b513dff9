package cfnstack

import (
	"context"
	"errors"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/cloudformation"
	"github.com/aws/aws-sdk-go-v2/service/cloudformation/types"

	"github.com/lockstephq/lockstep"
)

// maxChangePages bounds the reading of a change set whose pages hold nothing.
const maxChangePages = 50

// readPlan reads what a change set that is ready would change, from its first page
// on. Values of properties are never asked for, and none is taken. It is for
// people to read: where its end cannot be had it is cut.
func (w *runner) readPlan(ctx context.Context, first *cloudformation.DescribeChangeSetOutput) (*lockstep.Plan, error) {
	plan, err := w.readChanges(ctx, first)
	if err == nil {
		w.addValueChanges(ctx, first, plan)
	}
	return plan, err
}

func (w *runner) readChanges(ctx context.Context, first *cloudformation.DescribeChangeSetOutput) (*lockstep.Plan, error) {
	plan := &lockstep.Plan{ID: w.checkpoint.ChangeSetARN, Name: w.checkpoint.ChangeSetName}
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
		out, err = w.session.describeChangeSet(ctx, &cloudformation.DescribeChangeSetInput{
			ChangeSetName: &w.checkpoint.ChangeSetARN, NextToken: out.NextToken,
		})
		if errors.Is(err, errNotFound) { // or a token that is not taken; the execution finds out which
			plan.Truncated = true
			return plan, nil
		}

		if err != nil {
			return nil, err
		}
	}
}

// proposedChange takes the names of a change, and says in cut where that is not all.
func proposedChange(source *types.ResourceChange, cut *bool) lockstep.ProposedChange {
	change := lockstep.ProposedChange{
		Action: cutText(string(source.Action)), LogicalID: cutText(aws.ToString(source.LogicalResourceId)),
		PhysicalID: aws.ToString(source.PhysicalResourceId), ResourceType: cutText(aws.ToString(source.ResourceType)),
		Replacement: cutText(string(source.Replacement)),
	}
	for _, scope := range source.Scope[:min(len(source.Scope), lockstep.MaxChangeDetails)] {
		change.Scope = append(change.Scope, cutText(string(scope)))
	}

	for _, sourceDetail := range source.Details[:min(len(source.Details), lockstep.MaxChangeDetails)] {
		detail := lockstep.ChangeDetail{
			ChangeSource: cutText(string(sourceDetail.ChangeSource)), CausingEntity: aws.ToString(sourceDetail.CausingEntity), Evaluation: cutText(string(sourceDetail.Evaluation)),
		}
		if t := sourceDetail.Target; t != nil {
			detail.Attribute, detail.RequiresRecreation = cutText(string(t.Attribute)), cutText(string(t.RequiresRecreation))
			detail.Name, detail.Path = aws.ToString(t.Name), aws.ToString(t.Path)
		}

		change.Details = append(change.Details, detail)
	}

	*cut = *cut || len(source.Details) > lockstep.MaxChangeDetails || len(source.Scope) > lockstep.MaxChangeDetails
	return change
}

func cutText(s string) string { return lockstep.Truncate(s, lockstep.MaxChangeText) }

// redactPlan drops what holds a secret, and cuts what is too long only then, so
// that no half of one is left: a property that a NoEcho parameter gives may be a
// resource's name. What else a plan tells are names of the template; they are
// searched all the same.
func redactPlan(plan *lockstep.Plan, hide func(string) string) {
	clean := func(text *string) {
		if *text != hide(*text) {
			*text = ""
		}
		*text = cutText(*text)
	}
	for i := range plan.Changes {
		clean(&plan.Changes[i].PhysicalID)
		for j := range plan.Changes[i].Details {
			d := &plan.Changes[i].Details[j]
			clean(&d.Name)
			clean(&d.Path)
			clean(&d.CausingEntity)
		}
	}

	for _, list := range [][]lockstep.ValueChange{plan.Parameters, plan.Tags} {
		for i := range list {
			change := &list[i]
			if change.Before != hide(change.Before) || change.After != hide(change.After) {
				change.Before, change.After, change.Masked = "", "", true
			}

			change.Name, change.Before, change.After = cutText(hide(change.Name)), cutText(change.Before), cutText(change.After)
		}
	}
}
