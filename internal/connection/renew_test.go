package connection_test

import (
	"context"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/lockstephq/lockstep"
	"github.com/lockstephq/lockstep/internal/connection/connectiontest"
	"github.com/lockstephq/lockstep/internal/db"
	"github.com/lockstephq/lockstep/internal/db/dbtest"
	"github.com/lockstephq/lockstep/internal/store"
)

func TestATokenIsRenewedBeforeItExpires(t *testing.T) {
	runInBubble(t, func(w *world) {
		arn := w.connection("acme", "GitLabSelfManaged")
		for life, before := range map[time.Duration]time.Duration{
			2 * time.Hour:    5 * time.Minute,
			10 * time.Minute: 2 * time.Minute,
		} {
			w.git.Update(func() { w.git.TokenLifetime = life })
			w.completeByOAuth(arn)
			given, first, known := time.Now(), w.storedCredential(arn), len(w.git.RefreshTimes())
			time.Sleep(life - before + maxDelay)
			renewals := w.git.RefreshTimes()[known:]
			if len(renewals) != 1 {
				t.Fatalf("a token of %s was renewed %d times", life, len(renewals))
			}

			wantDelay(t, "a token of "+life.String()+" was renewed", renewals[0].Sub(given), life-before)
			second := w.storedCredential(arn)
			if second.Secret == first.Secret {
				t.Error("the old token is stored")
			}
			if second.RefreshToken == first.RefreshToken {
				t.Error("the old refresh token is stored")
			}
			if !second.ExpiresAt.After(first.ExpiresAt) {
				t.Errorf("the token expires at %s, want after %s", second.ExpiresAt, first.ExpiresAt)
			}
		}

		w.git.Update(func() { w.git.TokenLifetime = 2 * time.Hour })
		w.completeByOAuth(arn)
		time.Sleep(5 * time.Hour)
		w.wantStatus(arn, lockstep.ConnectionAvailable)

		for refresh, n := range w.git.RefreshTokenUses() {
			if n != 1 {
				t.Errorf("%s was shown %d times", refresh, n)
			}
		}
	})
}

func TestAnUnrotatedRefreshTokenIsKept(t *testing.T) {
	runInBubble(t, func(w *world) {
		w.git.RotatesRefreshTokens = false
		arn := w.connection("acme", "GitLabSelfManaged")
		w.completeByOAuth(arn)
		first := w.storedCredential(arn)
		time.Sleep(5 * time.Hour)
		if got := w.storedCredential(arn); got.RefreshToken != first.RefreshToken || got.Secret == first.Secret {
			t.Error("it has another refresh token, or the old access token")
		}
		w.wantStatus(arn, lockstep.ConnectionAvailable)
	})
}

func TestARefusedRenewalNamesTheCommandThatHelps(t *testing.T) {
	runInBubble(t, func(w *world) {
		arn := w.connection("acme", "GitLabSelfManaged")
		w.completeByOAuth(arn)
		link := w.link(arn, "infra")
		w.git.Revoke()
		time.Sleep(2 * time.Hour)

		if reason := w.wantStatus(arn, lockstep.ConnectionError); !strings.HasSuffix(reason,
			"Authorize Lockstep again: lockstep connect acme --oauth") {
			t.Errorf("reason %q", reason)
		}

		time.Sleep(4 * time.Hour)
		if n := len(w.git.RefreshTimes()); n < 5 || n > 9 {
			t.Errorf("tried %d times in four hours, want about 7", n)
		}

		w.takeRequestedProbes()
		w.completeByOAuth(arn)
		if reason := w.wantStatus(arn, lockstep.ConnectionAvailable); reason != "" {
			t.Errorf("reason %q", reason)
		}

		if diff := cmp.Diff([]string{link}, w.takeRequestedProbes()); diff != "" {
			t.Errorf("requested polls (-want +got):\n%s", diff)
		}

		time.Sleep(3 * time.Hour)
		w.wantStatus(arn, lockstep.ConnectionAvailable)
	})
}

