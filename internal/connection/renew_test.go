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

func TestATokenIsRenewedBeforeItEnds(t *testing.T) {
	inBubble(t, func(w *world) {
		arn := w.connection("acme", "GitLabSelfManaged")
		for life, before := range map[time.Duration]time.Duration{2 * time.Hour: 5 * time.Minute, 10 * time.Minute: 2 * time.Minute} {
			w.git.Update(func() { w.git.TokenLifetime = life })
			w.oauth(arn)
			given, first, known := time.Now(), w.held(arn), len(w.git.RefreshTimes())
			time.Sleep(life - before + late)
			renewals := w.git.RefreshTimes()[known:]
			if len(renewals) != 1 {
				t.Fatalf("a token of %s was renewed %d times", life, len(renewals))
			}

			around(t, "a token of "+life.String()+" was renewed", renewals[0].Sub(given), life-before)
			second := w.held(arn)
			if second.Secret == first.Secret || second.RefreshToken == first.RefreshToken || !second.ExpiresAt.After(first.ExpiresAt) {
				t.Error("it holds the old token")
			}
		}

		w.git.Update(func() { w.git.TokenLifetime = 2 * time.Hour })
		w.oauth(arn)
		time.Sleep(5 * time.Hour)
		w.is(arn, lockstep.ConnectionAvailable)

		for refresh, n := range w.git.RefreshTokenUses() {
			if n != 1 {
				t.Errorf("%s was shown %d times", refresh, n)
			}
		}
	})
}

func TestARefreshTokenThatIsNotRotatedIsKept(t *testing.T) {
	inBubble(t, func(w *world) {
		w.git.RotatesRefreshTokens = false
		arn := w.connection("acme", "GitLabSelfManaged")
		w.oauth(arn)
		first := w.held(arn)
		time.Sleep(5 * time.Hour)
		if got := w.held(arn); got.RefreshToken != first.RefreshToken || got.Secret == first.Secret {
			t.Error("it has another refresh token, or the old access token")
		}
		w.is(arn, lockstep.ConnectionAvailable)
	})
}

func TestWhoeverIsNotLetInAnyMoreSaysHowToMendIt(t *testing.T) {
	inBubble(t, func(w *world) {
		arn := w.connection("acme", "GitLabSelfManaged")
		w.oauth(arn)
		link := w.link(arn, "infra")
		w.git.Revoke()
		time.Sleep(2 * time.Hour)

		if reason := w.is(arn, lockstep.ConnectionError); !strings.HasSuffix(reason, "Let Lockstep in again: lockstep connect acme --oauth") {
			t.Errorf("reason %q", reason)
		}

		time.Sleep(4 * time.Hour)
		if n := len(w.git.RefreshTimes()); n < 5 || n > 9 {
			t.Errorf("tried %d times in four hours, want about 7", n)
		}

		w.hinted()
		w.oauth(arn)
		if reason := w.is(arn, lockstep.ConnectionAvailable); reason != "" {
			t.Errorf("reason %q", reason)
		}

		if diff := cmp.Diff([]string{link}, w.hinted()); diff != "" {
			t.Errorf("looked at now (-want +got):\n%s", diff)
		}

		time.Sleep(3 * time.Hour)
		w.is(arn, lockstep.ConnectionAvailable)
	})
}

func TestATokenThatEndsWhileItsHostIsAwayIsRenewedBeforeItIsUsed(t *testing.T) {
	inBubble(t, func(w *world) {
		arn := w.connection("acme", "GitLabSelfManaged")
		w.oauth(arn)
		link := w.link(arn, "infra")
		time.Sleep(time.Hour)
		w.git.Update(func() { w.git.Unavailable = true })
		time.Sleep(3 * time.Hour)
		open := func() (c lockstep.Credential, err error) {
			err = w.db.View(context.Background(), func(tx *db.Tx) error {
				c, err = w.h.Credential(tx, arn)
				return err
			})
			return c, err
		}

		_, err := open()
		refused(t, err, lockstep.Unavailable, "is being renewed")
		if reason := w.is(arn, lockstep.ConnectionAvailable); !strings.Contains(reason, "has ended and is not renewed yet") {
			t.Errorf("reason %q", reason)
		}

		checks := len(w.git.CheckTimes())
		w.met(link, errRefused) // whoever asks now does not show a token that has ended
		time.Sleep(late)

		if len(w.git.CheckTimes()) != checks {
			t.Error("the host was shown a token that has ended")
		}

		w.hinted()
		w.git.Update(func() { w.git.Unavailable = false })
		time.Sleep(5*time.Minute + late)

		if c, err := open(); err != nil || !w.git.Tokens[c.Secret] {
			t.Errorf("it gives %v, %v", c, err)
		}

		if reason := w.is(arn, lockstep.ConnectionAvailable); reason != "" {
			t.Errorf("reason %q", reason)
		}

		if diff := cmp.Diff([]string{link}, w.hinted()); diff != "" {
			t.Errorf("looked at now (-want +got):\n%s", diff)
		}
	})
}

