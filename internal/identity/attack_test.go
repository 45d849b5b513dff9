package identity_test

import (
	"context"
	"encoding/base64"
	"errors"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	jose "github.com/go-jose/go-jose/v4"

	"github.com/lockstephq/lockstep"
	"github.com/lockstephq/lockstep/internal/db"
	"github.com/lockstephq/lockstep/internal/db/dbtest"
	"github.com/lockstephq/lockstep/internal/identity"
	"github.com/lockstephq/lockstep/internal/identity/identitytest"
	"github.com/lockstephq/lockstep/internal/seal"
)

func encoded(s string) string { return base64.RawURLEncoding.EncodeToString([]byte(s)) }

func TestAttack20InvalidTokens(t *testing.T) {
	federation := newFederation(t, dbtest.Open(t), identitytest.NewInProcessIssuer(t))
	signing := identitytest.NewKey(t, "k", jose.RS256)
	federation.issuer.SetKeys(signing)
	good := signing.Sign(t, federation.issuer.Claims(audience, subject, nil))
	header, claims, _ := strings.Cut(good, ".")
	claims, signature, _ := strings.Cut(claims, ".")
	stranger := identitytest.NewKey(t, "k", jose.RS256)
	ecKey := identitytest.NewKey(t, "k", jose.ES256)
	public := identitytest.Key{KeyID: "k", Algorithm: jose.HS256, Private: []byte(identitytest.JWKS(t, signing))}
	sign := func(k identitytest.Key, changes map[string]any) string {
		return k.Sign(t, federation.issuer.Claims(audience, subject, changes))
	}
	now := time.Now()
	for name, token := range map[string]string{
		"empty":                 "",
		"dots":                  "..",
		"alg none":              encoded(`{"alg":"none"}`) + "." + claims + ".",
		"alg None":              encoded(`{"alg":"None","kid":"k"}`) + "." + claims + "." + signature,
		"no alg":                encoded(`{"kid":"k"}`) + "." + claims + "." + signature,
		"HS256 with public key": sign(public, nil),
		"alg changed to RS512":  encoded(`{"alg":"RS512","kid":"k"}`) + "." + claims + "." + signature,
		"alg changed to HS256":  encoded(`{"alg":"HS256","kid":"k"}`) + "." + claims + "." + signature,
		"EC key for RSA":        sign(ecKey, nil),
		"signature left out":    header + "." + claims + ".",
		"signature of another": header + "." + strings.Split(sign(signing, map[string]any{"sub": "x"}),
			".")[1] + "." + signature,
		"stranger with our kid": sign(stranger, nil),
		"stranger with his kid": sign(identitytest.Key{
			KeyID:     "other",
			Algorithm: jose.RS256,
			Private:   stranger.Private,
		}, nil),
		"stranger without kid":  sign(identitytest.Key{Algorithm: jose.RS256, Private: stranger.Private}, nil),
		"JSON serialisation":    `{"protected":"` + header + `","payload":"` + claims + `","signature":"` + signature + `"}`,
		"encrypted, five parts": good + ".a.b",
		"key of its own in header": encoded(`{"alg":"RS256","jwk":`+jwk(t,
			stranger)+`}`) + "." + claims + "." + strings.Split(sign(stranger, nil), ".")[2],
		"no subject":    sign(signing, map[string]any{"sub": nil}),
		"empty subject": sign(signing, map[string]any{"sub": ""}),
		"null subject": signing.SignText(t,
			`{"iss":"`+federation.issuer.URL+`","aud":"`+audience+`","sub":null,"exp":99999999999}`),
		"subject is a list": sign(signing, map[string]any{"sub": []string{subject}}),
		"two subjects": signing.SignText(t,
			`{"iss":"`+federation.issuer.URL+`","aud":"`+audience+`","exp":99999999999,"sub":"x","sub":"`+subject+`"}`),
		"subject named Sub": signing.SignText(t,
			`{"iss":"`+federation.issuer.URL+`","aud":"`+audience+`","exp":99999999999,"Sub":"`+subject+`"}`),
		"no audience":            sign(signing, map[string]any{"aud": nil}),
		"no issuer":              sign(signing, map[string]any{"iss": nil}),
		"another issuer":         sign(signing, map[string]any{"iss": "https://evil.example"}),
		"issuer with a slash":    sign(signing, map[string]any{"iss": federation.issuer.URL + "/"}),
		"no expiry":              sign(signing, map[string]any{"exp": nil}),
		"expiry is a text":       sign(signing, map[string]any{"exp": "tomorrow"}),
		"expiry beyond time":     sign(signing, map[string]any{"exp": 1e300}),
		"not yet valid":          sign(signing, map[string]any{"nbf": now.Add(2 * time.Minute).Unix()}),
		"issued in the future":   sign(signing, map[string]any{"iat": now.Add(2 * time.Minute).Unix()}),
		"nbf is a text":          sign(signing, map[string]any{"nbf": "now"}),
		"claims are a list":      signing.SignText(t, `["iss"]`),
		"claims are no JSON":     signing.SignText(t, `{"iss":`),
		"something after claims": signing.SignText(t, `{"iss":"`+federation.issuer.URL+`"}{}`),
		"too long":               sign(signing, map[string]any{"x": strings.Repeat("x", 20_000)}),
	} {
		if _, err := federation.assume(token); lockstep.KindOf(err) != lockstep.Invalid {
			t.Errorf("%s: got %v, want an Invalid", name, err)
		}
	}

	_, err := federation.assume(sign(signing, map[string]any{"exp": now.Add(-2 * time.Minute).Unix()}))
	if lockstep.KindOf(err) != lockstep.Stale {
		t.Errorf("expired: got %v, want a Stale", err)
	}

	if _, err := federation.assume(good); err != nil {
		t.Errorf("and the good one: %v", err)
	}
}

