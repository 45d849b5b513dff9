package cli

import (
	"cmp"
	"context"
	"fmt"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/lockstephq/lockstep/internal/client"
	"github.com/lockstephq/lockstep/internal/wire"
)

// maxHistory is the most attempts that one history may be asked for.
const maxHistory = 10_000

func newHistoryCommand(p *program) *cobra.Command {
	c := &cobra.Command{
		Use:   "history (RESOURCE [ATTEMPT] | --attempt ID)",
		Short: "Show what was tried before, and one attempt whole",
		Long: "Show the attempts to sync a resource, the newest first, or one of them whole: what it proposed to change and\n" +
			"everything that happened in it.\n\n" +
			"  OUTCOME  APPLIED: it was changed; UNCHANGED: there was nothing to change; FAILED; SUPERSEDED: a newer commit\n" +
			"           came first; CANCELLED: its configuration was deleted. Of an attempt that runs, how far it is",
		Args:                  arguments("[RESOURCE]", "[ATTEMPT]"),
		DisableFlagsInUseLine: true,
	}

	reach, format := reaches(p, c), formats(c)
	limit := c.Flags().Int("limit", 20, "show at most so many")
	attempt := c.Flags().String("attempt", "", "show the attempt with this id")
	c.PreRunE = func(c *cobra.Command, args []string) error {
		switch {
		case len(args) == 0 && *attempt == "":
			return usagef("%s: RESOURCE is missing.", c.CommandPath()).try("Usage: " + c.UseLine())
		case len(args) > 0 && c.Flags().Changed("attempt"):
			return usagef("%s: give either RESOURCE or --attempt.", c.CommandPath())
		case *limit < 1 || *limit > maxHistory:
			return usagef("%s: --limit %d is not between 1 and %d.", c.CommandPath(), *limit, maxHistory)
		}

		return nil
	}
	c.RunE = reach.then(func(ctx context.Context, remote *client.Client, args []string) error {
		switch len(args) {
		case 0:
			return p.showAttempt(ctx, remote, "", *attempt, *format)
		case 2:
			return p.showAttempt(ctx, remote, args[0], args[1], *format)
		}

		return p.showHistory(ctx, remote, args[0], *limit, *format)
	})

	return c
}

func (p *program) showHistory(ctx context.Context, remote *client.Client, resource string, limit int, f format) error {
	size := min(limit, 100)
	all := []wire.ResourceSyncAttemptSummary{}
	for a, err := range remote.ResourceSyncAttempts(ctx, wire.ListResourceSyncAttemptsInput{
		ResourceName: resource, SyncType: syncType, MaxResults: &size}) {
		if err != nil {
			return err
		}
		if all = append(all, a); len(all) == limit {
			break
		}
	}

	if f != asTable {
		return f.write(p.stdout, struct {
			Attempts []wire.ResourceSyncAttemptSummary
		}{all})
	}

	if len(all) == 0 {
		_, err := fmt.Fprintf(p.stdout, "%s was never synced.\n", plain(resource))
		return err
	}

	on, t := p.paintFor(p.stdout), &table{}
	t.add("ATTEMPT", "OUTCOME", "COMMITS", "STARTED", "TOOK", "LAST")
	for _, a := range all {
		outcome := cmp.Or(a.Outcome, a.Status)
		t.add(a.AttemptId, on.cell(outcome, a.Status), span(a.InitialSha, a.TargetSha), moment(a.StartedAt), took(a.StartedAt, a.EndedAt),
			cut(plain(a.LastEvent), 2*lastWidth))
	}

	return t.write(p.stdout)
}

// span writes from which commit to which.
func span(from, to string) string {
	if from == "" || from == to {
		return short(to)
	}
	return short(from) + "→" + short(to)
}

// took writes how long something took, "" while it goes on.
func took(from, to wire.Time) string {
	if to.IsZero() {
		return ""
	}
	d := max(0, to.Sub(from.Time))
	if d < 10*time.Second {
		return d.Round(100 * time.Millisecond).String()
	}
	return d.Round(time.Second).String()
}

