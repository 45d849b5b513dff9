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

func TestACredentialIsTriedBeforeItIsStored(t *testing.T) {
	inBubble(t, func(w *world) {
		w.git.Tokens["canary-good"] = true
		arn := w.connection("acme", "GitLabSelfManaged")
		if reason := w.is(arn, lockstep.ConnectionPending); reason != "The connection holds no credential yet." {
			t.Errorf("reason %q", reason)
		}

		_, err := w.give(arn, token("canary-bad"))
		refused(t, err, lockstep.Invalid, "does not work, and is not stored: The host says: bad token ****")
		w.is(arn, lockstep.ConnectionPending)

		if w.held(arn) != (lockstep.Credential{}) {
			t.Error("a credential that does not work is stored")
		}

		w.given(arn, token("canary-good"), lockstep.ConnectionAvailable)
		if _, s := w.stands(arn); s.Kind != lockstep.TokenCredential || s.CheckedAt.IsZero() || s.Reason != "" {
			t.Errorf("it stands at %+v", s)
		}

		_, err = w.give(arn, token("canary-bad"))
		refused(t, err, lockstep.Invalid, "is not stored")
		w.is(arn, lockstep.ConnectionAvailable)

		if got := w.held(arn); got.Secret != "canary-good" {
			t.Error("the earlier credential is gone")
		}
	})
}

func TestAConnectionToAHostThatIsAwayIsPendingUntilItAnswers(t *testing.T) {
	inBubble(t, func(w *world) {
		w.git.Update(func() { w.git.Unavailable = true; w.git.Tokens["canary-good"] = true })
		arn := w.connection("acme", "GitLabSelfManaged")
		w.given(arn, token("canary-good"), lockstep.ConnectionPending)

		if reason := w.is(arn, lockstep.ConnectionPending); !strings.Contains(reason, "503") {
			t.Errorf("reason %q", reason)
		}

		bad := w.connection("bad", "GitLabSelfManaged")
		w.given(bad, token("canary-bad"), lockstep.ConnectionPending)
		time.Sleep(2 * time.Minute)
		w.is(arn, lockstep.ConnectionPending)
		w.git.Update(func() { w.git.Unavailable = false })
		time.Sleep(5*time.Minute + late)

		if reason := w.is(arn, lockstep.ConnectionAvailable); reason != "" {
			t.Errorf("reason %q", reason)
		}

		if reason := w.is(bad, lockstep.ConnectionError); !strings.Contains(reason, "bad token") {
			t.Errorf("reason %q", reason)
		}
	})
}

func TestWhereNobodyCanBeAskedACredentialIsTakenAtOnce(t *testing.T) {
	inBubble(t, func(w *world) {
		w.given(w.connection("plain", "Git"), token("whatever"), lockstep.ConnectionAvailable)
		w.driver.Failure = lockstep.Wrapf(lockstep.Invalid, provider.ErrNoAbility, "A plain Git server.")
		arn := w.connection("no-api", "GitLabSelfManaged")
		w.given(arn, token("whatever"), lockstep.ConnectionAvailable)
		if reason := w.is(arn, lockstep.ConnectionAvailable); reason != "" {
			t.Errorf("reason %q", reason)
		}
	})
}

func TestACredentialIsNotStoredForAHostThatMovedWhileItWasTried(t *testing.T) {
	inBubble(t, func(w *world) {
		w.git.Tokens["canary-good"] = true
		arn := w.connection("acme", "GitLabSelfManaged")
		var offer = w.receive(arn, token("canary-good"))
		if err := offer.Verify(context.Background()); err != nil {
			t.Fatal(err)
		}

		w.moveHost(arn, "https://evil.example.com")
		err := w.db.Update(context.Background(), func(tx *db.Tx) error {
			conn, err := store.LockConnectionByARN(tx, arn)
			if err != nil {
				return err
			}

			_, err = offer.Complete(tx, conn)
			return err
		})

		refused(t, err, lockstep.Stale, "has moved meanwhile")
		if w.held(arn) != (lockstep.Credential{}) {
			t.Error("the credential is stored for another host")
		}
	})
}

func TestARefusedCredentialIsAnErrorUntilItWorksAgain(t *testing.T) {
	inBubble(t, func(w *world) {
		w.git.Tokens["canary-good"] = true
		arn := w.connection("acme", "GitLabSelfManaged")
		w.given(arn, token("canary-good"), lockstep.ConnectionAvailable)
		link := w.link(arn, "infra")
		time.Sleep(2 * time.Minute)
		w.git.Revoke()
		w.met(link, errRefused)
		failed := time.Now()
		time.Sleep(late)

		if reason := w.is(arn, lockstep.ConnectionError); !strings.Contains(reason, "bad token ****") {
			t.Errorf("reason %q", reason)
		}

		before := len(w.git.CheckTimes())
		for range 20 { // other repositories, and the same again
			w.met(link, errRefused)
		}

		time.Sleep(3*time.Hour + 20*time.Minute)
		checks := w.git.CheckTimes()[before:]
		for i, minutes := range []time.Duration{5, 5 + 10, 5 + 10 + 20, 5 + 10 + 20 + 40, 5 + 10 + 20 + 40 + 60, 5 + 10 + 20 + 40 + 60 + 60} {
			if i >= len(checks) {
				t.Fatalf("%d checks, want 6", len(checks))
			}
			if got := checks[i].Sub(failed); got < minutes*time.Minute || got > minutes*time.Minute+time.Duration(i+2)*late {
				t.Errorf("check %d after %s, want %d min", i, got, minutes)
			}
		}

		if len(checks) != 6 {
			t.Errorf("%d checks in 200 minutes, want 6", len(checks))
		}

		w.hinted()
		w.git.Update(func() { w.git.Tokens["canary-good"] = true })
		time.Sleep(time.Hour + late)

		if reason := w.is(arn, lockstep.ConnectionAvailable); reason != "" {
			t.Errorf("reason %q", reason)
		}

		if diff := cmp.Diff([]string{link}, w.hinted()); diff != "" {
			t.Errorf("looked at now (-want +got):\n%s", diff)
		}
	})
}