func jwk(t *testing.T, k identitytest.Key) string {
	t.Helper()
	text, err := k.Public().MarshalJSON()
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

// A claim whose name differs only in case must not replace the subject, in either
// order.
func TestAttack20ClaimOfAnotherCaseIsNotTheSubject(t *testing.T) {
	federation := newFederation(t, dbtest.Open(t), identitytest.NewInProcessIssuer(t))
	signing := identitytest.NewKey(t, "k", jose.ES256)
	federation.issuer.SetKeys(signing)
	for _, subjects := range []string{`"sub":"evil","SUB":"` + subject + `"`, `"Sub":"` + subject + `","sub":"evil"`} {
		token := signing.SignText(t, `{"iss":"`+federation.issuer.URL+`","aud":"`+audience+`","exp":99999999999,`+subjects+`}`)
		if a, err := federation.assume(token); err == nil {
			t.Errorf("%s became %s", subjects, a.Subject)
		}
	}
}

// Every refusal has the same message, whether or not the role exists.
func TestAttack20RefusalDoesNotTellWhetherTheRoleExists(t *testing.T) {
	dbtest.Each(t, func(t *testing.T, d *db.DB) {
		federation := newFederation(t, d, identitytest.NewInProcessIssuer(t))
		good := federation.issuer.Token(audience, subject, nil)
		type attempt struct{ account, role, token string }
		attempts := map[string]attempt{
			"unknown account":   {otherAccount, "deploy", good},
			"no account":        {"", "deploy", good},
			"unknown role":      {account, "missing", good},
			"role with NUL":     {account, "dep\x00loy", good},
			"role in capitals":  {account, "Deploy", good},
			"another audience":  {account, "deploy", federation.issuer.Token("other", subject, nil)},
			"audience and more": {account, "deploy", federation.issuer.Token(audience+"x", subject, nil)},
			"empty audience":    {account, "deploy", federation.issuer.Token("", subject, nil)},
			"audience as a list": {account, "deploy", federation.issuer.Token("", subject,
				map[string]any{"aud": []string{"", "other"}})},
		}
		for _, s := range []string{
			"repo:acme/infra-evil:ref:refs/heads/main", "repo:acme/infra", "repo:acme/infra2:x", "xrepo:acme/infra:x",
			"repo:ACME/infra:x", " repo:acme/infra:x", "repo:evil/x:repo:acme/infra:x", "*", "repo:acme/infr*:x",
		} {
			attempts["subject "+s] = attempt{account, "deploy", federation.issuer.Token(audience, s, nil)}
		}

		for name, attempt := range attempts {
			_, err := federation.tokens.AssumeRole(context.Background(),
				identity.AssumeRoleInput{
					Account:     attempt.account,
					Role:        attempt.role,
					SessionName: "run-1",
					Token:       attempt.token,
					Duration:    12 * time.Hour,
				})
			if lockstep.KindOf(err) != lockstep.Denied ||
				err.Error() != "Not authorized to perform sts:AssumeRoleWithWebIdentity" {
				t.Errorf("%s: %v", name, err)
			}
		}
	})
}

func TestAttack20KeyOfAnotherIssuerSignsNothingHere(t *testing.T) {
	ours, theirs := identitytest.NewKey(t, "one", jose.ES256), identitytest.NewKey(t, "two", jose.ES256)
	good, evil := identitytest.NewIssuer(t, ours), identitytest.NewIssuer(t, theirs)
	federation := newFederation(t, dbtest.Open(t), good)
	federation.tokens = identity.NewTokenExchange(identity.TokenExchangeOptions{
		DB:      federation.db,
		Key:     federation.key,
		Issuers: []string{good.URL, evil.URL},
	})

	_, err := federation.assume(theirs.Sign(t, evil.Claims(audience, subject, nil)))
	if lockstep.KindOf(err) != lockstep.Denied {
		t.Errorf("their own token: %v", err) // their keys are cached from here on
	}

	_, err = federation.assume(theirs.Sign(t, good.Claims(audience, subject, nil)))
	if lockstep.KindOf(err) != lockstep.Invalid {
		t.Errorf("our issuer's name on it: %v", err)
	}

	if _, err := federation.assume(ours.Sign(t, good.Claims(audience, subject, nil))); err != nil {
		t.Errorf("and a good one: %v", err)
	}
}

func TestAttack20SessionTokens(t *testing.T) {
	dbtest.Each(t, func(t *testing.T, d *db.DB) {
		federation := newFederation(t, d, identitytest.NewInProcessIssuer(t))
		one, two, long := federation.session(), federation.session(), create(t, d, federation.key, "ci",
			identity.Admin)
		token := one.Token.Reveal()
		sealed := func(text, context string) string {
			box, err := federation.key.Seal([]byte(text), []byte(context))
			if err != nil {
				t.Fatal(err)
			}
			return base64.RawURLEncoding.EncodeToString(box)
		}
		for _, test := range []struct {
			name, id, token string
			secret          seal.Secret
		}{
			{name: "token of another session", id: one.AccessKeyID, token: two.Token.Reveal(), secret: one.Secret},
			{name: "token and secret of another", id: one.AccessKeyID, token: two.Token.Reveal(), secret: two.Secret},
			{name: "no token", id: one.AccessKeyID, token: "", secret: one.Secret},
			{name: "long-lived key with a token", id: long.AccessKeyID, token: token, secret: long.Secret},
			{name: "long-lived key with any token", id: long.AccessKeyID, token: "x", secret: long.Secret},
			{name: "unknown session", id: "LSSKAAAAAAAAAAAAAAAA", token: token, secret: one.Secret},
			{name: "session id with NUL", id: "LSSK\x00AAAAAAAAAAAAAAA", token: token, secret: one.Secret},
			{name: "long-lived id for a session", id: "LSAK" + one.AccessKeyID[4:], token: token, secret: one.Secret},
			{name: "first character changed", id: one.AccessKeyID, token: "B" + token[1:], secret: one.Secret},
			{
				name:   "middle changed",
				id:     one.AccessKeyID,
				token:  token[:100] + flip(token[100]) + token[101:],
				secret: one.Secret,
			},
			{name: "end changed", id: one.AccessKeyID, token: token[:len(token)-5] + "AAAAA", secret: one.Secret},
			{name: "cut off", id: one.AccessKeyID, token: token[:len(token)-4], secret: one.Secret},
			{name: "with something after it", id: one.AccessKeyID, token: token + "AAAA", secret: one.Secret},
			{name: "padded", id: one.AccessKeyID, token: token + "==", secret: one.Secret},
			{name: "very long", id: one.AccessKeyID, token: strings.Repeat("A", 100_000), secret: one.Secret},
			{name: "no base64", id: one.AccessKeyID, token: "\x00\xff!", secret: one.Secret},
			{name: "a box of another kind", id: one.AccessKeyID, token: sealed(`{"v":1}`, "page"), secret: one.Secret},
			{name: "of another version", id: one.AccessKeyID, token: sealed(`{"v":2,"i":"`+one.AccessKeyID+`"}`,
				"session"), secret: one.Secret},
			{name: "no document", id: one.AccessKeyID, token: sealed(`x`, "session"), secret: one.Secret},
		} {
			checks := 0
			principal, err := federation.dir.Verify(context.Background(), test.id, test.token,
				func(secret seal.Secret) error {
					checks++
					return signedWith(test.secret)(secret)
				})
			if !errors.Is(err, identity.ErrUnknownKey) || principal != (identity.Principal{}) || checks != 1 {
				t.Errorf("%s: got %+v, %v after %d checks", test.name, principal, err, checks)
			}
		}

		_, err := federation.dir.Verify(context.Background(), one.AccessKeyID, token, signedWith(two.Secret))
		if !errors.Is(err, errSignature) {
			t.Errorf("a wrong signature: %v", err)
		}

		for _, s := range []identity.Session{one, two} {
			if _, err := federation.verify(s); err != nil {
				t.Errorf("and the good ones: %v", err)
			}
		}
	})
}

func flip(c byte) string {
	if c == 'A' {
		return "B"
	}
	return "A"
}

func TestAttack20SessionEndsWithItsRole(t *testing.T) {
	change := map[string]func(federation *federation){
		"deleted": func(federation *federation) {
			update(federation, federation.db, func(tx *db.Tx) error {
				return identity.DeleteWebIdentityRole(tx,
					account, "deploy")
			})
		},
		"replaced": func(federation *federation) {
			update(federation, federation.db, func(tx *db.Tx) error {
				return identity.DeleteWebIdentityRole(tx,
					account, "deploy")
			})
			federation.put(federation.deploy())
		},
		"changed": func(federation *federation) {
			r := federation.deploy()
			r.Grants = identity.Reader
			federation.put(r)
		},
	}
	for name, do := range change {
		dbtest.EachEngine(t, func(t *testing.T, engine db.Dialect) {
			synctest.Test(t, func(t *testing.T) {
				federation := newFederation(t, dbtest.OpenOn(t, engine, db.Schema()),
					identitytest.NewInProcessIssuer(t))
				session := federation.session()
				if _, err := federation.verify(session); err != nil {
					t.Fatal(err)
				}

				federation.put(federation.deploy()) // putting the same rules again ends no session
				time.Sleep(identity.CacheFor)
				if _, err := federation.verify(session); err != nil {
					t.Fatalf("put again: %v", err)
				}

				do(federation)
				time.Sleep(identity.CacheFor)
				if _, err := federation.verify(session); !errors.Is(err, identity.ErrUnknownKey) {
					t.Errorf("%s: got %v, want ErrUnknownKey", name, err)
				}
			})
		})
	}
}

func TestAttack20SessionEndsInTime(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		federation := newFederation(t, dbtest.Open(t), identitytest.NewInProcessIssuer(t))
		session := federation.session()
		time.Sleep(time.Until(session.Expires) - time.Millisecond)

		if _, err := federation.verify(session); err != nil {
			t.Errorf("before its end: %v", err)
		}

		time.Sleep(time.Millisecond)
		if p, err := federation.verify(session); !errors.Is(err,
			identity.ErrExpiredToken) || p != (identity.Principal{}) {
			t.Errorf("at its end: got %+v, %v, want ErrExpiredToken", p, err)
		}

		_, err := federation.dir.Verify(context.Background(), session.AccessKeyID, session.Token.Reveal(),
			signedWith(seal.Secret{}))
		if !errors.Is(err, errSignature) {
			t.Errorf("with a wrong signature: %v", err)
		}

		_, secret, err := federation.dir.Lookup(context.Background(), session.AccessKeyID, session.Token.Reveal())
		if !errors.Is(err, identity.ErrUnknownKey) || secret.Equal(session.Secret) {
			t.Errorf("looked up: %v", err)
		}
	})
}