func TestATokenThatExpiredDuringAnOutageIsRenewedBeforeUse(t *testing.T) {
	runInBubble(t, func(w *world) {
		arn := w.connection("acme", "GitLabSelfManaged")
		w.completeByOAuth(arn)
		link := w.link(arn, "infra")
		time.Sleep(time.Hour)
		w.git.Update(func() { w.git.Unavailable = true })
		time.Sleep(3 * time.Hour)
		open := func() (credential lockstep.Credential, err error) {
			err = w.db.View(context.Background(), func(tx *db.Tx) error {
				credential, err = w.controller.Credential(tx, arn)
				return err
			})
			return credential, err
		}

		_, err := open()
		wantError(t, err, lockstep.Unavailable, "is being renewed")
		if reason := w.wantStatus(arn, lockstep.ConnectionAvailable); !strings.Contains(reason,
			"has expired and could not be renewed yet") {
			t.Errorf("reason %q", reason)
		}

		checks := len(w.git.CheckTimes())
		w.recordProbe(link, errRefused) // an expired token is not sent
		time.Sleep(maxDelay)

		if len(w.git.CheckTimes()) != checks {
			t.Error("the host was shown a token that has ended")
		}

		w.takeRequestedProbes()
		w.git.Update(func() { w.git.Unavailable = false })
		time.Sleep(5*time.Minute + maxDelay)

		if credential, err := open(); err != nil || !w.git.Tokens[credential.Secret] {
			t.Errorf("the credential is %v, %v", credential, err)
		}

		if reason := w.wantStatus(arn, lockstep.ConnectionAvailable); reason != "" {
			t.Errorf("reason %q", reason)
		}

		if diff := cmp.Diff([]string{link}, w.takeRequestedProbes()); diff != "" {
			t.Errorf("requested polls (-want +got):\n%s", diff)
		}
	})
}

// No worker has run for hours. The first probe finds an expired token and wakes the
// renewal, whenever that was due.
func TestAProbeThatFindsAnExpiredTokenWakesTheRenewal(t *testing.T) {
	runInBubble(t, func(w *world) {
		arn := w.connection("acme", "GitLabSelfManaged")
		w.completeByOAuth(arn)
		link := w.link(arn, "infra")
		w.update(func(tx *db.Tx) error { // the job is lost
			_, err := tx.Exec(`DELETE FROM river_job`)
			return err
		})
		time.Sleep(5 * time.Hour)
		var met error
		w.update(func(tx *db.Tx) error {
			_, met = w.controller.Credential(tx, arn)
			return nil
		})
		w.recordProbe(link, met)
		time.Sleep(maxDelay)
		w.update(func(tx *db.Tx) error {
			_, err := w.controller.Credential(tx, arn)
			return err
		})
	})
}

// The host has responded and the process ends before the response is stored: the
// refresh token is spent.
func TestALostTokenResponseNeedsAPerson(t *testing.T) {
	runInBubble(t, func(w *world) {
		arn := w.connection("acme", "GitLabSelfManaged")
		w.completeByOAuth(arn)
		w.git.InvalidateRefreshToken(w.storedCredential(arn).RefreshToken)
		time.Sleep(2 * time.Hour)
		if reason := w.wantStatus(arn, lockstep.ConnectionError); !strings.Contains(reason, "invalid_grant") {
			t.Errorf("reason %q", reason)
		}
	})
}

// A node died while it held the lease.
func TestTheLeaseOfADeadNodeExpires(t *testing.T) {
	runInBubble(t, func(w *world) {
		arn := w.connection("acme", "GitLabSelfManaged")
		w.completeByOAuth(arn)
		due := time.Now().Add(115 * time.Minute)
		w.update(func(tx *db.Tx) error {
			row, err := store.ConnectionCheckOf(tx, arn)
			if err != nil {
				return err
			}

			row.RenewalLeaseUntil = due.Add(2 * time.Minute)
			return store.SaveConnectionCheck(tx, arn, row)
		})

		time.Sleep(time.Until(due) + 2*time.Minute - time.Second)
		if renewals := len(w.git.RefreshTimes()); renewals != 0 {
			t.Errorf("renewed %d times under another's lease", renewals)
		}

		time.Sleep(2 * maxDelay)
		if renewals := len(w.git.RefreshTimes()); renewals != 1 {
			t.Errorf("renewed %d times after the lease", renewals)
		}

		w.wantStatus(arn, lockstep.ConnectionAvailable)
	})
}

