package connection_test

import (
	"context"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/lockstephq/lockstep"
	"github.com/lockstephq/lockstep/internal/db"
	"github.com/lockstephq/lockstep/internal/provider"
	"github.com/lockstephq/lockstep/internal/store"
)

func TestACredentialIsProbedBeforeItIsStored(t *testing.T) {
	runInBubble(t, func(w *world) {
		w.git.Tokens["canary-good"] = true
		arn := w.connection("acme", "GitLabSelfManaged")
		if reason := w.wantStatus(arn, lockstep.ConnectionPending); reason != "The connection has no credential yet." {
			t.Errorf("reason %q", reason)
		}

		_, err := w.complete(arn, tokenInput("canary-bad"))
		wantError(t, err, lockstep.Invalid,
			"The credential was not stored because it does not work: The host says: bad token ****")
		w.wantStatus(arn, lockstep.ConnectionPending)

		if w.storedCredential(arn) != (lockstep.Credential{}) {
			t.Error("a credential that does not work is stored")
		}

		w.mustComplete(arn, tokenInput("canary-good"), lockstep.ConnectionAvailable)
		_, status := w.credentialStatus(arn)
		if status.Kind != lockstep.TokenCredential {
			t.Errorf("got a credential of kind %s, want %s", status.Kind, lockstep.TokenCredential)
		}
		if status.CheckedAt.IsZero() {
			t.Error("the credential has no time of its check")
		}
		if status.Reason != "" {
			t.Errorf("got reason %q, want none", status.Reason)
		}

		_, err = w.complete(arn, tokenInput("canary-bad"))
		wantError(t, err, lockstep.Invalid, "was not stored")
		w.wantStatus(arn, lockstep.ConnectionAvailable)

		if got := w.storedCredential(arn); got.Secret != "canary-good" {
			t.Error("the earlier credential is gone")
		}
	})
}

func TestAConnectionIsPendingUntilItsHostAnswers(t *testing.T) {
	runInBubble(t, func(w *world) {
		w.git.Update(func() { w.git.Unavailable = true; w.git.Tokens["canary-good"] = true })
		arn := w.connection("acme", "GitLabSelfManaged")
		w.mustComplete(arn, tokenInput("canary-good"), lockstep.ConnectionPending)

		if reason := w.wantStatus(arn, lockstep.ConnectionPending); !strings.Contains(reason, "503") {
			t.Errorf("reason %q", reason)
		}

		bad := w.connection("bad", "GitLabSelfManaged")
		w.mustComplete(bad, tokenInput("canary-bad"), lockstep.ConnectionPending)
		time.Sleep(2 * time.Minute)
		w.wantStatus(arn, lockstep.ConnectionPending)
		w.git.Update(func() { w.git.Unavailable = false })
		time.Sleep(5*time.Minute + maxDelay)

		if reason := w.wantStatus(arn, lockstep.ConnectionAvailable); reason != "" {
			t.Errorf("reason %q", reason)
		}

		if reason := w.wantStatus(bad, lockstep.ConnectionError); !strings.Contains(reason, "bad token") {
			t.Errorf("reason %q", reason)
		}
	})
}

func TestAnUnprobeableCredentialIsAcceptedAtOnce(t *testing.T) {
	runInBubble(t, func(w *world) {
		w.mustComplete(w.connection("plain", "Git"), tokenInput("whatever"), lockstep.ConnectionAvailable)
		w.driver.CheckError = lockstep.Wrapf(lockstep.Invalid, provider.ErrUnsupported, "A plain Git server.")
		arn := w.connection("no-api", "GitLabSelfManaged")
		w.mustComplete(arn, tokenInput("whatever"), lockstep.ConnectionAvailable)
		if reason := w.wantStatus(arn, lockstep.ConnectionAvailable); reason != "" {
			t.Errorf("reason %q", reason)
		}
	})
}

func TestACredentialIsNotStoredIfItsHostHasMoved(t *testing.T) {
	runInBubble(t, func(w *world) {
		w.git.Tokens["canary-good"] = true
		arn := w.connection("acme", "GitLabSelfManaged")
		var handshake = w.beginHandshake(arn, tokenInput("canary-good"))
		if err := handshake.Verify(context.Background()); err != nil {
			t.Fatal(err)
		}

		w.moveHost(arn, "https://evil.example.com")
		err := w.db.Update(context.Background(), func(tx *db.Tx) error {
			conn, err := store.LockConnectionByARN(tx, arn)
			if err != nil {
				return err
			}

			_, err = handshake.Complete(tx, conn)
			return err
		})

		wantError(t, err, lockstep.Stale, "has changed")
		if w.storedCredential(arn) != (lockstep.Credential{}) {
			t.Error("the credential is stored for another host")
		}
	})
}

