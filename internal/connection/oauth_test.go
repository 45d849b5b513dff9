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

// This test uses sockets, as in production: the host verifies the code, the client
// and PKCE.
func TestOAuthWorksOverSockets(t *testing.T) {
	dbtest.Each(t, func(t *testing.T, d *db.DB) {
		git := connectiontest.New(t)
		w := newWorld(t, d, git, nil)
		for _, public := range []bool{false, true} {
			git.Update(func() { git.PublicClient = public })
			arn := w.connection(fmt.Sprintf("public-%v", public), "GitLabSelfManaged")
			w.completeByOAuth(arn)
			credential := w.storedCredential(arn)
			if credential.Kind != lockstep.OAuthCredential {
				t.Errorf("got a credential of kind %s, want %s", credential.Kind, lockstep.OAuthCredential)
			}
			if !git.Tokens[credential.Secret] {
				t.Error("the stored token is not one of the host's")
			}
			if credential.RefreshToken == "" {
				t.Error("no refresh token is stored")
			}
			if credential.ClientID != connectiontest.ClientID {
				t.Errorf("got client ID %q, want %q", credential.ClientID, connectiontest.ClientID)
			}
			if hasNone := credential.ClientSecret == ""; hasNone != public {
				t.Errorf("stored without a client secret: %t, want %t", hasNone, public)
			}
			if time.Until(credential.ExpiresAt) < time.Hour {
				t.Errorf("the token expires at %s, want in an hour or later", credential.ExpiresAt)
			}
		}
	})
}

func TestATokenWithoutExpiryIsNotRenewed(t *testing.T) {
	runInBubble(t, func(w *world) {
		w.git.TokenLifetime = 0
		arn := w.connection("acme", "GitLabSelfManaged")
		w.completeByOAuth(arn)

		if c := w.storedCredential(arn); c.RefreshToken != "" || !c.ExpiresAt.IsZero() {
			t.Errorf("it ends at %s", c.ExpiresAt)
		}

		time.Sleep(5 * time.Hour)
		if n := len(w.git.RefreshTimes()); n != 0 {
			t.Errorf("renewed %d times", n)
		}

		w.wantStatus(arn, lockstep.ConnectionAvailable)
	})
}

func TestAnAuthorizationRequestExpiresAfterTenMinutes(t *testing.T) {
	runInBubble(t, func(w *world) {
		arn := w.connection("acme", "GitLabSelfManaged")
		code, state := w.authorize(arn)
		time.Sleep(10*time.Minute - time.Second)
		w.mustComplete(arn, connection.HandshakeInput{Code: code, State: state}, lockstep.ConnectionAvailable)
		code, state = w.authorize(arn)
		time.Sleep(10 * time.Minute)
		_, err := w.complete(arn, connection.HandshakeInput{Code: code, State: state})
		wantError(t, err, lockstep.Invalid, "waits for no handshake")
		code, state = w.authorize(arn)
		w.authorize(arn) // another request replaces the first
		_, err = w.complete(arn, connection.HandshakeInput{Code: code, State: state})
		wantError(t, err, lockstep.Invalid, "waits for no handshake")
	})
}

func TestAttack20AStateIsForOneConnectionAndOneUse(t *testing.T) {
	runInBubble(t, func(w *world) {
		arn, other := w.connection("acme", "GitLabSelfManaged"), w.connection("other", "GitLabSelfManaged")
		code, state := w.authorize(arn)
		otherCode, otherState := w.authorize(other)
		for _, forged := range []string{"", "x", state + "x", state[:len(state)-1], otherState} {
			_, err := w.complete(arn, connection.HandshakeInput{Code: code, State: forged})
			wantError(t, err, lockstep.Invalid, "waits for no handshake")
		}

		// The code belongs to another request, with another verifier.
		_, err := w.complete(other, connection.HandshakeInput{Code: code, State: otherState})
		wantError(t, err, lockstep.Invalid, "invalid_grant")
		_, err = w.complete(other, connection.HandshakeInput{Code: otherCode, State: otherState})
		wantError(t, err, lockstep.Invalid, "waits for no handshake") // used already
		w.wantStatus(other, lockstep.ConnectionPending)
		code, state = w.authorize(arn)
		w.mustComplete(arn, connection.HandshakeInput{Code: code, State: state}, lockstep.ConnectionAvailable)
		_, err = w.complete(arn, connection.HandshakeInput{Code: code, State: state})
		wantError(t, err, lockstep.Invalid, "waits for no handshake")
	})
}

