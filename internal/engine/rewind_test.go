package engine_test

import (
	"strings"
	"testing"

	"github.com/lockstephq/lockstep"
	"github.com/lockstephq/lockstep/internal/engine/enginetest"
)

// A signedWorld is a resource with a signature policy, and three signed commits of its
// branch, the last of which is applied.
type signedWorld struct {
	*enginetest.World
	cfg                lockstep.SyncConfiguration
	first, second, top lockstep.SHA
}

func newSignedWorld(w *enginetest.World) signedWorld {
	w.T.Helper()
	s := signedWorld{World: w, cfg: w.CreateConfiguration("web")}
	w.SetAllowedSigners(s.cfg, enginetest.ReadSignatureFile(w.T, "allowed_signers"))
	w.SignCommits(enginetest.ReadSignatureFile(w.T, "ssh-ed25519.commit"))
	for i, sha := range []*lockstep.SHA{&s.first, &s.second, &s.top} {
		*sha = w.Push(map[string]string{"web.yaml": strings.Repeat("1", i+1)})
		w.WaitForStatus(s.cfg, lockstep.ResourceSucceeded, *sha)
	}
	return s
}

// rewind makes the branch point to a commit.
func (s signedWorld) rewind(sha lockstep.SHA) {
	s.Host.SetHead("main", sha)
	s.RequestSync()
}

// applied returns the commit that was applied last.
func (s signedWorld) applied() lockstep.SHA {
	s.T.Helper()
	return s.Status(s.cfg).LatestSuccessfulSync.TargetRevision.SHA
}

// waitForBlocker waits until the resource is blocked, and returns the reason.
func (s signedWorld) waitForBlocker() string {
	s.T.Helper()
	var reason string
	s.WaitUntil("the resource is blocked", func() bool {
		blocker, blocked := s.ActiveBlocker(s.cfg)
		reason = blocker.CreatedReason
		return blocked
	})
	return reason
}

func TestAttack31ARewoundBranchBlocksAResourceWithSigners(t *testing.T) {
	enginetest.InBubble(t, func(w *enginetest.World) {
		s := newSignedWorld(w)
		steps, _ := w.Target.CallCounts()
		s.rewind(s.first)

		reason := s.waitForBlocker()
		for _, want := range []string{
			string(s.first), string(s.top), "does not descend",
			"lockstep retry web --sha " + string(s.first),
		} {
			if !strings.Contains(reason, want) {
				w.T.Errorf("the blocker says %q, want one with %q", reason, want)
			}
		}

		if got := s.applied(); got != s.top {
			w.T.Errorf("commit %s was applied last, want %s", got, s.top)
		}
		if now, _ := w.Target.CallCounts(); now != steps {
			w.T.Errorf("the target was called %d times", now-steps)
		}
	})
}

func TestAttack31ASignedCommitOfAnotherBranchBlocksAResourceWithSigners(t *testing.T) {
	enginetest.InSQLiteBubble(t, func(w *enginetest.World) {
		s := newSignedWorld(w)
		unmerged := w.Host.Push("feature", map[string]string{"web.yaml": "unmerged"})
		s.rewind(unmerged)

		if reason := s.waitForBlocker(); !strings.Contains(reason, "does not descend") {
			w.T.Errorf("the blocker says %q, want that the commit does not descend", reason)
		}
		if got := s.applied(); got != s.top {
			w.T.Errorf("commit %s was applied last, want %s", got, s.top)
		}
	})
}

func TestAttack31ARetryOfARewoundBranchIsBlockedAgain(t *testing.T) {
	enginetest.InSQLiteBubble(t, func(w *enginetest.World) {
		s := newSignedWorld(w)
		s.rewind(s.first)
		s.waitForBlocker()

		before := s.Status(s.cfg).LatestSync.ID
		w.Retry(s.cfg)
		w.WaitUntil("the retry has ended", func() bool {
			latest := s.Status(s.cfg).LatestSync
			return latest.ID != before && latest.Status == lockstep.ResourceFailed
		})
		if got := s.applied(); got != s.top {
			w.T.Errorf("commit %s was applied last, want %s", got, s.top)
		}
	})
}