func TestARefusedCredentialIsCheckedUntilItWorksAgain(t *testing.T) {
	runInBubble(t, func(w *world) {
		w.git.Tokens["canary-good"] = true
		arn := w.connection("acme", "GitLabSelfManaged")
		w.mustComplete(arn, tokenInput("canary-good"), lockstep.ConnectionAvailable)
		link := w.link(arn, "infra")
		time.Sleep(2 * time.Minute)
		w.git.Revoke()
		w.recordProbe(link, errRefused)
		failed := time.Now()
		time.Sleep(maxDelay)

		if reason := w.wantStatus(arn, lockstep.ConnectionError); !strings.Contains(reason, "bad token ****") {
			t.Errorf("reason %q", reason)
		}

		before := len(w.git.CheckTimes())
		for range 20 { // other repositories, and the same again
			w.recordProbe(link, errRefused)
		}

		time.Sleep(3*time.Hour + 20*time.Minute)
		checks := w.git.CheckTimes()[before:]
		for i, minutes := range []time.Duration{
			5, 5 + 10, 5 + 10 + 20, 5 + 10 + 20 + 40, 5 + 10 + 20 + 40 + 60, 5 + 10 + 20 + 40 + 60 + 60,
		} {
			if i >= len(checks) {
				t.Fatalf("%d checks, want 6", len(checks))
			}
			if got := checks[i].Sub(failed); got < minutes*time.Minute ||
				got > minutes*time.Minute+time.Duration(i+2)*maxDelay {
				t.Errorf("check %d after %s, want %d min", i, got, minutes)
			}
		}

		if len(checks) != 6 {
			t.Errorf("%d checks in 200 minutes, want 6", len(checks))
		}

		w.takeRequestedProbes()
		w.git.Update(func() { w.git.Tokens["canary-good"] = true })
		time.Sleep(time.Hour + maxDelay)

		if reason := w.wantStatus(arn, lockstep.ConnectionAvailable); reason != "" {
			t.Errorf("reason %q", reason)
		}

		if diff := cmp.Diff([]string{link}, w.takeRequestedProbes()); diff != "" {
			t.Errorf("requested polls (-want +got):\n%s", diff)
		}
	})
}

func TestADeniedRepositoryDoesNotBreakItsConnection(t *testing.T) {
	runInBubble(t, func(w *world) {
		w.git.Tokens["canary-good"] = true
		arn := w.connection("acme", "GitLabSelfManaged")
		w.mustComplete(arn, tokenInput("canary-good"), lockstep.ConnectionAvailable)
		link := w.link(arn, "infra")
		time.Sleep(2 * time.Minute)
		before := len(w.git.CheckTimes())

		for range 30 { // five minutes
			w.recordProbe(link, errRefused)
			time.Sleep(10 * time.Second)
		}

		w.wantStatus(arn, lockstep.ConnectionAvailable)
		if n := len(w.git.CheckTimes()) - before; n < 3 || n > 6 {
			t.Errorf("the host was asked %d times in five minutes, want once a minute", n)
		}
	})
}

func TestWithoutACheckerProbesOfRepositoriesDecide(t *testing.T) {
	runInBubble(t, func(w *world) {
		arn := w.connection("plain", "Git")
		w.mustComplete(arn, tokenInput("whatever"), lockstep.ConnectionAvailable)
		one, two := w.link(arn, "one"), w.link(arn, "two")
		w.recordProbe(one, errRefused)
		time.Sleep(2 * maxDelay)
		w.wantStatus(arn, lockstep.ConnectionAvailable)
		w.recordProbe(two, errRefused)
		time.Sleep(2*time.Minute + maxDelay)

		if reason := w.wantStatus(arn, lockstep.ConnectionError); reason != "git.example.com refuses the credential." {
			t.Errorf("reason %q", reason)
		}

		w.recordProbe(one, nil)
		time.Sleep(maxDelay)
		w.wantStatus(arn, lockstep.ConnectionAvailable)
	})
}

// A host answers 404 for a repository that is gone, and not for a credential that is refused.
func TestARepositoryThatIsGoneClearsTheErrorOfARefusedCredential(t *testing.T) {
	runInBubble(t, func(w *world) {
		arn := w.connection("plain", "Git")
		w.mustComplete(arn, tokenInput("whatever"), lockstep.ConnectionAvailable)
		link := w.link(arn, "one")
		time.Sleep(2 * time.Minute)
		w.recordProbe(link, errRefused)
		time.Sleep(maxDelay)
		w.wantStatus(arn, lockstep.ConnectionError)

		w.recordProbe(link, lockstep.Errorf(lockstep.NotFound, "repository not found"))
		time.Sleep(maxDelay)
		if reason := w.wantStatus(arn, lockstep.ConnectionAvailable); reason != "" {
			t.Errorf("reason %q, want none", reason)
		}
	})
}

