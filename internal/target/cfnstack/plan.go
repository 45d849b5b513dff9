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
	p, err := w.readChanges(ctx, first)
	if err == nil {
		w.addValueChanges(ctx, first, p)
	}
	return p, err
}

func (w *runner) readChanges(ctx context.Context, first *cloudformation.DescribeChangeSetOutput) (*lockstep.Plan, error) {
	p := &lockstep.Plan{ID: w.checkpoint.ChangeSetARN, Name: w.checkpoint.ChangeSetName}
	for page, out := 1, first; ; page++ {
		for _, c := range out.Changes {
			if c.ResourceChange == nil { // of a hook
				continue
			}

			if len(p.Changes) == lockstep.MaxChanges {
				p.Truncated = true
				return p, nil
			}

			p.Changes = append(p.Changes, proposedChange(c.ResourceChange, &p.Truncated))
		}

		if aws.ToString(out.NextToken) == "" {
			return p, nil
		}

		if page == maxChangePages {
			p.Truncated = true
			return p, nil
		}

		var err error
		out, err = w.session.describeChangeSet(ctx, &cloudformation.DescribeChangeSetInput{
			ChangeSetName: &w.checkpoint.ChangeSetARN, NextToken: out.NextToken,
		})
		if errors.Is(err, errNotFound) { // or a token that is not taken; the execution finds out which
			p.Truncated = true
			return p, nil
		}

		if err != nil {
			return nil, err
		}
	}
}

// proposedChange takes the names of a change, and says in cut where that is not all.
func proposedChange(c *types.ResourceChange, cut *bool) lockstep.ProposedChange {
	change := lockstep.ProposedChange{
		Action: cutText(string(c.Action)), LogicalID: cutText(aws.ToString(c.LogicalResourceId)),
		PhysicalID: aws.ToString(c.PhysicalResourceId), ResourceType: cutText(aws.ToString(c.ResourceType)),
		Replacement: cutText(string(c.Replacement)),
	}
	for _, scope := range c.Scope[:min(len(c.Scope), lockstep.MaxChangeDetails)] {
		change.Scope = append(change.Scope, cutText(string(scope)))
	}

	for _, d := range c.Details[:min(len(c.Details), lockstep.MaxChangeDetails)] {
		detail := lockstep.ChangeDetail{
			ChangeSource: cutText(string(d.ChangeSource)), CausingEntity: aws.ToString(d.CausingEntity), Evaluation: cutText(string(d.Evaluation)),
		}
		if t := d.Target; t != nil {
			detail.Attribute, detail.RequiresRecreation = cutText(string(t.Attribute)), cutText(string(t.RequiresRecreation))
			detail.Name, detail.Path = aws.ToString(t.Name), aws.ToString(t.Path)
		}

		change.Details = append(change.Details, detail)
	}

	*cut = *cut || len(c.Details) > lockstep.MaxChangeDetails || len(c.Scope) > lockstep.MaxChangeDetails
	return change
}

func cutText(s string) string { return lockstep.Truncate(s, lockstep.MaxChangeText) }

// redactPlan drops what holds a secret, and cuts what is too long only then, so
// that no half of one is left: a property that a NoEcho parameter gives may be a
// resource's name. What else a plan tells are names of the template; they are
// searched all the same.
func redactPlan(p *lockstep.Plan, hide func(string) string) {
	clean := func(text *string) {
		if *text != hide(*text) {
			*text = ""
		}
		*text = cutText(*text)
	}
	for i := range p.Changes {
		clean(&p.Changes[i].PhysicalID)
		for j := range p.Changes[i].Details {
			d := &p.Changes[i].Details[j]
			clean(&d.Name)
			clean(&d.Path)
			clean(&d.CausingEntity)
		}
	}

	for _, list := range [][]lockstep.ValueChange{p.Parameters, p.Tags} {
		for i := range list {
			v := &list[i]
			if v.Before != hide(v.Before) || v.After != hide(v.After) {
				v.Before, v.After, v.Masked = "", "", true
			}

			v.Name, v.Before, v.After = cutText(hide(v.Name)), cutText(v.Before), cutText(v.After)
		}
	}
}
