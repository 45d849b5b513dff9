package identity_test

import (
	"context"
	"errors"
	"testing"
	"time"

	jose "github.com/go-jose/go-jose/v4"

	"github.com/lockstephq/lockstep"
	"github.com/lockstephq/lockstep/internal/db/dbtest"
	"github.com/lockstephq/lockstep/internal/identity"
	"github.com/lockstephq/lockstep/internal/identity/identitytest"
	"github.com/lockstephq/lockstep/internal/seal"
)

// Any token is refused with a known error unless the issuer has signed it.
func FuzzWebIdentityToken(f *testing.F) {
	w := newFederation(f, dbtest.Open(f), identitytest.NewInProcessIssuer(f))
	good := w.issuer.Token(audience, subject, map[string]any{"exp": time.Now().Add(24 * time.Hour).Unix()})
	f.Add(good)
	f.Add(w.issuer.Token(audience, "", nil))
	f.Add("")
	f.Add("..")
	f.Add(encoded(`{"alg":"none"}`) + "." + encoded(`{"sub":"x"}`) + ".")
	f.Add(encoded(`{"alg":"ES256","crit":["b64"],"b64":false}`) + ".x." + encoded("signature"))
	f.Add(identitytest.NewKey(f, "first", jose.EdDSA).SignText(f, `{"iss":1,"sub":{},"aud":[null],"exp":1e400}`))
	f.Fuzz(func(t *testing.T, token string) {
		output, err := w.assume(token)
		switch lockstep.KindOf(err) {
		case lockstep.Invalid, lockstep.Stale, lockstep.Denied:
			if message := lockstep.Shown(err); len(message) > 1000 {
				t.Errorf("an answer of %d characters", len(message))
			}
		default:
			if err != nil || token != good {
				t.Errorf("%q: %+v, %v", token, output.Principal, err)
			}
		}
	})
}

// No claims signed by the issuer may cause a panic or an unknown error.
func FuzzSignedClaims(f *testing.F) {
	signing := identitytest.NewKey(f, "k", jose.EdDSA)
	w := newFederation(f, dbtest.Open(f), identitytest.NewInProcessIssuer(f, signing))
	for _, claims := range []string{
		`{"iss":"` + w.issuer.URL + `","sub":"repo:acme/infra:x","aud":"` + audience + `","exp":99999999999}`,
		`{"iss":"` + w.issuer.URL + `","sub":"x","aud":["",null],"exp":-1,"_claim_names":{"a":"b"}}`,
		`{}`, `[]`, `{"sub":"` + "\xff" + `"}`, `{"exp":1e999}`, `{"a":{"a":{"a":[[[[]]]]}}}`,
	} {
		f.Add(claims)
	}

	f.Fuzz(func(t *testing.T, claims string) {
		output, err := w.assume(signing.SignText(t, claims))
		if kind := lockstep.KindOf(err); err != nil && kind != lockstep.Invalid && kind != lockstep.Stale &&
			kind != lockstep.Denied {
			t.Errorf("%q: %v", claims, err)
		}

		if err != nil {
			return
		}
		if output.Subject == "" {
			t.Errorf("%q: no subject", claims)
		}
		if output.Issuer != w.issuer.URL {
			t.Errorf("%q: got issuer %q, want %q", claims, output.Issuer, w.issuer.URL)
		}
		if output.Audience != audience {
			t.Errorf("%q: got audience %q, want %q", claims, output.Audience, audience)
		}
	})
}

func FuzzSessionToken(f *testing.F) {
	w := newFederation(f, dbtest.Open(f), identitytest.NewInProcessIssuer(f))
	session := w.session()
	f.Add(session.AccessKeyID, session.Token.Reveal())
	f.Add("LSSKAAAAAAAAAAAAAAAA", "")
	f.Add("LSSK\x00", "AAAA")
	f.Add("", session.Token.Reveal())
	f.Add(session.AccessKeyID, encoded("\x01\x00\x00\x00\x00box"))
	f.Fuzz(func(t *testing.T, id, token string) {
		principal, err := w.dir.Verify(context.Background(), id, token, func(seal.Secret) error { return nil })
		if id == session.AccessKeyID && token == session.Token.Reveal() {
			if err != nil && !errors.Is(err, identity.ErrExpiredToken) {
				t.Errorf("the good one: %v", err)
			}
		} else if !errors.Is(err, identity.ErrUnknownKey) || principal != (identity.Principal{}) {
			t.Errorf("%q %q: %+v, %v", id, token, principal, err)
		}
	})
}
