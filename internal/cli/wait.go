package cli

import (
	"cmp"
	"context"
	"fmt"
	"regexp"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/lockstephq/lockstep/internal/client"
	"github.com/lockstephq/lockstep/internal/wire"
)

// How often wait asks: often at first, since most syncs are short.
const (
	waitFirst = 200 * time.Millisecond
	waitMost  = 2 * time.Second
)

var wholeSHA = regexp.MustCompile(`^(?:[0-9a-f]{40}|[0-9a-f]{64})$`)

func newWaitCommand(p *program) *cobra.Command {
	c := &cobra.Command{
		Use:   "wait RESOURCE",
		Short: "Wait until a commit has arrived at a resource",
		Long: "Wait until a commit has arrived at a resource, then print one line about it.\n" +
			"Without --sha that is the head which the branch has at the Git host now, so that an older success never answers.\n\n" +
			"Exit codes:\n" +
			"  0  it is there; also if a later commit is, or if the commit does not concern the resource and that is well\n" +
			"  1  its sync failed\n" +
			"  2  the command was given wrongly\n" +
			"  3  the time was up\n" +
			"  4  a person has to remove the cause before anything goes on",
		Args: arguments("RESOURCE"),
	}

	reach := reaches(p, c)
	sha := c.Flags().String("sha", "", "the whole id of the commit (default the branch's head at the Git host)")
	timeout := c.Flags().Duration("timeout", 30*time.Minute, "how long to wait, 0 for as long as it takes")
	c.RunE = func(c *cobra.Command, args []string) error {
		if err := checkSHA(c, sha); err != nil {
			return err
		}
		if *timeout < 0 {
			return usagef("%s: --timeout %s is less than nothing.", c.CommandPath(), *timeout)
		}

		remote, err := reach.connect(c.Context())
		if err != nil {
			return err
		}

		w := &waiting{p: p, remote: remote, resource: args[0], sha: *sha}
		return w.wait(c.Context(), *timeout)
	}

	return c
}

// checkSHA wants the whole id of a commit where --sha is given.
func checkSHA(c *cobra.Command, sha *string) error {
	*sha = strings.ToLower(*sha)
	if c.Flags().Changed("sha") && !wholeSHA.MatchString(*sha) {
		return usagef("%s: --sha %q is not the whole id of a commit.", c.CommandPath(), *sha).
			try("`git rev-parse REVISION` prints it: 40 hexadecimal digits.")
	}
	return nil
}

// A waiting waits for one commit at one resource.
type waiting struct {
	p        *program
	remote   *client.Client
	resource string
	sha      string // "" until the Git host has told the head
	branch   string
	// unaffected is the commit that was asked for, once it is known that it does
	// not concern the resource; sha is then the one that the resource is to have.
	unaffected string
	last       string // the latest state, for when the time is up
	warned     bool
	poked      bool
}

func (w *waiting) wait(ctx context.Context, timeout time.Duration) error {
	deadline := time.Now().Add(timeout)
	cfg, err := configuration(ctx, w.remote, w.resource)
	if err != nil {
		return err
	}

	w.branch, w.last = cfg.Branch, "nothing known yet"
	for delay := waitFirst; ; delay = min(delay*3/2, waitMost) {
		out, err := w.remote.GetRevisionSync(ctx, &wire.GetRevisionSyncInput{
			ResourceName: w.resource, SyncType: syncType, Sha: w.sha})
		if err == nil {
			done, err := w.judge(ctx, cfg, out)
			if done || err != nil {
				return err
			}
		} else if err := w.tolerate(ctx, err); err != nil {
			return err
		}

		if left := time.Until(deadline); timeout > 0 && left < delay {
			if left <= 0 {
				return w.timedOut(timeout)
			}
			delay = left
		}

		if !sleep(ctx, delay) {
			return ctx.Err()
		}
	}
}

// tolerate lets pass what time heals: the server is being started anew, or the
// Git host is away. A server that never answered is not waited for.
func (w *waiting) tolerate(ctx context.Context, err error) error {
	code := client.Code(err)
	healing := client.Unreachable(err) || code == "ResourceUnavailableException" || code == "ThrottlingException"
	if !healing || ctx.Err() != nil {
		return err
	}
	if !w.warned {
		w.warned = true
		problem, _ := w.p.server.Explain(err)
		w.p.complain(problem, "Going on waiting.")
	}
	return nil
}