func TestAPersonMayReturnToAnEarlierSignedCommit(t *testing.T) {
	enginetest.InBubble(t, func(w *enginetest.World) {
		s := newSignedWorld(w)
		w.RetryCommit(s.cfg, s.second)
		w.WaitForStatus(s.cfg, lockstep.ResourceSucceeded, s.second)

		// The next commit descends from both.
		next := w.Push(map[string]string{"web.yaml": "next"})
		w.WaitForRepositorySyncOf(next)
		w.Retry(s.cfg)
		w.WaitForStatus(s.cfg, lockstep.ResourceSucceeded, next)
	})
}

func TestAPersonMayAcceptARewoundBranch(t *testing.T) {
	enginetest.InSQLiteBubble(t, func(w *enginetest.World) {
		s := newSignedWorld(w)
		s.rewind(s.first)
		s.waitForBlocker()

		w.RetryCommit(s.cfg, s.first)
		w.WaitForStatus(s.cfg, lockstep.ResourceSucceeded, s.first)
		if _, blocked := w.ActiveBlocker(s.cfg); blocked {
			w.T.Error("the resource is still blocked")
		}

		next := w.Push(map[string]string{"web.yaml": "next"})
		w.WaitForStatus(s.cfg, lockstep.ResourceSucceeded, next)
	})
}

func TestARewoundBranchIsSyncedIfThatIsAllowed(t *testing.T) {
	enginetest.InSQLiteBubble(t, func(w *enginetest.World) {
		w.Stop()
		w.AllowRewinds = true
		w.Start()

		s := newSignedWorld(w)
		s.rewind(s.first)
		w.WaitForStatus(s.cfg, lockstep.ResourceSucceeded, s.first)
	})
}

func TestARewoundBranchIsSyncedWithoutSigners(t *testing.T) {
	enginetest.InSQLiteBubble(t, func(w *enginetest.World) {
		cfg := w.CreateConfiguration("web")
		first := w.Push(map[string]string{"web.yaml": "1"})
		w.WaitForStatus(cfg, lockstep.ResourceSucceeded, first)
		second := w.Push(map[string]string{"web.yaml": "2"})
		w.WaitForStatus(cfg, lockstep.ResourceSucceeded, second)

		w.Host.SetHead("main", first)
		w.RequestSync()
		w.WaitForStatus(cfg, lockstep.ResourceSucceeded, first)
	})
}

func TestAttack31AnUnknownHistoryBlocksAResourceWithSigners(t *testing.T) {
	enginetest.InSQLiteBubble(t, func(w *enginetest.World) {
		s := newSignedWorld(w)
		w.Host.FailHistoryWith(lockstep.Errorf(lockstep.Invalid, "The server supports no filter."))
		next := w.Push(map[string]string{"web.yaml": "next"})

		reason := s.waitForBlocker()
		for _, want := range []string{"The server supports no filter.", "--sha " + string(next)} {
			if !strings.Contains(reason, want) {
				w.T.Errorf("the blocker says %q, want one with %q", reason, want)
			}
		}
	})
}

func TestAnUnavailableHistoryIsReadAgain(t *testing.T) {
	enginetest.InSQLiteBubble(t, func(w *enginetest.World) {
		s := newSignedWorld(w)
		w.Host.FailHistoryWith(lockstep.Errorf(lockstep.Unavailable, "The host is away."))
		next := w.Push(map[string]string{"web.yaml": "next"})
		w.WaitUntil("a step has failed", func() bool {
			attempt, running := w.RunningAttempt(s.cfg)
			return running && attempt.Tries > 0
		})

		w.Host.FailHistoryWith(nil)
		w.WaitForStatus(s.cfg, lockstep.ResourceSucceeded, next)
	})
}
