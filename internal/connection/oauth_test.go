package connection_test

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/lockstephq/lockstep"
	"github.com/lockstephq/lockstep/internal/connection"
	"github.com/lockstephq/lockstep/internal/connection/connectiontest"
	"github.com/lockstephq/lockstep/internal/db"
	"github.com/lockstephq/lockstep/internal/db/dbtest"
)

// Over sockets, as in production: the host verifies the code, the client and PKCE.
func TestAnApplicationIsLetInOverTheNetwork(t *testing.T) {
	dbtest.Each(t, func(t *testing.T, d *db.DB) {
		git := connectiontest.New(t)
		w := newWorld(t, d, git, nil)
		for _, public := range []bool{false, true} {
			git.Update(func() { git.PublicClient = public })
			arn := w.connection(fmt.Sprintf("public-%v", public), "GitLabSelfManaged")
			w.oauth(arn)
			c := w.held(arn)
			if c.Kind != lockstep.OAuthCredential || !git.Tokens[c.Secret] || c.RefreshToken == "" || c.ClientID != connectiontest.ClientID ||
				(c.ClientSecret == "") != public || time.Until(c.ExpiresAt) < time.Hour {
				t.Errorf("it holds %v that ends at %s", c, c.ExpiresAt)
			}
		}
	})
}

func TestATokenThatNeverEndsIsNotRenewed(t *testing.T) {
	inBubble(t, func(w *world) {
		w.git.TokenLifetime = 0
		arn := w.connection("acme", "GitLabSelfManaged")
		w.oauth(arn)

		if c := w.held(arn); c.RefreshToken != "" || !c.ExpiresAt.IsZero() {
			t.Errorf("it ends at %s", c.ExpiresAt)
		}

		time.Sleep(5 * time.Hour)
		if n := len(w.git.RefreshTimes()); n != 0 {
			t.Errorf("renewed %d times", n)
		}

		w.is(arn, lockstep.ConnectionAvailable)
	})
}

func TestAHandshakeWaitsTenMinutesForOnePerson(t *testing.T) {
	inBubble(t, func(w *world) {
		arn := w.connection("acme", "GitLabSelfManaged")
		code, state := w.letIn(arn)
		time.Sleep(10*time.Minute - time.Second)
		w.given(arn, connection.HandshakeInput{Code: code, State: state}, lockstep.ConnectionAvailable)
		code, state = w.letIn(arn)
		time.Sleep(10 * time.Minute)
		_, err := w.give(arn, connection.HandshakeInput{Code: code, State: state})
		refused(t, err, lockstep.Invalid, "waits for no handshake")
		code, state = w.letIn(arn)
		w.letIn(arn) // another begins anew
		_, err = w.give(arn, connection.HandshakeInput{Code: code, State: state})
		refused(t, err, lockstep.Invalid, "waits for no handshake")
	})
}

func TestAttack20AStateIsForOneConnectionAndOneUse(t *testing.T) {
	inBubble(t, func(w *world) {
		arn, other := w.connection("acme", "GitLabSelfManaged"), w.connection("other", "GitLabSelfManaged")
		code, state := w.letIn(arn)
		otherCode, otherState := w.letIn(other)
		for _, forged := range []string{"", "x", state + "x", state[:len(state)-1], otherState} {
			_, err := w.give(arn, connection.HandshakeInput{Code: code, State: forged})
			refused(t, err, lockstep.Invalid, "waits for no handshake")
		}

		// A code of another handshake: the verifier is not its own.
		_, err := w.give(other, connection.HandshakeInput{Code: code, State: otherState})
		refused(t, err, lockstep.Invalid, "invalid_grant")
		_, err = w.give(other, connection.HandshakeInput{Code: otherCode, State: otherState})
		refused(t, err, lockstep.Invalid, "waits for no handshake") // spent
		w.is(other, lockstep.ConnectionPending)
		code, state = w.letIn(arn)
		w.given(arn, connection.HandshakeInput{Code: code, State: state}, lockstep.ConnectionAvailable)
		_, err = w.give(arn, connection.HandshakeInput{Code: code, State: state})
		refused(t, err, lockstep.Invalid, "waits for no handshake")
	})
}

