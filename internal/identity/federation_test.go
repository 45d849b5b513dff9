package identity_test

import (
	"context"
	"errors"
	"testing"
	"time"

	jose "github.com/go-jose/go-jose/v4"
	"github.com/google/go-cmp/cmp"

	"github.com/lockstephq/lockstep"
	"github.com/lockstephq/lockstep/internal/db"
	"github.com/lockstephq/lockstep/internal/db/dbtest"
	"github.com/lockstephq/lockstep/internal/identity"
	"github.com/lockstephq/lockstep/internal/identity/identitytest"
	"github.com/lockstephq/lockstep/internal/seal"
)

const (
	audience = "sts.amazonaws.com"
	subject  = "repo:acme/infra:ref:refs/heads/main"
)

// A federation is a server that trusts one issuer and has a role "deploy".
type federation struct {
	testing.TB
	db     *db.DB
	key    *seal.Key
	issuer *identitytest.Issuer
	tokens *identity.TokenExchange
	dir    *identity.Directory
}

func newFederation(t testing.TB, database *db.DB, issuer *identitytest.Issuer) *federation {
	t.Helper()
	federation := &federation{
		TB:     t,
		db:     database,
		key:    newSealKey(t),
		issuer: issuer,
	}
	federation.dir = newDirectory(t, database, federation.key)
	federation.tokens = identity.NewTokenExchange(identity.TokenExchangeOptions{
		DB:      database,
		Key:     federation.key,
		Issuers: []string{issuer.URL},
		Client:  issuer.Client(),
	})
	federation.put(federation.deploy())
	return federation
}

func (f *federation) deploy() identity.WebIdentityRole {
	return identity.WebIdentityRole{
		Name:      "deploy",
		Issuer:    f.issuer.URL,
		Audiences: []string{audience},
		Subjects:  []string{"repo:acme/infra:*"},
		Grants:    identity.Operator,
	}
}

func (f *federation) put(r identity.WebIdentityRole) {
	f.Helper()
	if err := f.tryPut(account, r); err != nil {
		f.Fatal(err)
	}
}

func (f *federation) tryPut(account string, r identity.WebIdentityRole) error {
	return f.db.Update(context.Background(), func(tx *db.Tx) error {
		return identity.PutWebIdentityRole(tx, f.key, account, r, []string{f.issuer.URL})
	})
}

// assume requests a session of the role deploy.
func (f *federation) assume(token string) (identity.AssumeRoleOutput, error) {
	return f.tokens.AssumeRole(context.Background(),
		identity.AssumeRoleInput{
			Account:     account,
			Role:        "deploy",
			SessionName: "run-1",
			Token:       token,
		})
}

func (f *federation) session() identity.Session {
	f.Helper()
	output, err := f.assume(f.issuer.Token(audience, subject, nil))
	if err != nil {
		f.Fatal(err)
	}
	return output.Session
}

func (f *federation) verify(s identity.Session) (identity.Principal, error) {
	return f.dir.Verify(context.Background(), s.AccessKeyID, s.Token.Reveal(), signedWith(s.Secret))
}

func TestAcceptedTokenReturnsASession(t *testing.T) {
	dbtest.Each(t, func(t *testing.T, d *db.DB) {
		federation := newFederation(t, d, identitytest.NewInProcessIssuer(t))
		output, err := federation.assume(federation.issuer.Token(audience, subject, nil))
		if err != nil {
			t.Fatal(err)
		}

		diff := cmp.Diff([]string{subject, audience, federation.issuer.URL}, []string{
			output.Subject, output.Audience, output.Issuer,
		})
		if diff != "" {
			t.Error(diff)
		}

		if left := time.Until(output.Expires); left > time.Hour || left < 59*time.Minute {
			t.Errorf("it lasts %v", left)
		}

		if n := len(output.Token.Reveal()); n >= 1024 {
			t.Errorf("a token of %d characters", n)
		}

		want := identity.Principal{
			AccessKeyID: output.AccessKeyID,
			Account:     account,
			Name:        "run-1",
			Role:        identity.Operator,
			AssumedRole: "deploy",
			Expires:     output.Expires,
		}
		for range 2 { // from the database, then from the cache
			got, err := federation.verify(output.Session)
			if diff := cmp.Diff(want, got); err != nil || diff != "" {
				t.Errorf("%v (-want +got):\n%s", err, diff)
			}
		}

		if got := want.ARN("aws-cn"); got != "arn:aws-cn:sts::123456789012:assumed-role/deploy/run-1" {
			t.Error(got)
		}

		p, secret, err := federation.dir.Lookup(context.Background(), output.AccessKeyID, output.Token.Reveal())
		if err != nil || p != want || !secret.Equal(output.Secret) {
			t.Errorf("looked up: %+v, %v", p, err)
		}
	})
}

