package engine_test

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/lockstephq/lockstep"
	"github.com/lockstephq/lockstep/internal/db"
	"github.com/lockstephq/lockstep/internal/store"
	"github.com/lockstephq/lockstep/internal/target"
)

// signing is what git and ssh-keygen once signed, which proves the same in a
// bubble whose year is another.
func signing(t *testing.T, name string) string {
	t.Helper()
	b, err := os.ReadFile(filepath.Join("../signature/testdata", name))
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}

// sign says as what the commits that follow are stored.
func (w *world) sign(raw string) {
	w.host.mu.Lock()
	defer w.host.mu.Unlock()
	w.host.stored = []byte(raw)
}

func (w *world) signers(cfg lockstep.SyncConfiguration, allowed string) {
	w.update(func(tx *db.Tx) error {
		return store.PutSignaturePolicy(tx, cfg.ID, lockstep.SignaturePolicy{AllowedSigners: allowed})
	})
}

func TestAttack27OnlySignedCommitsAreSynced(t *testing.T) {
	inBubble(t, func(w *world) {
		cfg := w.configure("web")
		allowed := signing(w.t, "allowed_signers")
		first := w.push(map[string]string{"web.yaml": "1"})
		w.untilStatus(cfg, lockstep.ResourceSucceeded, first)
		w.signers(cfg, allowed)

		steps, _ := w.target.called()
		for n, row := range []struct{ raw, says string }{
			{signing(w.t, "unsigned.commit"), "is not signed"},
			{signing(w.t, "pgp-ann.commit"), "no OpenPGP key is allowed"},
			{strings.Replace(signing(w.t, "ssh-rsa.commit"), "tree ", "tree 1", 1), "does not match"},
		} {
			w.sign(row.raw)
			sha := w.push(map[string]string{"web.yaml": fmt.Sprint("bad", n)})
			s := w.untilStatus(cfg, lockstep.ResourceFailed, sha)
			events := s.LatestSync.Events
			if last := events[len(events)-1]; last.Type != "SYNC_FAILED" || !strings.Contains(last.Message, row.says) {
				w.t.Errorf("last event %+v, want one that says %q", last, row.says)
			}

			if s.LatestSuccessfulSync.TargetRevision.SHA != first {
				w.t.Errorf("it was synced")
			}
		}

		if now, _ := w.target.called(); now != steps {
			w.t.Errorf("the target was called %d times for commits that nobody signed", now-steps)
		}

		w.sign(signing(w.t, "ssh-ed25519.commit"))
		good := w.push(map[string]string{"web.yaml": "2"})
		s := w.untilStatus(cfg, lockstep.ResourceSucceeded, good)
		if e := s.LatestSync.Events[0]; e.Type != "COMMIT_SIGNATURE_VERIFIED" || !strings.Contains(e.Message, "Signed by ed25519@example.com with key SHA256:") {
			w.t.Errorf("first event %+v", e)
		}
	})
}

// A step that is done again after the first was recorded looks no more: the proof
// is told once.
func TestACommitIsVerifiedOnce(t *testing.T) {
	inBubble(t, func(w *world) {
		cfg := w.configure("web")
		w.signers(cfg, signing(w.t, "allowed_signers"))
		w.target.script(func(a target.Attempt) (target.Step, error) {
			if n := len(a.Checkpoint); n < 3 {
				return target.Step{Checkpoint: make([]byte, n+1)}, nil
			}
			return target.Step{End: &target.End{Outcome: lockstep.Applied}}, nil
		})

		w.sign(signing(w.t, "ssh-ecdsa.commit"))
		sha := w.push(map[string]string{"web.yaml": "1"})
		s := w.untilStatus(cfg, lockstep.ResourceSucceeded, sha)
		if got := types(s.LatestSync.Events); !slices.Equal(got, []string{"COMMIT_SIGNATURE_VERIFIED"}) {
			w.t.Errorf("events %v", got)
		}
	})
}

func TestAHostThatIsAwayIsAskedForTheCommitAgain(t *testing.T) {
	inBubble(t, func(w *world) {
		cfg := w.configure("web")
		w.signers(cfg, signing(w.t, "allowed_signers"))
		broken := false
		w.target.script(func(target.Attempt) (target.Step, error) {
			return target.Step{End: &target.End{Outcome: lockstep.Applied}}, nil
		})
		w.target.plan = func(string) error { // the head was read: now the host goes away
			if !broken {
				broken = true
				w.host.fail(lockstep.Errorf(lockstep.Unavailable, "The host is away."))
			}
			return nil
		}

		w.sign(signing(w.t, "ssh-rsa.commit"))
		sha := w.push(map[string]string{"web.yaml": "1"})
		w.until("a step is tried again", func() bool {
			s := w.status(cfg)
			return s.LatestSync != nil && slices.Contains(types(s.LatestSync.Events), "SYNC_RETRYING")
		})
		w.host.fail(nil)
		w.untilStatus(cfg, lockstep.ResourceSucceeded, sha)
	})
}