// showAttempt prints one attempt whole. A resource that is named must be its.
func (p *program) showAttempt(ctx context.Context, remote *client.Client, resource, id string, f format) error {
	a, err := remote.GetResourceSyncAttempt(ctx, &wire.GetResourceSyncAttemptInput{AttemptId: id})
	if err != nil {
		return err
	}
	if resource != "" && a.ResourceName != resource {
		return &failure{problem: fmt.Sprintf("Attempt %s is one of %s, not of %s.", id, a.ResourceName, resource),
			remedy: fmt.Sprintf("`lockstep history %s` lists the attempts of that.", shellQuote(resource))}
	}

	if f != asTable {
		return f.write(p.stdout, a)
	}

	on, t := p.paintFor(p.stdout), &table{}
	t.add("Attempt", a.AttemptId)
	t.add("Resource", a.ResourceName)
	t.add("Status", on.cell(standing(a.Attempt), a.Attempt.Status))

	if a.Outcome != "" {
		t.add("Outcome", on.cell(a.Outcome, a.Attempt.Status))
	}

	if from := a.Attempt.InitialRevision; from.Sha != "" && from.Sha != a.Attempt.TargetRevision.Sha {
		t.add("From", at(from.Branch, from.Sha))
	}

	t.add("Commit", at(a.Attempt.TargetRevision.Branch, a.Attempt.TargetRevision.Sha))
	t.add("Started", moment(a.Attempt.StartedAt))
	if !a.EndedAt.IsZero() {
		t.add("Took", took(a.Attempt.StartedAt, a.EndedAt))
	}

	if err := t.write(p.stdout); err != nil {
		return err
	}
	if err := p.showPlan(a.Plan); err != nil {
		return err
	}

	return p.showEvents("Events:", a.Attempt)
}

// showPlan prints the changes that were proposed, each with what it is for
// folded under it.
func (p *program) showPlan(plan *wire.SyncPlan) error {
	if plan == nil {
		return nil
	}
	if _, err := fmt.Fprintln(p.stdout, "\nProposed changes:"); err != nil {
		return err
	}

	t := &table{}
	for _, c := range plan.Changes {
		t.add(c.Action, c.LogicalResourceId, c.ResourceType, replacing(c.Replacement))
		for _, d := range c.Details {
			t.addLine("    " + plain(detail(d)))
		}
	}

	for _, v := range plan.Parameters {
		t.addLine(plain("Parameter " + valueChange(v)))
	}

	for _, v := range plan.Tags {
		t.addLine(plain("Tag " + valueChange(v)))
	}

	if plan.Truncated {
		t.addLine("and more, which were not kept")
	}

	if len(plan.Changes)+len(plan.Parameters)+len(plan.Tags) == 0 {
		t.addLine("none")
	}

	return t.write(p.stdout)
}

// valueChange writes a parameter or a tag, and what becomes of its value.
func valueChange(v wire.ValueChange) string {
	if v.Masked {
		return v.Name + ": changes, its value is not shown"
	}
	return fmt.Sprintf("%s: %q -> %q", v.Name, v.Before, v.After)
}

// replacing says in a word what CloudFormation calls Replacement.
func replacing(replacement string) string {
	switch replacement {
	case "True":
		return "is replaced"
	case "Conditional":
		return "may be replaced"
	case "", "False":
		return ""
	}
	return "replacement: " + replacement
}

// detail writes what changes of a resource, and why.
func detail(d wire.ChangeDetail) string {
	what := d.Attribute
	if d.Name != "" {
		what += "." + d.Name
	}

	var why []string
	if d.CausingEntity != "" {
		why = append(why, "because of "+d.CausingEntity)
	}

	if d.ChangeSource != "" {
		why = append(why, d.ChangeSource)
	}

	if d.RequiresRecreation != "" && d.RequiresRecreation != "Never" {
		why = append(why, "recreation: "+d.RequiresRecreation)
	}

	if len(why) == 0 {
		return what
	}

	return what + " (" + strings.Join(why, ", ") + ")"
}