func TestEveryAsymmetricAlgorithmIsAccepted(t *testing.T) {
	for _, algorithm := range []jose.SignatureAlgorithm{
		jose.RS256, jose.RS512, jose.PS384, jose.ES256, jose.ES384, jose.ES512, jose.EdDSA,
	} {
		if testing.Short() && algorithm[1] == 'S' && algorithm[0] != 'E' {
			continue // RSA keys take long to generate
		}
		f := newFederation(t, dbtest.Open(t), identitytest.NewInProcessIssuer(t,
			identitytest.NewKey(t, "k", algorithm)))
		f.session()
	}
}

func TestTokenNeedsOneMatchingAudience(t *testing.T) {
	f := newFederation(t, dbtest.Open(t), identitytest.NewInProcessIssuer(t))
	a, err := f.assume(f.issuer.Token("", subject, map[string]any{"aud": []string{"other", audience}}))
	if err != nil || a.Audience != audience {
		t.Errorf("audience %q, %v", a.Audience, err)
	}
}

func TestClocksMayDifferALittle(t *testing.T) {
	fed := newFederation(t, dbtest.Open(t), identitytest.NewInProcessIssuer(t))
	soon, just := time.Now().Add(40*time.Second).Unix(), time.Now().Add(-40*time.Second).Unix()
	for _, claims := range []map[string]any{
		{"nbf": soon, "iat": soon},
		{"exp": just},
		{"nbf": nil, "iat": nil},
		{"exp": float64(soon) + 0.5},
	} {
		if _, err := fed.assume(fed.issuer.Token(audience, subject, claims)); err != nil {
			t.Errorf("%v: %v", claims, err)
		}
	}
}

func TestFurtherClaimsMustMatch(t *testing.T) {
	federation := newFederation(t, dbtest.Open(t), identitytest.NewInProcessIssuer(t))
	r := federation.deploy()
	r.Claims = map[string]string{"environment": "prod*", "run": "7", "protected": "true"}
	federation.put(r)
	good := map[string]any{"environment": "prod-eu", "run": 7, "protected": true}
	if _, err := federation.assume(federation.issuer.Token(audience, subject, good)); err != nil {
		t.Error(err)
	}

	for name, value := range map[string]any{"environment": "dev", "run": 70, "protected": false} {
		for _, v := range []any{value, nil, "", []string{"prod"}, map[string]any{"prod": 1}} {
			bad := map[string]any{"environment": "prod", "run": 7, "protected": true, name: v}
			_, err := federation.assume(federation.issuer.Token(audience, subject, bad))
			if lockstep.KindOf(err) != lockstep.Denied {
				t.Errorf("%s is %v: %v", name, v, err)
			}
		}
	}
}

func TestRoleWithAKeySetNeedsNoReachableIssuer(t *testing.T) {
	federation := newFederation(t, dbtest.Open(t), identitytest.NewInProcessIssuer(t))
	signing := identitytest.NewKey(t, "cluster", jose.ES256)
	cluster := identitytest.NewInProcessIssuer(t, signing)
	cluster.URL = "https://kubernetes.default.svc.cluster.local"
	role := identity.WebIdentityRole{
		Name:       "cluster",
		Issuer:     cluster.URL,
		Audiences:  []string{audience},
		Subjects:   []string{"system:serviceaccount:ci:deployer"},
		Grants:     identity.None,
		MaxSession: 15 * time.Minute,
		JWKS:       identitytest.JWKS(t, signing),
	}
	federation.put(role)
	request := identity.AssumeRoleInput{
		Account:     account,
		Role:        "cluster",
		SessionName: "pod",
		Token:       cluster.Token(audience, role.Subjects[0], nil),
	}
	output, err := federation.tokens.AssumeRole(context.Background(), request)
	if err != nil {
		t.Fatal(err)
	}

	if p, err := federation.verify(output.Session); err != nil || p.Role != identity.None ||
		time.Until(p.Expires) > 15*time.Minute {
		t.Errorf("%+v, %v", p, err)
	}

	// A key of another issuer and a missing role get the same error.
	forged := cluster.Claims(audience, role.Subjects[0], nil)
	request.Token = identitytest.NewKey(t, "cluster", jose.ES256).Sign(t, forged)
	_, first := federation.tokens.AssumeRole(context.Background(), request)
	request.Role = "missing"
	_, second := federation.tokens.AssumeRole(context.Background(), request)
	if lockstep.KindOf(first) != lockstep.Invalid || lockstep.Shown(first) != lockstep.Shown(second) {
		t.Errorf("a forged token: %v; of no role: %v", first, second)
	}

	request.Role, request.Token = "cluster", cluster.Token(audience, role.Subjects[0],
		map[string]any{"iss": "https://other.example"})
	_, err = federation.tokens.AssumeRole(context.Background(), request)
	if lockstep.KindOf(err) != lockstep.Invalid {
		t.Errorf("the set's key under another issuer's name: %v", err)
	}
}

