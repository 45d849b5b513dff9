package engine_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/lockstephq/lockstep"
	"github.com/lockstephq/lockstep/internal/engine/enginetest"
	"github.com/lockstephq/lockstep/internal/target"
)

func TestAttack27OnlySignedCommitsAreSynced(t *testing.T) {
	enginetest.InBubble(t, func(w *enginetest.World) {
		cfg := w.CreateConfiguration("web")
		allowed := enginetest.ReadSignatureFile(w.T, "allowed_signers")
		first := w.Push(map[string]string{"web.yaml": "1"})
		w.WaitForStatus(cfg, lockstep.ResourceSucceeded, first)
		w.SetAllowedSigners(cfg, allowed)

		steps, _ := w.Target.CallCounts()
		for count, row := range []struct{ raw, says string }{
			{enginetest.ReadSignatureFile(w.T, "unsigned.commit"), "is not signed"},
			{enginetest.ReadSignatureFile(w.T, "pgp-ann.commit"), "no OpenPGP key is allowed"},
			{strings.Replace(enginetest.ReadSignatureFile(w.T, "ssh-rsa.commit"), "tree ", "tree 1", 1),
				"does not match"},
		} {
			w.SignCommits(row.raw)
			sha := w.Push(map[string]string{"web.yaml": fmt.Sprint("bad", count)})
			status := w.WaitForStatus(cfg, lockstep.ResourceFailed, sha)
			events := status.LatestSync.Events
			if last := events[len(events)-1]; last.Type != "SYNC_FAILED" || !strings.Contains(last.Message, row.says) {
				w.T.Errorf("last event %+v, want one that says %q", last, row.says)
			}

			if status.LatestSuccessfulSync.TargetRevision.SHA != first {
				w.T.Errorf("it was synced")
			}
		}

		if now, _ := w.Target.CallCounts(); now != steps {
			w.T.Errorf("the target was called %d times for unsigned commits", now-steps)
		}

		w.SignCommits(enginetest.ReadSignatureFile(w.T, "ssh-ed25519.commit"))
		good := w.Push(map[string]string{"web.yaml": "2"})
		status := w.WaitForStatus(cfg, lockstep.ResourceSucceeded, good)
		if e := status.LatestSync.Events[0]; e.Type != "COMMIT_SIGNATURE_VERIFIED" ||
			!strings.Contains(e.Message, "Signed by ed25519@example.com with key SHA256:") {
			w.T.Errorf("first event %+v", e)
		}
	})
}

// A step that is repeated after the first was recorded does not verify again: the
// event is written once.
func TestACommitIsVerifiedOnce(t *testing.T) {
	enginetest.InBubble(t, func(w *enginetest.World) {
		cfg := w.CreateConfiguration("web")
		w.SetAllowedSigners(cfg, enginetest.ReadSignatureFile(w.T, "allowed_signers"))
		w.Target.SetSteps(func(a target.Attempt) (target.Step, error) {
			if n := len(a.Checkpoint); n < 3 {
				return target.Step{Checkpoint: make([]byte, n+1)}, nil
			}
			return target.Step{End: &target.End{Outcome: lockstep.Applied}}, nil
		})

		w.SignCommits(enginetest.ReadSignatureFile(w.T, "ssh-ecdsa.commit"))
		sha := w.Push(map[string]string{"web.yaml": "1"})
		s := w.WaitForStatus(cfg, lockstep.ResourceSucceeded, sha)
		if got := enginetest.EventTypes(s.LatestSync.Events); !slices.Equal(got,
			[]string{"COMMIT_SIGNATURE_VERIFIED"}) {
			w.T.Errorf("events %v", got)
		}
	})
}

func TestAnUnavailableHostIsAskedForTheCommitAgain(t *testing.T) {
	enginetest.InBubble(t, func(w *enginetest.World) {
		cfg := w.CreateConfiguration("web")
		w.SetAllowedSigners(cfg, enginetest.ReadSignatureFile(w.T, "allowed_signers"))
		broken := false
		w.Target.SetSteps(func(target.Attempt) (target.Step, error) {
			return target.Step{End: &target.End{Outcome: lockstep.Applied}}, nil
		})
		w.Target.OnReadInputs = func(string) error { // the head was read: now the host goes away
			if !broken {
				broken = true
				w.Host.FailWith(lockstep.Errorf(lockstep.Unavailable, "The host is away."))
			}
			return nil
		}

		w.SignCommits(enginetest.ReadSignatureFile(w.T, "ssh-rsa.commit"))
		sha := w.Push(map[string]string{"web.yaml": "1"})
		w.WaitUntil("a step is tried again", func() bool {
			s := w.Status(cfg)
			return s.LatestSync != nil && slices.Contains(enginetest.EventTypes(s.LatestSync.Events), "SYNC_RETRYING")
		})
		w.Host.FailWith(nil)
		w.WaitForStatus(cfg, lockstep.ResourceSucceeded, sha)
	})
}
