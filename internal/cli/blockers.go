package cli

import (
	"context"
	"fmt"
	"slices"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/codeconnections"
	"github.com/spf13/cobra"

	"github.com/lockstephq/lockstep/internal/client"
	"github.com/lockstephq/lockstep/internal/wire"
)

// The states of a blocker.
const (
	blockerActive   = "ACTIVE"
	blockerResolved = "RESOLVED"
)

func newBlockersCommand(p *program) *cobra.Command {
	c := &cobra.Command{
		Use:   "blockers [RESOURCE [ID]] [--all | --resolve --reason TEXT]",
		Short: "Show what only a person can unblock, and say that it is done",
		Long: "Show the blockers of all resources or of one: causes that only a person can remove, and until then nothing is synced.\n" +
			"With --resolve the one active blocker of the resource, or the one with the ID, is taken for removed, and the latest\n" +
			"commit is tried again:\n\n" +
			"  lockstep blockers web --resolve --reason 'put the topic back'",
		Args:                  arguments("[RESOURCE]", "[ID]"),
		DisableFlagsInUseLine: true,
	}

	reach, format := reaches(p, c), formats(c)
	all := c.Flags().Bool("all", false, "show those that were resolved too")
	resolve := c.Flags().Bool("resolve", false, "resolve the blocker")
	reason := c.Flags().String("reason", "", "with --resolve: what was done, for others to read")
	c.PreRunE = func(c *cobra.Command, args []string) error {
		switch {
		case *resolve && *all:
			return usagef("%s: give either --all or --resolve.", c.CommandPath())
		case *resolve && len(args) == 0:
			return usagef("%s: RESOURCE is missing.", c.CommandPath()).try("Usage: " + c.UseLine())
		case *resolve:
			return require(c, "reason")
		case *reason != "":
			return usagef("%s: --reason goes with --resolve.", c.CommandPath())
		}

		return nil
	}
	c.RunE = reach.then(func(ctx context.Context, remote *client.Client, args []string) error {
		s := selection{all: *all}
		copy(s.names[:], args)
		if *resolve {
			return p.resolve(ctx, remote, s, *reason, *format)
		}

		return p.showBlockers(ctx, remote, s, *format)
	})

	return c
}

// A selection says which blockers are meant: of all resources or of one, with
// an id or with any.
type selection struct {
	names [2]string // the resource and the blocker's id, either may be ""
	all   bool
}

// blockers reads those that are meant, the newest first.
func (s selection) blockers(ctx context.Context, remote *client.Client) ([]wire.ResourceSyncBlocker, error) {
	in := wire.ListSyncBlockersInput{ResourceName: s.names[0], Status: blockerActive}
	if s.names[0] != "" {
		in.SyncType = syncType
	}

	found, err := client.All(remote.SyncBlockers(ctx, in))
	if err != nil {
		return nil, err
	}

	if s.all {
		in.Status = blockerResolved
		resolved, err := client.All(remote.SyncBlockers(ctx, in))
		if err != nil {
			return nil, err
		}

		found = append(found, resolved...)
		slices.SortStableFunc(found, func(a, b wire.ResourceSyncBlocker) int {
			return b.SyncBlocker.CreatedAt.Compare(a.SyncBlocker.CreatedAt.Time)
		})
	}

	if len(found) == 0 && s.names[0] != "" {
		// A list knows no missing resource; a misspelt name would be told all is well.
		if _, err := configuration(ctx, remote, s.names[0]); err != nil {
			return nil, err
		}
	}

	if s.names[1] != "" {
		found = slices.DeleteFunc(found, func(b wire.ResourceSyncBlocker) bool { return b.SyncBlocker.Id != s.names[1] })
	}

	return found, nil
}

func (p *program) showBlockers(ctx context.Context, remote *client.Client, s selection, f format) error {
	found, err := s.blockers(ctx, remote)
	if err != nil {
		return err
	}
	if f != asTable {
		return f.write(p.stdout, struct{ ResourceSyncBlockers []wire.ResourceSyncBlocker }{found})
	}

	if len(found) == 0 {
		_, err := fmt.Fprintln(p.stdout, "Nothing is blocked.")
		return err
	}

	on, t := p.paintFor(p.stdout), &table{}
	t.add("RESOURCE", "STATUS", "SINCE", "ID", "REASON")
	for _, b := range found {
		status := b.SyncBlocker.Status
		painted := on.cell(status, "")
		if status == blockerActive {
			painted = on.cell(status, "BLOCKED")
		}

		t.add(b.ResourceName, painted, moment(b.SyncBlocker.CreatedAt), b.SyncBlocker.Id, cut(plain(b.SyncBlocker.CreatedReason), 2*lastWidth))
		for _, about := range b.SyncBlocker.Contexts {
			t.addLine("    " + plain(about.Key+": "+about.Value))
		}

		if status == blockerResolved {
			t.addLine("    " + plain("resolved "+moment(b.SyncBlocker.ResolvedAt)+": "+b.SyncBlocker.ResolvedReason))
		}
	}

	return t.write(p.stdout)
}

// resolve resolves the blocker that is meant, if it is one.
func (p *program) resolve(ctx context.Context, remote *client.Client, s selection, reason string, f format) error {
	resource, id := s.names[0], s.names[1]
	if id == "" {
		found, err := s.blockers(ctx, remote)
		if err != nil {
			return err
		}
		if len(found) != 1 {
			return notOne(resource, found)
		}

		id = found[0].SyncBlocker.Id
	}

	out, err := remote.AWS.UpdateSyncBlocker(ctx, &codeconnections.UpdateSyncBlockerInput{
		ResourceName: aws.String(resource), SyncType: syncType, Id: aws.String(id), ResolvedReason: aws.String(reason)})
	if err != nil {
		return err
	}

	if f != asTable {
		b := out.SyncBlocker
		return f.write(p.stdout, wire.ResourceSyncBlocker{ResourceName: resource, SyncType: syncType, SyncBlocker: wire.SyncBlocker{
			Id: aws.ToString(b.Id), Type: string(b.Type), Status: string(b.Status), CreatedReason: aws.ToString(b.CreatedReason),
			CreatedAt:      wire.Time{Time: aws.ToTime(b.CreatedAt)},
			ResolvedReason: aws.ToString(b.ResolvedReason), ResolvedAt: wire.Time{Time: aws.ToTime(b.ResolvedAt)}}})
	}

	_, err = fmt.Fprintf(p.stdout, "%[1]s is no longer blocked, and its latest commit is tried again. `lockstep wait %[1]s` waits for it.\n", plain(resource))
	return err
}

// notOne says that a resource has not the one blocker that could be meant.
func notOne(resource string, found []wire.ResourceSyncBlocker) error {
	if len(found) == 0 {
		return &failure{problem: resource + " is not blocked.", remedy: "`lockstep retry " + shellQuote(resource) + "` tries its latest commit again."}
	}
	var ids string
	for _, b := range found {
		ids += " " + b.SyncBlocker.Id
	}
	return &failure{problem: fmt.Sprintf("%s has %d blockers:%s.", resource, len(found), ids), remedy: "Name the one that is resolved."}
}