func TestAttack17ACodeGoesToNoOtherMachine(t *testing.T) {
	inBubble(t, func(w *world) {
		arn := w.connection("acme", "GitLabSelfManaged")
		for _, redirect := range []string{"http://app.example.com/callback", "http://127.0.0.1.example.com/", "http://jo@127.0.0.1/", "ftp://127.0.0.1/",
			"https://app.example.com/#fragment", "https://", "javascript:alert(1)", "http://[::1%25eth0]/", "//127.0.0.1/"} {
			_, err := w.start(arn, redirect)
			refused(t, err, lockstep.Invalid, "RedirectUri must be")
		}

		for _, redirect := range []string{callback, "http://[::1]:8000/", "http://localhost/", "https://app.example.com/callback"} {
			if _, err := w.start(arn, redirect); err != nil {
				t.Errorf("%s: %v", redirect, err)
			}
		}
	})
}

func TestAttack17TokensAreAskedForAtTheHostAlone(t *testing.T) {
	inBubble(t, func(w *world) {
		arn := w.connection("acme", "GitLabSelfManaged")
		for _, elsewhere := range []string{"https://evil.example.com/token", "http://git.example.com/token", "https://git.example.com:8443/token"} {
			w.driver.TokenURL = elsewhere
			_, err := w.start(arn, callback)
			refused(t, err, lockstep.Invalid, "elsewhere than at the host")
		}

		w.driver.TokenURL = ""
		// The host sends the request on, with all that is in it.
		code, state := w.letIn(arn)
		w.git.Update(func() { w.git.RedirectTo = "https://evil.example.com/token" })
		_, err := w.give(arn, connection.HandshakeInput{Code: code, State: state})
		refused(t, err, lockstep.Invalid, "https://git.example.com/token answers 307")
		w.git.Update(func() { w.git.RedirectTo = "" })

		// The host has moved since the person was sent there.
		code, state = w.letIn(arn)
		w.moveHost(arn, "https://evil.example.com")
		_, err = w.give(arn, connection.HandshakeInput{Code: code, State: state})
		refused(t, err, lockstep.Invalid, "waits for no handshake")
	})
}

// Nothing that a host is shown, or gives, is in a log, an error or a reason, though
// the host and its driver repeat all of it.
func TestAttack18NoSecretIsInALogAnErrorOrAReason(t *testing.T) {
	inBubble(t, func(w *world) {
		arn := w.connection("acme", "GitLabSelfManaged")
		_, state := w.letIn(arn)
		_, spent := w.give(arn, connection.HandshakeInput{Code: "canary-forged-code", State: state})
		refused(t, spent, lockstep.Invalid, "invalid_grant")
		w.oauth(arn)
		w.git.Revoke()
		w.met(w.link(arn, "infra"), errRefused)
		time.Sleep(2 * time.Hour) // a check, and a renewal that is refused
		reason := w.is(arn, lockstep.ConnectionError)
		if !strings.Contains(reason, "invalid_grant") || !strings.Contains(reason, "Let Lockstep in again: lockstep connect acme --oauth") {
			t.Errorf("reason %q", reason)
		}

		_, again := w.give(arn, token("canary-bad-token"))
		refused(t, again, lockstep.Invalid, "is not stored")
		for what, text := range map[string]string{
			"the log": w.log.String(), "a reason": reason, "an error": fmt.Sprintf("%+v %+v", spent, again),
		} {
			for _, secret := range []string{"canary", state} {
				if i := strings.Index(text, secret); i >= 0 {
					t.Errorf("%s holds a secret: …%s", what, text[max(0, i-200):min(len(text), i+100)])
				}
			}
		}

		if !strings.Contains(w.log.String(), "connection renewal") || !strings.Contains(w.log.String(), "connection check") {
			t.Error("the log says nothing of either")
		}
	})
}
