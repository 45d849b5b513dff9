package identity_test

import (
	"context"
	"fmt"
	"strings"
	"testing"
	"time"

	jose "github.com/go-jose/go-jose/v4"
	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/lockstephq/lockstep"
	"github.com/lockstephq/lockstep/internal/db"
	"github.com/lockstephq/lockstep/internal/db/dbtest"
	"github.com/lockstephq/lockstep/internal/identity"
	"github.com/lockstephq/lockstep/internal/identity/identitytest"
)

func webRoles(t testing.TB, federation *federation, page db.Page) ([]identity.WebIdentityRole, db.Cursor) {
	t.Helper()
	var found []identity.WebIdentityRole
	var next db.Cursor
	err := federation.db.View(context.Background(), func(tx *db.Tx) (err error) {
		found, next, err = identity.WebIdentityRoles(tx, federation.key, account, page)
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return found, next
}

func TestWebIdentityRolesAreKeptListedAndDeleted(t *testing.T) {
	dbtest.Each(t, func(t *testing.T, database *db.DB) {
		federation := newFederation(t, database, identitytest.NewInProcessIssuer(t))
		full := federation.deploy()
		full.Name, full.Claims, full.MaxSession = "build", map[string]string{"environment": "prod"}, 20*time.Minute
		federation.put(full)
		theirs := federation.deploy()
		theirs.Name = "theirs"

		if err := federation.tryPut(otherAccount, theirs); err != nil {
			t.Fatal(err)
		}

		first, next := webRoles(t, federation, db.Page{Limit: 1})
		rest, end := webRoles(t, federation, db.Page{Limit: 1, After: next})
		deploy := federation.deploy()
		deploy.MaxSession = time.Hour // the maximum
		times := cmpopts.IgnoreFields(identity.WebIdentityRole{}, "CreatedAt", "UpdatedAt")
		diff := cmp.Diff([]identity.WebIdentityRole{full, deploy}, append(first, rest...), times)
		if diff != "" || end != (db.Cursor{}) {
			t.Errorf("then %v (-want +got):\n%s", end, diff)
		}

		if got := full.ARN(account); got != "arn:aws:iam::123456789012:role/build" {
			t.Error(got)
		}

		update(t, database, func(tx *db.Tx) error { return identity.DeleteWebIdentityRole(tx, account, "build") })
		for _, name := range []string{"build", "theirs", "", "a\x00"} {
			err := database.Update(context.Background(),
				func(tx *db.Tx) error { return identity.DeleteWebIdentityRole(tx, account, name) })
			if lockstep.KindOf(err) != lockstep.NotFound || err.Error() != "Could not find web identity role: "+name {
				t.Errorf("delete %q: %v", name, err)
			}
		}
	})
}

func TestPutWebIdentityRoleRefusesInvalidRoles(t *testing.T) {
	issuer := identitytest.NewInProcessIssuer(t)
	signing := identitytest.NewKey(t, "k", jose.ES256)
	secret, err := jose.JSONWebKey{Key: signing.Private, KeyID: "k"}.MarshalJSON()
	if err != nil {
		t.Fatal(err)
	}

	good := identity.WebIdentityRole{
		Name:       "deploy",
		Issuer:     issuer.URL,
		Audiences:  []string{audience},
		Subjects:   []string{"repo:acme/infra:*"},
		Grants:     identity.None,
		MaxSession: time.Hour,
	}
	changed := func(change func(role *identity.WebIdentityRole)) identity.WebIdentityRole {
		role := good
		change(&role)
		return role
	}
	given := func(jwks string) identity.WebIdentityRole {
		return changed(func(role *identity.WebIdentityRole) {
			role.Issuer, role.JWKS = "https://cluster.example", jwks
		})
	}
	for says, role := range map[string]identity.WebIdentityRole{
		"the name is not one of": changed(func(role *identity.WebIdentityRole) {
			role.Name = "a/b"
		}),
		"does not begin with \"lockstep.\"": changed(func(role *identity.WebIdentityRole) {
			role.Name = "lockstep.x"
		}),
		"reserved for a built-in role": changed(func(role *identity.WebIdentityRole) {
			role.Name = "Admin"
		}),
		"reserved for a built-in role.": changed(func(role *identity.WebIdentityRole) {
			role.Name = "none"
		}),
		"it grants \"root\"": changed(func(role *identity.WebIdentityRole) {
			role.Grants = "root"
		}),
		"it grants \"\"": changed(func(role *identity.WebIdentityRole) {
			role.Grants = ""
		}),
		"sessions last 1h0m1s": changed(func(role *identity.WebIdentityRole) {
			role.MaxSession = time.Hour + time.Second
		}),
		"sessions last 14m59s": changed(func(role *identity.WebIdentityRole) {
			role.MaxSession = 15*time.Minute - time.Second
		}),
		"is not a URL": changed(func(role *identity.WebIdentityRole) {
			role.Issuer = "cluster"
		}),
		"provide its key set": changed(func(role *identity.WebIdentityRole) {
			role.Issuer += "/"
		}),
		"omit the key set": changed(func(role *identity.WebIdentityRole) {
			role.JWKS = identitytest.JWKS(t, signing)
		}),
		"it is not a JSON Web Key Set": given("{"),
		"it has no public key":         given(`{"keys":[]}`),
		"it has no public key that":    given(`{"keys":[{"kty":"RSA","n":"AQAB","e":"AQAB","kid":"short"}]}`),
		"it contains a private key":    given(`{"keys":[` + string(secret) + `]}`),
		"it contains a private key:":   given(`{"keys":[{"kty":"oct","k":"c2VjcmV0"}]}`),
		"too many keys":                given(`{"keys":[` + strings.Repeat(`{},`, 60) + `{}]}`),
		"the key set has":              given(strings.Repeat(" ", 64*1024+1)),
		"it has 0 audiences": changed(func(role *identity.WebIdentityRole) {
			role.Audiences = nil
		}),
		"the audience \"\" is empty": changed(func(role *identity.WebIdentityRole) {
			role.Audiences = []string{""}
		}),
		"it has 0 subjects": changed(func(role *identity.WebIdentityRole) {
			role.Subjects = nil
		}),
		"it has 101 subjects": changed(func(role *identity.WebIdentityRole) {
			role.Subjects = make([]string, 101)
		}),
		"the subject \"\" is empty": changed(func(role *identity.WebIdentityRole) {
			role.Subjects = []string{"x", ""}
		}),
		"the subject \"*\" is too broad": changed(func(role *identity.WebIdentityRole) {
			role.Subjects = []string{"repo:acme/infra:*", "*"}
		}),
		"the claim \"environment\" or its pattern": changed(func(role *identity.WebIdentityRole) {
			role.Claims = map[string]string{"environment": ""}
		}),
		"the claim \"\" or its pattern is empty or to": changed(func(role *identity.WebIdentityRole) {
			role.Claims = map[string]string{"": "x"}
		}),
	} {
		// validation needs no transaction
		err := identity.PutWebIdentityRole(nil, nil, account, role, []string{issuer.URL})
		if lockstep.KindOf(err) != lockstep.Invalid || !strings.Contains(err.Error(), says) {
			t.Errorf("got %v, want an Invalid that says %s", err, says)
		}
	}
}

func TestWebIdentityRolesOfAnAccountAreLimited(t *testing.T) {
	if testing.Short() {
		t.Skip("it writes a hundred rows")
	}

	federation := newFederation(t, dbtest.Open(t), identitytest.NewInProcessIssuer(t))
	role := federation.deploy()
	for i := range 99 {
		role.Name = fmt.Sprint("role", i)
		federation.put(role)
	}

	role.Name = "one-more"
	if err := federation.tryPut(account, role); lockstep.KindOf(err) != lockstep.Limit {
		t.Errorf("one more: %v", err)
	}

	federation.put(federation.deploy())
}