func TestARefusedCallOfTheAPIStartsACheck(t *testing.T) {
	runInBubble(t, func(w *world) {
		arn := w.connection("asked", "GitLabSelfManaged")
		w.git.Update(func() { w.git.Tokens["canary-good"] = true })
		w.mustComplete(arn, tokenInput("canary-good"), lockstep.ConnectionAvailable)
		link := w.link(arn, "one")
		time.Sleep(2 * time.Minute)

		w.git.Update(func() { delete(w.git.Tokens, "canary-good") })
		for _, cause := range []error{nil, lockstep.Errorf(lockstep.Unavailable, "away")} {
			w.update(func(tx *db.Tx) error { return w.controller.RecordCall(tx, link, cause) })
			time.Sleep(maxDelay)
			w.wantStatus(arn, lockstep.ConnectionAvailable)
		}

		w.update(func(tx *db.Tx) error { return w.controller.RecordCall(tx, link, errRefused) })
		time.Sleep(maxDelay)
		w.wantStatus(arn, lockstep.ConnectionError)
	})
}

func TestARepositoryThatIsReadOutweighsACheckWithoutAnswer(t *testing.T) {
	runInBubble(t, func(w *world) {
		arn := w.connection("asked", "GitLabSelfManaged")
		w.driver.CheckError = lockstep.Errorf(lockstep.Unavailable, "502 Bad Gateway")
		w.mustComplete(arn, tokenInput("canary-good"), lockstep.ConnectionPending)
		link := w.link(arn, "one")
		w.update(func(tx *db.Tx) error {
			_, err := tx.Exec(`UPDATE repository_link SET poll_interval = 1000 WHERE id = $1`, link)
			return err
		})
		w.recordProbe(link, nil)
		time.Sleep(maxDelay)
		w.wantStatus(arn, lockstep.ConnectionAvailable)
	})
}

func TestANewCredentialClearsAnErrorAtOnce(t *testing.T) {
	runInBubble(t, func(w *world) {
		arn := w.connection("plain", "Git")
		w.mustComplete(arn, tokenInput("whatever"), lockstep.ConnectionAvailable)
		link := w.link(arn, "one")
		w.recordProbe(link, errRefused)
		time.Sleep(maxDelay)
		w.wantStatus(arn, lockstep.ConnectionError)
		w.mustComplete(arn, tokenInput("another"), lockstep.ConnectionAvailable)
		time.Sleep(10 * time.Minute) // by then the check of the first credential has ended

		if reason := w.wantStatus(arn, lockstep.ConnectionAvailable); reason != "" {
			t.Errorf("reason %q", reason)
		}

		w.recordProbe(link, errRefused)
		time.Sleep(2 * time.Minute)
		w.wantStatus(arn, lockstep.ConnectionError)
	})
}

func TestACredentialThatWasNotSentMayBeValid(t *testing.T) {
	runInBubble(t, func(w *world) {
		unseen := lockstep.Wrapf(lockstep.Denied, provider.ErrCredentialNotSent, "host key not accepted")
		plain := w.connection("plain", "Git")
		w.mustComplete(plain, tokenInput("whatever"), lockstep.ConnectionAvailable)
		w.recordProbe(w.link(plain, "one"), unseen)
		asked := w.connection("asked", "GitLabSelfManaged")
		w.git.Update(func() { w.git.Tokens["canary-good"] = true })
		w.mustComplete(asked, tokenInput("canary-good"), lockstep.ConnectionAvailable)
		time.Sleep(2 * time.Minute)
		w.driver.CheckError = unseen
		w.recordProbe(w.link(asked, "two"), unseen)
		time.Sleep(maxDelay)

		for _, arn := range []lockstep.ARN{plain, asked} {
			reason := w.wantStatus(arn, lockstep.ConnectionError)
			if reason != "The credential was not sent to the host and may be valid: host key not accepted" {
				t.Errorf("reason %q", reason)
			}
		}
	})
}

func TestTheSweepReplacesALostJob(t *testing.T) {
	runInBubble(t, func(w *world) {
		w.git.Tokens["canary-good"] = true
		arn := w.connection("acme", "GitLabSelfManaged")
		w.mustComplete(arn, tokenInput("canary-good"), lockstep.ConnectionAvailable)
		w.update(func(tx *db.Tx) error { // as after a crash that lost the job
			if err := store.SetConnectionStatus(tx, arn, lockstep.ConnectionPending); err != nil {
				return err
			}
			return store.SaveConnectionCheck(tx, arn, store.ConnectionCheck{NextCheckAt: tx.Now})
		})

		time.Sleep(5 * time.Minute)
		w.wantStatus(arn, lockstep.ConnectionPending)
		w.startSweeper()
		time.Sleep(time.Minute + maxDelay)
		w.wantStatus(arn, lockstep.ConnectionAvailable)
	})
}