func TestSessionLastsAsLongAsAskedAndAllowed(t *testing.T) {
	federation := newFederation(t, dbtest.Open(t), identitytest.NewInProcessIssuer(t))
	r := federation.deploy()
	r.MaxSession = 30 * time.Minute
	federation.put(r)
	request := identity.AssumeRoleInput{
		Account:     account,
		Role:        "deploy",
		SessionName: "run-1",
		Token:       federation.issuer.Token(audience, subject, nil),
	}
	for asked, want := range map[time.Duration]time.Duration{
		0:                30 * time.Minute,
		15 * time.Minute: 15 * time.Minute,
		30 * time.Minute: 30 * time.Minute,
	} {
		request.Duration = asked
		a, err := federation.tokens.AssumeRole(context.Background(), request)
		if left := time.Until(a.Expires); err != nil || left > want || left < want-time.Minute {
			t.Errorf("asked for %v: %v, %v", asked, left, err)
		}
	}

	request.Duration = 31 * time.Minute
	if _, err := federation.tokens.AssumeRole(context.Background(), request); lockstep.KindOf(err) != lockstep.Limit {
		t.Errorf("too long: %v", err)
	}
}

func TestSessionWorksIfLongLivedKeysAreDisabled(t *testing.T) {
	federation := newFederation(t, dbtest.Open(t), identitytest.NewInProcessIssuer(t))
	session := federation.session()
	var err error
	federation.dir, err = identity.NewDirectory(identity.Options{
		DB:           federation.db,
		Key:          federation.key,
		SessionsOnly: true,
	})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := federation.verify(session); err != nil {
		t.Error(err)
	}
}

func TestUnreadableRoleCannotBeAssumed(t *testing.T) {
	dbtest.Each(t, func(t *testing.T, database *db.DB) {
		federation := newFederation(t, database, identitytest.NewInProcessIssuer(t))
		update(t, database, func(tx *db.Tx) error {
			_, err := tx.Exec(`UPDATE web_identity_role SET sealed = $1`, []byte("not a box"))
			return err
		})
		if _, err := federation.assume(federation.issuer.Token(audience, subject,
			nil)); lockstep.KindOf(err) != lockstep.Denied {
			t.Errorf("assume: %v", err)
		}

		var all []identity.WebIdentityRole
		err := database.View(context.Background(), func(tx *db.Tx) (err error) {
			all, _, err = identity.WebIdentityRoles(tx, federation.key, account, db.Page{Limit: 10})
			return err
		})
		if err != nil || len(all) != 1 || all[0].Name != "deploy" || all[0].Issuer != "" {
			t.Errorf("listed: %+v, %v", all, err)
		}

		federation.put(federation.deploy())
		federation.session()
	})
}

func TestSessionNameMustFitIntoAnARN(t *testing.T) {
	for name, want := range map[string]bool{
		"ci":         true,
		"a+=,.@_-Z9": true,
		"c":          false,
		"":           false,
		"a/b":        false,
		"a b":        false,
		"a:b":        false,
		"aé":         false,
	} {
		if identity.IsValidSessionName(name) != want {
			t.Errorf("%q: not %v", name, want)
		}
	}
	fed := newFederation(t, dbtest.Open(t), identitytest.NewInProcessIssuer(t))
	_, err := fed.tokens.AssumeRole(context.Background(),
		identity.AssumeRoleInput{
			Account:     account,
			Role:        "deploy",
			SessionName: "a/b",
			Token:       fed.issuer.Token(audience, subject, nil),
		})
	if err == nil || errors.Is(err, context.Canceled) {
		t.Errorf("a session named a/b: %v", err)
	}
}
