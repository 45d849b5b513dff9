package status

import (
	"cmp"
	"context"
	"regexp"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/lockstephq/lockstep"
	"github.com/lockstephq/lockstep/internal/cli/command"
	"github.com/lockstephq/lockstep/internal/cli/output"
	"github.com/lockstephq/lockstep/internal/client"
	"github.com/lockstephq/lockstep/internal/wire"
)

// The delay between two requests grows, since most syncs are short.
const (
	minWaitDelay = 200 * time.Millisecond
	maxWaitDelay = 2 * time.Second
)

var fullSHA = regexp.MustCompile(`^(?:[0-9a-f]{40}|[0-9a-f]{64})$`)

// NewWaitCommand returns the command wait.
func NewWaitCommand(env *command.Env) *cobra.Command {
	cmd := &cobra.Command{
		Use:   "wait RESOURCE",
		Short: "Wait until a commit is synced",
		Long: "Wait until a resource is synced to a commit, then print one line about it. Without --sha, the\n" +
			"commit is the head of the branch at the Git host now, so that the success of an older commit\n" +
			"does not count.\n\n" +
			"Exit codes:\n" +
			"  0  synced, also if to a later commit, or if the commit does not affect the resource and its sync " +
			"succeeded\n" +
			"  1  the sync failed\n" +
			"  2  wrong usage\n" +
			"  3  timed out\n" +
			"  4  blocked until a person acts\n" +
			"  5  there is no such resource\n" +
			"  6  the repository, the branch or the commit cannot be read at the Git host\n" +
			"  7  the resource is pinned at another commit, which was requested by its id\n" +
			"  8  the Lockstep server cannot be reached, or refuses the caller",
		Example: "  lockstep wait web --sha \"$(git rev-parse HEAD)\" --timeout 10m",
		Args:    command.Args("RESOURCE"),
	}

	server := command.AddServerFlags(env, cmd)
	sha := cmd.Flags().String("sha", "", "full SHA of the commit (default the branch's head at the Git host)")
	timeout := cmd.Flags().Duration("timeout", 30*time.Minute, "how long to wait; 0 means without limit")
	cmd.PreRunE = func(cmd *cobra.Command, _ []string) error {
		if *timeout < 0 {
			return command.Usagef("%s: --timeout %s must not be negative.", cmd.CommandPath(), *timeout)
		}
		return checkSHA(cmd, sha)
	}
	cmd.RunE = server.Run(func(ctx context.Context, remote *client.Client, args []string) error {
		waiter := &waiter{env: env, remote: remote, resource: args[0], sha: *sha}
		return waiter.wait(ctx, *timeout)
	})

	return cmd
}

// checkSHA returns an error if --sha is given and is not a full SHA. It puts a SHA in
// lower case; the error quotes the value as it was typed.
func checkSHA(cmd *cobra.Command, sha *string) error {
	lower := strings.ToLower(*sha)
	if cmd.Flags().Changed("sha") && !fullSHA.MatchString(lower) {
		return command.Usagef("%s: --sha %q must be the full SHA of a commit.", cmd.CommandPath(), *sha).
			WithHint("`git rev-parse REVISION` prints it.")
	}

	*sha = lower
	return nil
}

// A waiter waits for one commit of one resource.
type waiter struct {
	env      *command.Env
	remote   *client.Client
	resource string
	sha      string // "" until the server has resolved the head
	branch   string
	// unaffecting is the requested commit, once the server has answered that it
	// does not affect the resource. sha is then the desired revision.
	unaffecting string
	lastStatus  string // for the message after a timeout
	warned      bool
	triggered   bool
}