// A failed lookup has read the database, for a session as for a key.
func TestAttack20UnknownSessionCostsARead(t *testing.T) {
	dbtest.Each(t, func(t *testing.T, d *db.DB) {
		federation := newFederation(t, d, identitytest.NewInProcessIssuer(t))
		session := federation.session()
		if _, err := federation.verify(session); err != nil {
			t.Fatal(err)
		}

		ctx, cancel := context.WithCancel(context.Background())
		cancel()
		_, err := federation.dir.Verify(ctx, session.AccessKeyID, session.Token.Reveal(), signedWith(session.Secret))
		if err != nil {
			t.Errorf("a good request: %v", err)
		}

		for _, test := range []struct{ name, id, token string }{
			{"wrong signature", session.AccessKeyID, session.Token.Reveal()},
			{"another token", session.AccessKeyID, "x"},
			{"no token", session.AccessKeyID, ""},
			{"unknown session", "LSSKAAAAAAAAAAAAAAAA", session.Token.Reveal()},
			{"unknown session without token", "LSSKAAAAAAAAAAAAAAAA", ""},
		} {
			_, err := federation.dir.Verify(ctx, test.id, test.token, signedWith(seal.Secret{}))
			if !errors.Is(err, context.Canceled) {
				t.Errorf("%s: got %v: the database was not asked", test.name, err)
			}
		}
	})
}