func TestACredentialReceivedDuringARenewalWins(t *testing.T) {
	runInBubble(t, func(w *world) {
		w.git.Update(func() { w.git.Tokens["canary-new"] = true })
		arn := w.connection("acme", "GitLabSelfManaged")
		w.completeByOAuth(arn)
		w.git.Update(func() {
			w.git.OnTokenRequest = func() {
				w.mustComplete(arn, tokenInput("canary-new"),
					lockstep.ConnectionAvailable)
			}
		})
		time.Sleep(2 * time.Hour)

		if n := len(w.git.RefreshTimes()); n != 1 {
			t.Errorf("renewed %d times, want once", n)
		}

		if c := w.storedCredential(arn); c.Kind != lockstep.TokenCredential || c.Secret != "canary-new" {
			t.Errorf("it holds a %v", c)
		}
	})
}

// Both nodes have a job of their own: the uniqueness of the queue's jobs is
// disabled.
func TestTwoNodesSpendARefreshTokenOnce(t *testing.T) {
	git := connectiontest.New(t)
	url := dbtest.URL(t, db.Postgres)
	var nodes []*world
	for range 2 {
		database, err := db.Open(t.Context(), url, db.Schema())
		if err != nil {
			t.Fatal(err)
		}

		t.Cleanup(func() { database.Close() })
		if len(nodes) == 0 {
			nodes = append(nodes, newWorld(t, database, git, nil))
		} else {
			nodes = append(nodes, newNode(t, database, nodes[0].seal, git, nil))
		}
	}

	w := nodes[0]
	arn := w.connection("acme", "GitLabSelfManaged")
	w.completeByOAuth(arn)
	spent := w.storedCredential(arn).RefreshToken
	w.update(func(tx *db.Tx) error {
		row, err := store.ConnectionCheckOf(tx, arn)
		if err != nil {
			return err
		}

		row.NextRenewalAt = tx.Now
		if err := store.SaveConnectionCheck(tx, arn, row); err != nil {
			return err
		}

		// The unique index is dropped and the job duplicated.
		for _, statement := range []string{
			`UPDATE river_job SET unique_key = NULL, scheduled_at = now() - interval '1 second', state = 'available'`,
			`INSERT INTO river_job (args, kind, max_attempts, metadata, priority, queue, state, scheduled_at, tags)
				SELECT args, kind, max_attempts, metadata, priority, queue, state, scheduled_at, tags FROM river_job, generate_series(1, 5)`,
		} {
			if _, err := tx.Exec(statement); err != nil {
				return err
			}
		}

		return nil
	})

	var answers sync.WaitGroup
	answers.Add(1)
	var once sync.Once
	git.Update(func() {
		git.OnTokenRequest = func() { // the others come meanwhile
			time.Sleep(time.Second)
			once.Do(answers.Done)
		}
	})

	for _, node := range nodes {
		node.startWorkers()
	}

	answers.Wait()
	deadline := time.Now().Add(20 * time.Second)
	for w.storedCredential(arn).RefreshToken == spent && time.Now().Before(deadline) {
		time.Sleep(50 * time.Millisecond)
	}

	if node := git.RefreshTokenUses()[spent]; node != 1 {
		t.Errorf("the refresh token was shown %d times", node)
	}

	if got := w.storedCredential(arn).RefreshToken; got == spent || len(git.RefreshTokenUses()) != 1 {
		t.Errorf("%d refresh tokens were shown, and the new one is saved: %v", len(git.RefreshTokenUses()),
			got != spent)
	}

	w.wantStatus(arn, lockstep.ConnectionAvailable)
}