// judge takes one answer. It ends the wait with done or an error.
func (w *waiting) judge(ctx context.Context, cfg wire.SyncConfiguration, out *wire.GetRevisionSyncOutput) (done bool, err error) {
	w.sha, w.warned = out.Sha, false
	w.last = out.Status
	switch out.Status {
	case wire.RevisionSucceeded:
		return true, w.say("SUCCEEDED", out.Sha, "")
	case wire.RevisionLaterSucceeded:
		return true, w.say("SUCCEEDED", later(out), "later head than "+short(out.Sha))
	case wire.RevisionFailed:
		return true, w.failed(later(out), out.Reason)
	case wire.RevisionBlocked:
		return true, w.blocked(out.Sha, out.Reason)
	case wire.RevisionNotAffected:
		return w.turn(out)
	case wire.RevisionPending:
		w.poke(ctx, cfg)
	}

	return false, nil
}

// turn goes on with the commit that the resource is to have, since the one that
// was asked for does not concern it.
func (w *waiting) turn(out *wire.GetRevisionSyncOutput) (done bool, err error) {
	if out.ResourceSync == nil {
		return false, nil // the first sync is on its way
	}

	wanted := out.ResourceSync.LatestSync.TargetRevision.Sha
	if d := out.ResourceSync.DesiredState; d != nil {
		wanted = d.Sha
	}

	if wanted != out.Sha && w.unaffected == "" {
		w.unaffected, w.sha = out.Sha, wanted
		return false, nil
	}

	// The books do not know the wanted commit any more: the status is the answer.
	w.unaffected = cmp.Or(w.unaffected, out.Sha)
	latest := out.ResourceSync.LatestSync
	switch latest.Status {
	case "SUCCEEDED":
		return true, w.say(latest.Status, latest.TargetRevision.Sha, "")
	case "FAILED":
		return true, w.failed(latest.TargetRevision.Sha, out.Reason)
	}

	return false, nil
}

func (w *waiting) failed(sha, reason string) error {
	if err := w.say("FAILED", sha, reason); err != nil {
		return err
	}
	fmt.Fprintf(w.p.stderr, "  `lockstep status %[1]s` shows what happened; `lockstep retry %[1]s` tries it again.\n", w.resource)
	return exit(exitFailed)
}

func (w *waiting) blocked(sha, reason string) error {
	if err := w.say("BLOCKED", sha, reason); err != nil {
		return err
	}
	fmt.Fprintf(w.p.stderr, "  Remove the cause, then `lockstep retry %s`.\n", w.resource)
	return exit(exitNeedsPerson)
}

// poke has the branch looked at now. Whoever may not ask for that waits for the
// next look.
func (w *waiting) poke(ctx context.Context, cfg wire.SyncConfiguration) {
	if w.poked {
		return
	}
	w.poked = true
	_, _ = w.remote.StartRepositorySync(ctx, &wire.StartRepositorySyncInput{
		RepositoryLinkId: cfg.RepositoryLinkId, Branch: cfg.Branch})
}

// later is the commit that an answer is about, where it is not the one that was
// asked for.
func later(out *wire.GetRevisionSyncOutput) string {
	if s := out.ResourceSync; s != nil {
		if out.Status == wire.RevisionLaterSucceeded && s.LatestSuccessfulSync != nil {
			return s.LatestSuccessfulSync.TargetRevision.Sha
		}
		if out.Status == wire.RevisionFailed {
			return s.LatestSync.TargetRevision.Sha
		}
	}
	return out.Sha
}

// say prints the one line.
func (w *waiting) say(status, sha, more string) error {
	on := w.p.paintFor(w.p.stdout)
	line := plain(w.resource) + " " + on.status(status, status) + " " + plain(at(w.branch, sha))
	if w.unaffected != "" {
		line += ", not affected by " + plain(short(w.unaffected))
	}

	if more != "" && status == "SUCCEEDED" {
		line += ", " + plain(more)
	} else if more != "" {
		line += ": " + plain(more)
	}

	_, err := fmt.Fprintln(w.p.stdout, line)
	return err
}

func (w *waiting) timedOut(timeout time.Duration) error {
	commit := w.branch
	if w.sha != "" {
		commit = at(w.branch, w.sha)
	}
	fmt.Fprintf(w.p.stdout, "%s TIMED OUT %s: still %s after %s\n", plain(w.resource), plain(commit), plain(w.last), timeout)
	if w.last == wire.RevisionPending {
		fmt.Fprintf(w.p.stderr, "  No sync has seen this commit yet: look whether it is on branch %s at the Git host.\n", plain(w.branch))
	}
	fmt.Fprintf(w.p.stderr, "  `lockstep status %s` shows how far it is; --timeout waits longer.\n", w.resource)
	return exit(exitTimedOut)
}

// sleep waits, and says false when ctx ended first.
func sleep(ctx context.Context, d time.Duration) bool {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-t.C:
		return true
	case <-ctx.Done():
		return false
	}
}
