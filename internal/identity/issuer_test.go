package identity_test

import (
	"context"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	jose "github.com/go-jose/go-jose/v4"

	"github.com/lockstephq/lockstep"
	"github.com/lockstephq/lockstep/internal/db/dbtest"
	"github.com/lockstephq/lockstep/internal/identity"
	"github.com/lockstephq/lockstep/internal/identity/identitytest"
)

func TestKeysAreFetchedOnceForManyTokens(t *testing.T) {
	federation := newFederation(t, dbtest.Open(t), identitytest.NewIssuer(t))
	var group sync.WaitGroup
	for range 8 {
		group.Go(func() {
			if _, err := federation.assume(federation.issuer.Token(audience, subject, nil)); err != nil {
				t.Error(err)
			}
		})
	}

	group.Wait()
	if n := federation.issuer.KeyReads(); n != 1 {
		t.Errorf("its keys were read %d times", n)
	}
}

func TestKeysAreNotFetchedForInvalidTokens(t *testing.T) {
	federation := newFederation(t, dbtest.Open(t), identitytest.NewInProcessIssuer(t))
	for _, changes := range []map[string]any{
		{"sub": ""},
		{"exp": 1},
		{"iss": "https://evil.example"},
		{"nbf": 99999999999},
		{"aud": nil},
	} {
		if _, err := federation.assume(federation.issuer.Token(audience, subject, changes)); err == nil {
			t.Errorf("%v is taken", changes)
		}
	}
	if n := federation.issuer.KeyReads(); n != 0 {
		t.Errorf("its keys were read %d times", n)
	}
}

func TestUnknownKeyIsFetchedAtMostEveryHalfMinute(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		first, second := identitytest.NewKey(t, "first", jose.ES256), identitytest.NewKey(t, "second", jose.ES256)
		federation := newFederation(t, dbtest.Open(t), identitytest.NewInProcessIssuer(t, first))
		sign := func(k identitytest.Key) error {
			_, err := federation.assume(k.Sign(t, federation.issuer.Claims(audience, subject, nil)))
			return err
		}
		if err := sign(first); err != nil {
			t.Fatal(err)
		}

		for range 20 {
			if err := sign(second); lockstep.KindOf(err) != lockstep.Invalid {
				t.Fatalf("a key that is not published: %v", err)
			}
		}

		if n := federation.issuer.KeyReads(); n != 1 {
			t.Errorf("its keys were read %d times within 30 s", n)
		}

		federation.issuer.SetKeys(first, second)
		time.Sleep(30 * time.Second)
		if err := sign(second); err != nil {
			t.Errorf("a key that was published: %v", err)
		}

		federation.issuer.SetKeys(second)
		time.Sleep(10 * time.Minute)
		if err := sign(first); lockstep.KindOf(err) != lockstep.Invalid {
			t.Errorf("a key that was withdrawn 10 minutes ago: %v", err)
		}
	})
}

func TestUnavailableIssuerIsRetriedLater(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		federation := newFederation(t, dbtest.Open(t), identitytest.NewInProcessIssuer(t))
		assume := func() error {
			_, err := federation.assume(federation.issuer.Token(audience, subject, nil))
			return err
		}
		federation.issuer.SetUnavailable(true)

		if err := assume(); lockstep.KindOf(err) != lockstep.Unavailable || !strings.Contains(err.Error(), "503") {
			t.Errorf("down: %v", err)
		}

		federation.issuer.SetUnavailable(false)
		if err := assume(); lockstep.KindOf(err) != lockstep.Unavailable {
			t.Errorf("asked again at once: %v", err)
		}

		time.Sleep(5 * time.Second)
		if err := assume(); err != nil {
			t.Errorf("up again: %v", err)
		}

		federation.issuer.SetUnavailable(true)
		time.Sleep(59 * time.Minute)
		if err := assume(); err != nil {
			t.Errorf("down, and its keys known: %v", err)
		}

		time.Sleep(2 * time.Minute)
		if err := assume(); lockstep.KindOf(err) != lockstep.Unavailable {
			t.Errorf("down for more than an hour: %v", err)
		}
	})
}