func (w *waiter) wait(ctx context.Context, timeout time.Duration) error {
	deadline := time.Now().Add(timeout)
	cfg, err := command.Configuration(ctx, w.remote, w.resource)
	if err != nil {
		return w.exit(err, command.ExitNotFound)
	}

	w.branch, w.lastStatus = cfg.Branch, "UNKNOWN"
	for delay := minWaitDelay; ; delay = min(delay*3/2, maxWaitDelay) {
		response, err := w.remote.GetRevisionSync(ctx, &wire.GetRevisionSyncInput{
			ResourceName: w.resource,
			SyncType:     command.SyncType,
			Sha:          w.sha,
		})
		if err == nil {
			done, err := w.handle(ctx, cfg, response)
			if done || err != nil {
				return err
			}
		} else if err := w.ignoreTransient(ctx, err); err != nil {
			return w.exit(err, command.ExitGitHost)
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

// exit adds an exit code to an error of a call: notFound if something does not exist
// or cannot be read, ExitServer if the server does not answer or refuses the caller.
func (w *waiter) exit(err error, notFound int) error {
	code := command.ExitServer
	switch client.Code(err) {
	case "ResourceNotFoundException", "InvalidInputException", "ResourceUnavailableException":
		code = notFound
	case "ValidationException":
		code = command.ExitUsage
	case "":
		if !client.Unreachable(err) {
			return err
		}
	}

	problem, hint := w.remote.Settings().Explain(err)
	return &command.Error{Problem: problem, Hint: hint, Code: code}
}

// ignoreTransient returns nil for an error that time heals: the server restarts
// or throttles, or the Git host is unavailable.
func (w *waiter) ignoreTransient(ctx context.Context, err error) error {
	code := client.Code(err)
	transient := client.Unreachable(err) || code == "ResourceUnavailableException" || code == "ThrottlingException"
	if !transient || ctx.Err() != nil {
		return err
	}

	if !w.warned {
		w.warned = true
		problem, _ := w.remote.Settings().Explain(err)
		w.env.PrintError(problem, "Still waiting.")
	}
	return nil
}

// handle handles one answer. It reports whether the wait is over.
func (w *waiter) handle(
	ctx context.Context, cfg wire.SyncConfiguration, response *wire.GetRevisionSyncOutput,
) (done bool, err error) {
	w.sha, w.warned = response.Sha, false
	w.lastStatus = response.Status
	switch response.Status {
	case wire.RevisionSucceeded:
		return true, w.report("SUCCEEDED", response.Sha, "")
	case wire.RevisionLaterSucceeded:
		return true, w.report("SUCCEEDED", syncedSHA(response), "later than "+output.ShortSHA(response.Sha))
	case wire.RevisionFailed:
		return true, w.failed(syncedSHA(response), response.Reason)
	case wire.RevisionBlocked:
		return true, w.blocked(response.Sha, response.Reason)
	case wire.RevisionPinned:
		return true, w.pinned(syncedSHA(response), response.Reason)
	case wire.RevisionNotAffected:
		return w.followDesired(response)
	case wire.RevisionPending:
		w.triggerSync(ctx, cfg)
	}

	return false, nil
}

// followDesired continues with the desired revision, since the requested commit
// does not affect the resource.
func (w *waiter) followDesired(response *wire.GetRevisionSyncOutput) (done bool, err error) {
	if response.ResourceSync == nil {
		return false, nil // the first sync has not started
	}

	latest := response.ResourceSync.LatestSync
	desiredSHA := latest.TargetRevision.Sha
	if desired := response.ResourceSync.DesiredState; desired != nil {
		desiredSHA = desired.Sha
	}

	if desiredSHA != response.Sha && w.unaffecting == "" {
		w.unaffecting, w.sha = response.Sha, desiredSHA
		return false, nil
	}

	// The server has forgotten the desired commit: the latest sync decides.
	w.unaffecting = cmp.Or(w.unaffecting, response.Sha)
	switch latest.Status {
	case "SUCCEEDED":
		return true, w.report(latest.Status, latest.TargetRevision.Sha, "")
	case "FAILED":
		return true, w.failed(latest.TargetRevision.Sha, response.Reason)
	}

	return false, nil
}

func (w *waiter) failed(sha, reason string) error {
	if err := w.report("FAILED", sha, reason); err != nil {
		return err
	}
	_ = output.Fprintf(w.env.Stderr,
		"  `lockstep status %[1]s` shows the events; `lockstep retry %[1]s` syncs again.\n", w.resource)
	return command.Exit(command.ExitFailed)
}

func (w *waiter) blocked(sha, reason string) error {
	if err := w.report("BLOCKED", sha, reason); err != nil {
		return err
	}
	_ = output.Fprintf(w.env.Stderr, "  %s\n", lockstep.BlockerRemedy(w.resource))
	return command.Exit(command.ExitBlocked)
}

func (w *waiter) pinned(sha, reason string) error {
	if err := w.report("PINNED", sha, reason); err != nil {
		return err
	}
	return command.Exit(command.ExitPinned)
}

// triggerSync requests a sync of the branch, once. It ignores errors: a caller
// who may not start a sync waits for the next poll.
func (w *waiter) triggerSync(ctx context.Context, cfg wire.SyncConfiguration) {
	if w.triggered {
		return
	}
	w.triggered = true
	_, _ = w.remote.StartRepositorySync(ctx, &wire.StartRepositorySyncInput{
		RepositoryLinkId: cfg.RepositoryLinkId,
		Branch:           cfg.Branch,
	})
}

// syncedSHA returns the commit that an answer is about, which may be later than
// the one in the request.
func syncedSHA(response *wire.GetRevisionSyncOutput) string {
	if sync := response.ResourceSync; sync != nil {
		if response.Status == wire.RevisionLaterSucceeded && sync.LatestSuccessfulSync != nil {
			return sync.LatestSuccessfulSync.TargetRevision.Sha
		}
		if response.Status == wire.RevisionFailed || response.Status == wire.RevisionPinned {
			return sync.LatestSync.TargetRevision.Sha
		}
	}
	return response.Sha
}

// report prints the line about the outcome.
func (w *waiter) report(status, sha, detail string) error {
	commit := output.Commit(w.branch, sha)
	if w.unaffecting != "" {
		commit += ", not affected by " + output.ShortSHA(w.unaffecting)
	}

	separator := ": "
	switch {
	case detail == "":
		separator = ""
	case status == "SUCCEEDED":
		separator = ", "
	}

	colored := w.env.Colors().Status(status, status)
	return w.env.Printf("%s %s %s%s%s\n", w.resource, colored, commit, output.Verbatim(separator), detail)
}

func (w *waiter) timedOut(timeout time.Duration) error {
	_ = w.env.Printf("%s TIMED OUT %s: still %s after %s\n",
		w.resource, output.Commit(w.branch, w.sha), w.lastStatus, timeout)
	if health, err := healthOf(context.Background(), w.remote, w.resource); err == nil && health != nil &&
		health.Status == wire.HealthUnknown {
		_ = output.Fprintf(w.env.Stderr, "  The repository cannot be read: %s\n", health.Reason)
	} else if w.lastStatus == wire.RevisionPending {
		_ = output.Fprintf(w.env.Stderr,
			"  No sync has seen this commit. Check that it is on branch %s at the Git host.\n", w.branch)
	}
	_ = output.Fprintf(w.env.Stderr,
		"  `lockstep status %s` shows the progress; use --timeout to wait longer.\n", w.resource)
	return command.Exit(command.ExitTimedOut)
}

// sleep waits for a duration. It reports false if ctx ends first.
func sleep(ctx context.Context, duration time.Duration) bool {
	timer := time.NewTimer(duration)
	defer timer.Stop()
	select {
	case <-timer.C:
		return true
	case <-ctx.Done():
		return false
	}
}