// Nothing worked for hours. The first look meets a token that has ended, and what
// it met wakes the renewal, whenever that was to come.
func TestALookThatMeetsATokenThatHasEndedHasItRenewed(t *testing.T) {
	inBubble(t, func(w *world) {
		arn := w.connection("acme", "GitLabSelfManaged")
		w.oauth(arn)
		link := w.link(arn, "infra")
		w.update(func(tx *db.Tx) error { // the job is lost
			_, err := tx.Exec(`DELETE FROM river_job`)
			return err
		})
		time.Sleep(5 * time.Hour)
		var met error
		w.update(func(tx *db.Tx) error {
			_, met = w.h.Credential(tx, arn)
			return nil
		})
		w.met(link, met)
		time.Sleep(late)
		w.update(func(tx *db.Tx) error {
			_, err := w.h.Credential(tx, arn)
			return err
		})
	})
}

// The host has answered, and the process is gone before the answer is written: the
// refresh token is spent, and a person has to come.
func TestATokenThatIsLostOnTheWayNeedsAPerson(t *testing.T) {
	inBubble(t, func(w *world) {
		arn := w.connection("acme", "GitLabSelfManaged")
		w.oauth(arn)
		w.git.InvalidateRefreshToken(w.held(arn).RefreshToken)
		time.Sleep(2 * time.Hour)
		if reason := w.is(arn, lockstep.ConnectionError); !strings.Contains(reason, "invalid_grant") {
			t.Errorf("reason %q", reason)
		}
	})
}

// A node has taken the lease and died. Nobody renews until the lease is over; then
// somebody does.
func TestALeaseOfADeadNodeEnds(t *testing.T) {
	inBubble(t, func(w *world) {
		arn := w.connection("acme", "GitLabSelfManaged")
		w.oauth(arn)
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
		if n := len(w.git.RefreshTimes()); n != 0 {
			t.Errorf("renewed %d times under another's lease", n)
		}

		time.Sleep(2 * late)
		if n := len(w.git.RefreshTimes()); n != 1 {
			t.Errorf("renewed %d times after the lease", n)
		}

		w.is(arn, lockstep.ConnectionAvailable)
	})
}

// A credential that is given while the old one is being renewed wins.
func TestACredentialThatIsGivenDuringARenewalStays(t *testing.T) {
	inBubble(t, func(w *world) {
		w.git.Update(func() { w.git.Tokens["canary-new"] = true })
		arn := w.connection("acme", "GitLabSelfManaged")
		w.oauth(arn)
		w.git.Update(func() {
			w.git.OnTokenRequest = func() { w.given(arn, token("canary-new"), lockstep.ConnectionAvailable) }
		})
		time.Sleep(2 * time.Hour)

		if n := len(w.git.RefreshTimes()); n != 1 {
			t.Errorf("renewed %d times, want once", n)
		}

		if c := w.held(arn); c.Kind != lockstep.TokenCredential || c.Secret != "canary-new" {
			t.Errorf("it holds a %v", c)
		}
	})
}

// Two nodes, both told that the token is due, with jobs of their own: the queue's
// own promise of one job is taken away.
func TestTwoNodesSpendARefreshTokenOnce(t *testing.T) {
	git := connectiontest.New(t)
	url := dbtest.URL(t, db.Postgres)
	var nodes []*world
	for range 2 {
		d, err := db.Open(t.Context(), url, db.Schema())
		if err != nil {
			t.Fatal(err)
		}

		t.Cleanup(func() { d.Close() })
		if len(nodes) == 0 {
			nodes = append(nodes, newWorld(t, d, git, nil))
		} else {
			nodes = append(nodes, newNode(t, d, nodes[0].seal, git, nil))
		}
	}

	w := nodes[0]
	arn := w.connection("acme", "GitLabSelfManaged")
	w.oauth(arn)
	spent := w.held(arn).RefreshToken
	w.update(func(tx *db.Tx) error {
		row, err := store.ConnectionCheckOf(tx, arn)
		if err != nil {
			return err
		}

		row.NextRenewalAt = tx.Now
		if err := store.SaveConnectionCheck(tx, arn, row); err != nil {
			return err
		}

		// One job, made two by taking its uniqueness away.
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

	for _, n := range nodes {
		n.work()
	}

	answers.Wait()
	deadline := time.Now().Add(20 * time.Second)
	for w.held(arn).RefreshToken == spent && time.Now().Before(deadline) {
		time.Sleep(50 * time.Millisecond)
	}

	if n := git.RefreshTokenUses()[spent]; n != 1 {
		t.Errorf("the refresh token was shown %d times", n)
	}

	if got := w.held(arn).RefreshToken; got == spent || len(git.RefreshTokenUses()) != 1 {
		t.Errorf("%d refresh tokens were shown, and the new one is saved: %v", len(git.RefreshTokenUses()), got != spent)
	}

	w.is(arn, lockstep.ConnectionAvailable)
}