func TestARepositoryThatIsDeniedIsNotItsConnectionsFault(t *testing.T) {
	inBubble(t, func(w *world) {
		w.git.Tokens["canary-good"] = true
		arn := w.connection("acme", "GitLabSelfManaged")
		w.given(arn, token("canary-good"), lockstep.ConnectionAvailable)
		link := w.link(arn, "infra")
		time.Sleep(2 * time.Minute)
		before := len(w.git.CheckTimes())

		for range 30 { // five minutes
			w.met(link, errRefused)
			time.Sleep(10 * time.Second)
		}

		w.is(arn, lockstep.ConnectionAvailable)
		if n := len(w.git.CheckTimes()) - before; n < 3 || n > 6 {
			t.Errorf("the host was asked %d times in five minutes, want once a minute", n)
		}
	})
}

func TestWhereNobodyCanBeAskedLooksTell(t *testing.T) {
	inBubble(t, func(w *world) {
		arn := w.connection("plain", "Git")
		w.given(arn, token("whatever"), lockstep.ConnectionAvailable)
		one, two := w.link(arn, "one"), w.link(arn, "two")
		w.met(one, errRefused)
		time.Sleep(2 * late)
		w.is(arn, lockstep.ConnectionAvailable)
		w.met(two, errRefused)
		time.Sleep(2*time.Minute + late)

		if reason := w.is(arn, lockstep.ConnectionError); reason != "git.example.com refuses the credential." {
			t.Errorf("reason %q", reason)
		}

		w.met(one, nil)
		time.Sleep(late)
		w.is(arn, lockstep.ConnectionAvailable)
	})
}

func TestAnotherCredentialEndsAnErrorAtOnce(t *testing.T) {
	inBubble(t, func(w *world) {
		arn := w.connection("plain", "Git")
		w.given(arn, token("whatever"), lockstep.ConnectionAvailable)
		link := w.link(arn, "one")
		w.met(link, errRefused)
		time.Sleep(late)
		w.is(arn, lockstep.ConnectionError)
		w.given(arn, token("another"), lockstep.ConnectionAvailable)
		time.Sleep(10 * time.Minute) // the check of the first is over

		if reason := w.is(arn, lockstep.ConnectionAvailable); reason != "" {
			t.Errorf("reason %q", reason)
		}

		w.met(link, errRefused)
		time.Sleep(2 * time.Minute)
		w.is(arn, lockstep.ConnectionError)
	})
}

func TestAHostThatIsNotItselfIsNoFaultOfTheCredential(t *testing.T) {
	inBubble(t, func(w *world) {
		unseen := lockstep.Wrapf(lockstep.Denied, provider.ErrNotShown, "host key not accepted")
		plain := w.connection("plain", "Git")
		w.given(plain, token("whatever"), lockstep.ConnectionAvailable)
		w.met(w.link(plain, "one"), unseen)
		asked := w.connection("asked", "GitLabSelfManaged")
		w.git.Update(func() { w.git.Tokens["canary-good"] = true })
		w.given(asked, token("canary-good"), lockstep.ConnectionAvailable)
		time.Sleep(2 * time.Minute)
		w.driver.Failure = unseen
		w.met(w.link(asked, "two"), unseen)
		time.Sleep(late)

		for _, arn := range []lockstep.ARN{plain, asked} {
			if reason := w.is(arn, lockstep.ConnectionError); reason != "The credential was not shown to the host, and may work: host key not accepted" {
				t.Errorf("reason %q", reason)
			}
		}
	})
}

func TestALostWakeUpCostsAMinute(t *testing.T) {
	inBubble(t, func(w *world) {
		w.git.Tokens["canary-good"] = true
		arn := w.connection("acme", "GitLabSelfManaged")
		w.given(arn, token("canary-good"), lockstep.ConnectionAvailable)
		w.update(func(tx *db.Tx) error { // what a crash could leave, and no job
			if err := store.SetConnectionStatus(tx, arn, lockstep.ConnectionPending); err != nil {
				return err
			}
			return store.SaveConnectionCheck(tx, arn, store.ConnectionCheck{NextCheckAt: tx.Now})
		})

		time.Sleep(5 * time.Minute)
		w.is(arn, lockstep.ConnectionPending)
		w.sweep()
		time.Sleep(time.Minute + late)
		w.is(arn, lockstep.ConnectionAvailable)
	})
}