func TestAttack17ACodeGoesToNoOtherMachine(t *testing.T) {
	runInBubble(t, func(w *world) {
		arn := w.connection("acme", "GitLabSelfManaged")
		for _, redirect := range []string{
			"http://app.example.com/callback", "http://127.0.0.1.example.com/", "http://jo@127.0.0.1/",
			"ftp://127.0.0.1/", "https://app.example.com/#fragment", "https://", "javascript:alert(1)",
			"http://[::1%25eth0]/", "//127.0.0.1/",
		} {
			_, err := w.startAuthorization(arn, redirect)
			wantError(t, err, lockstep.Invalid, "RedirectUri must be")
		}

		for _, redirect := range []string{
			callback, "http://[::1]:8000/", "http://localhost/", "https://app.example.com/callback",
		} {
			if _, err := w.startAuthorization(arn, redirect); err != nil {
				t.Errorf("%s: %v", redirect, err)
			}
		}
	})
}

func TestAttack17TokensAreRequestedFromTheHostOnly(t *testing.T) {
	runInBubble(t, func(w *world) {
		arn := w.connection("acme", "GitLabSelfManaged")
		for _, elsewhere := range []string{
			"https://evil.example.com/token", "http://git.example.com/token",
			"https://git.example.com:8443/token",
		} {
			w.driver.TokenURL = elsewhere
			_, err := w.startAuthorization(arn, callback)
			wantError(t, err, lockstep.Invalid, "is not at the host's own address")
		}

		w.driver.TokenURL = ""
		// The host redirects the request, with everything in it.
		code, state := w.authorize(arn)
		w.git.Update(func() { w.git.RedirectTo = "https://evil.example.com/token" })
		_, err := w.complete(arn, connection.HandshakeInput{Code: code, State: state})
		wantError(t, err, lockstep.Invalid, "https://git.example.com/token returned 307")
		w.git.Update(func() { w.git.RedirectTo = "" })

		// The host's endpoint has changed since the person was sent there.
		code, state = w.authorize(arn)
		w.moveHost(arn, "https://evil.example.com")
		_, err = w.complete(arn, connection.HandshakeInput{Code: code, State: state})
		wantError(t, err, lockstep.Invalid, "waits for no handshake")
	})
}

// The host and its driver repeat every secret in their messages.
func TestAttack18NoSecretIsInALogAnErrorOrAReason(t *testing.T) {
	runInBubble(t, func(w *world) {
		arn := w.connection("acme", "GitLabSelfManaged")
		_, state := w.authorize(arn)
		_, spent := w.complete(arn, connection.HandshakeInput{Code: "canary-forged-code", State: state})
		wantError(t, spent, lockstep.Invalid, "invalid_grant")
		w.completeByOAuth(arn)
		w.git.Revoke()
		w.recordProbe(w.link(arn, "infra"), errRefused)
		time.Sleep(2 * time.Hour) // a check, and a refused renewal
		reason := w.wantStatus(arn, lockstep.ConnectionError)
		if !strings.Contains(reason, "invalid_grant") || !strings.Contains(reason,
			"Authorize Lockstep again: lockstep connect acme --oauth") {
			t.Errorf("reason %q", reason)
		}

		_, again := w.complete(arn, tokenInput("canary-bad-token"))
		wantError(t, again, lockstep.Invalid, "was not stored")
		for what, text := range map[string]string{
			"the log": w.log.String(), "a reason": reason, "an error": fmt.Sprintf("%+v %+v", spent, again),
		} {
			for _, secret := range []string{"canary", state} {
				if i := strings.Index(text, secret); i >= 0 {
					t.Errorf("%s holds a secret: …%s", what, text[max(0, i-200):min(len(text), i+100)])
				}
			}
		}

		if !strings.Contains(w.log.String(), "connection renewal") || !strings.Contains(w.log.String(),
			"connection check") {
			t.Error("the log says nothing of either")
		}
	})
}