// Each response is valid except for what its name says.
func TestIssuerWithOddAnswersIsUnavailable(t *testing.T) {
	signing := identitytest.NewKey(t, "first", jose.ES256)
	keys := strings.Trim(identitytest.JWKS(t, signing), "{}")
	text := func(format string) http.HandlerFunc {
		return func(w http.ResponseWriter, r *http.Request) {
			_, _ = w.Write([]byte(strings.ReplaceAll(format, "HERE", "http://"+r.Host)))
		}
	}

	elsewhere := httptest.NewServer(text(`{` + keys + `}`))
	defer elsewhere.Close()

	for name, answer := range map[string]http.HandlerFunc{
		"":               text(`{"issuer":"HERE","jwks_uri":"HERE/jwks",` + keys + `}`),
		"another's name": text(`{"issuer":"https://evil.example","jwks_uri":"HERE/jwks",` + keys + `}`),
		"keys elsewhere": text(`{"issuer":"HERE","jwks_uri":"` + elsewhere.URL + `",` + keys + `}`),
		"keys nowhere":   text(`{"issuer":"HERE",` + keys + `}`),
		"keys in a file": text(`{"issuer":"HERE","jwks_uri":"file:///etc/passwd",` + keys + `}`),
		"no keys":        text(`{"issuer":"HERE","jwks_uri":"HERE/jwks","keys":[]}`),
		"symmetric keys": text(`{"issuer":"HERE","jwks_uri":"HERE/jwks","keys":[{"kty":"oct","k":"c2VjcmV0","kid":"first"}]}`),
		"keys to encrypt": text(`{"issuer":"HERE","jwks_uri":"HERE/jwks",` + strings.ReplaceAll(keys,
			`"use":"sig"`, `"use":"enc"`) + `}`),
		"an endless answer": text(`{"issuer":"HERE","jwks_uri":"HERE/jwks",` + keys + `,"x":"` + strings.Repeat("x",
			2<<20) + `"}`),
		"no JSON": text(`<html>`),
		"somewhere else": func(w http.ResponseWriter, r *http.Request) {
			if r.URL.Path == "/jwks" {
				http.Redirect(w, r, elsewhere.URL, http.StatusFound)
				return
			}
			text(`{"issuer":"HERE","jwks_uri":"HERE/jwks"}`)(w, r)
		},
	} {
		server := httptest.NewServer(answer)
		issuer := identitytest.NewInProcessIssuer(t, signing)
		issuer.URL = server.URL
		fed := newFederation(t, dbtest.Open(t), issuer)
		fed.tokens = identity.NewTokenExchange(identity.TokenExchangeOptions{
			DB:      fed.db,
			Key:     fed.key,
			Issuers: []string{issuer.URL},
			Client:  server.Client(),
		})
		_, err := fed.assume(issuer.Token(audience, subject, nil))
		if name == "" && err != nil || name != "" && lockstep.KindOf(err) != lockstep.Unavailable {
			t.Errorf("%s: %v", name, err)
		}

		server.Close()
	}
}

// Symmetric keys are not used.
func TestSymmetricKeysAreIgnored(t *testing.T) {
	f := newFederation(t, dbtest.Open(t), identitytest.NewInProcessIssuer(t, identitytest.NewKey(t, "k", jose.ES256)))
	good := f.issuer.Token(audience, subject, nil)
	f.issuer.SetKeys(identitytest.Key{KeyID: "k", Algorithm: jose.HS256, Private: []byte(strings.Repeat("s", 32))})
	if _, err := f.assume(good); lockstep.KindOf(err) != lockstep.Unavailable {
		t.Errorf("with no usable key published: %v", err)
	}
}

// A caller that stops waiting for the issuer does not cancel the fetch for the
// others.
func TestCancelledCallerDoesNotCancelTheFetch(t *testing.T) {
	federation := newFederation(t, dbtest.Open(t), identitytest.NewInProcessIssuer(t))
	ctx, cancel := context.WithCancel(context.Background())
	request := identity.AssumeRoleInput{
		Account:     account,
		Role:        "deploy",
		SessionName: "run-1",
		Token:       federation.issuer.Token(audience, subject, nil),
	}
	federation.tokens = identity.NewTokenExchange(identity.TokenExchangeOptions{
		DB:      federation.db,
		Key:     federation.key,
		Issuers: []string{federation.issuer.URL},
		Client:  &http.Client{Transport: cancelling{federation.issuer.Client().Transport, cancel}},
	})
	if _, err := federation.tokens.AssumeRole(ctx, request); err != nil {
		t.Errorf("got %v", err)
	}
}

type cancelling struct {
	http.RoundTripper
	cancel func()
}

func (c cancelling) RoundTrip(r *http.Request) (*http.Response, error) {
	c.cancel()
	return c.RoundTripper.RoundTrip(r)
}
