package api_test

import (
	"log/slog"
	"net/http"
	"testing"
	"testing/synctest"
	"time"

	jose "github.com/go-jose/go-jose/v4"
	"github.com/google/go-cmp/cmp"

	"github.com/lockstephq/lockstep/internal/api/apitest"
	"github.com/lockstephq/lockstep/internal/db"
	"github.com/lockstephq/lockstep/internal/db/dbtest"
	"github.com/lockstephq/lockstep/internal/identity"
	"github.com/lockstephq/lockstep/internal/identity/identitytest"
	"github.com/lockstephq/lockstep/internal/wire"
)

const cluster = "https://cluster.example.com"

func ciRole(jwks string) wire.WebIdentityRole {
	quarter := 900
	return wire.WebIdentityRole{
		RoleName:  "ci",
		Role:      "READER",
		Issuer:    cluster,
		Audiences: []string{"sts"},
		Subjects:  []string{"repo:acme/*"},
		Jwks:      jwks,
		Claims: []wire.ClaimPattern{
			{Name: "environment", Pattern: "prod*"},
			{Name: "ref", Pattern: "refs/heads/main"},
		},
		MaxSessionDuration: &quarter,
	}
}

func (w *world) putRole(r wire.WebIdentityRole) (arn string, err error) {
	var out wire.PutWebIdentityRoleOutput
	err = w.Call("PutWebIdentityRole", wire.PutWebIdentityRoleInput{WebIdentityRole: r}, &out)
	return out.RoleArn, err
}

// assumeRole returns a session of the role ci.
func (w *world) assumeRole(key identitytest.Key, name string) identity.Session {
	w.Helper()
	now := time.Now()
	token := key.Sign(w, map[string]any{
		"iss":         cluster,
		"aud":         "sts",
		"sub":         "repo:acme/infra",
		"environment": "production",
		"ref":         "refs/heads/main",
		"iat":         now.Unix(),
		"exp":         now.Add(time.Hour).Unix(),
	})
	sts := identity.NewTokenExchange(identity.TokenExchangeOptions{
		DB:  w.DB,
		Key: w.Seal,
		Log: slog.New(slog.DiscardHandler),
	})
	got, err := sts.AssumeRole(w.Context(), identity.AssumeRoleInput{
		Account:     account,
		Role:        "ci",
		SessionName: name,
		Token:       token,
	})
	if err != nil {
		w.Fatal(err)
	}

	return got.Session
}

// send sends a request that is signed by the session.
func (s session) send(w *world, target, body string) (int, []byte) {
	w.Helper()
	return w.Send(request{Key: identity.AccessKey{Principal: s.Principal, Secret: s.Secret}, Token: s.Token.Reveal(),
		Region: region, Service: "codeconnections", Target: newPrefix + "." + target, Body: body})
}

type session struct{ identity.Session }

func TestWebIdentityRolesAreKept(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		role := ciRole(identitytest.JWKS(t, identitytest.NewKey(t, "first", jose.ES256)))
		if arn, err := w.putRole(role); err != nil || arn != "arn:aws:iam::111122223333:role/ci" {
			t.Fatalf("%s, %v", arn, err)
		}

		plain := wire.WebIdentityRole{
			RoleName:  "plain",
			Role:      "NONE",
			Issuer:    issuer,
			Audiences: []string{"sts"},
			Subjects:  []string{"repo:acme/*"},
		}
		if _, err := w.putRole(plain); err != nil {
			t.Fatal(err)
		}

		hour := 3600
		plain.MaxSessionDuration = &hour
		var all wire.ListWebIdentityRolesOutput
		if err := w.Call("ListWebIdentityRoles", wire.ListWebIdentityRolesInput{}, &all); err != nil {
			t.Fatal(err)
		}

		if diff := cmp.Diff([]wire.WebIdentityRole{role, plain}, all.WebIdentityRoles); diff != "" {
			t.Errorf("roles (-want +got):\n%s", diff)
		}

		remove := func(who *world, name string) error {
			return who.Call("DeleteWebIdentityRole", wire.DeleteWebIdentityRoleInput{RoleName: name},
				&wire.DeleteWebIdentityRoleOutput{})
		}
		apitest.ExpectError(
			t, remove(w.as(w.CreateKey(other, identity.Admin)), "ci"), "ResourceNotFoundException", "ci",
		)
		if err := remove(w, "ci"); err != nil {
			t.Error(err)
		}

		apitest.ExpectError(t, remove(w, "ci"), "ResourceNotFoundException", "ci")
	})
}

func TestInvalidWebIdentityRolesAreRefused(t *testing.T) {
	w := newWorld(t, dbtest.Open(t))
	good := ciRole(identitytest.JWKS(t, identitytest.NewKey(t, "first", jose.ES256)))
	for says, spoil := range map[string]func(*wire.WebIdentityRole){
		"given twice":         func(r *wire.WebIdentityRole) { r.Claims = append(r.Claims, r.Claims[0]) },
		"built-in":            func(r *wire.WebIdentityRole) { r.RoleName = "admin" },
		"provide its key set": func(r *wire.WebIdentityRole) { r.Jwks = "" },
		"omit the key set":    func(r *wire.WebIdentityRole) { r.Issuer = issuer },
		"does not begin":      func(r *wire.WebIdentityRole) { r.RoleName = "lockstep.x" },
		"is not a URL":        func(r *wire.WebIdentityRole) { r.Issuer = "https:///x" },
	} {
		r := good
		spoil(&r)
		_, err := w.putRole(r)
		apitest.ExpectError(t, err, "InvalidInputException", says)
	}
}

func TestSessionHasThePermissionsOfItsRole(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		key := identitytest.NewKey(t, "first", jose.ES256)
		if _, err := w.putRole(ciRole(identitytest.JWKS(t, key))); err != nil {
			t.Fatal(err)
		}

		host := w.createHost("h")
		assumed := session{w.assumeRole(key, "build-1")}
		body := `{"HostArn":"` + host + `"}`
		if status, got := assumed.send(w, "GetHost", body); status != http.StatusOK {
			t.Errorf("reading: %s", got)
		}

		_, got := assumed.send(w, "DeleteHost", body)
		apitest.ExpectError(t, apitest.DecodeError(t, got), "AccessDeniedException",
			"User: arn:aws:sts::111122223333:assumed-role/ci/build-1 is not authorized to perform: "+
				"codeconnections:DeleteHost")
		stolen := assumed
		stolen.Token = w.assumeRole(key, "build-2").Token
		_, got = stolen.send(w, "GetHost", body)
		apitest.ExpectError(t, apitest.DecodeError(t, got), "UnrecognizedClientException", "")

		const builds = `permit (principal in Role::"ci", action == Action::"codeconnections:DeleteHost", resource)
			when { principal.name like "build-*" };`
		if err := w.putPolicy("ci", builds); err != nil {
			t.Fatal(err)
		}

		if status, got := assumed.send(w, "DeleteHost", body); status != http.StatusOK {
			t.Errorf("deleting: %s", got)
		}
	})
}

// An SDK that renews a session in the middle of a list goes on with the list.
func TestSessionsOfARoleShareTokens(t *testing.T) {
	w := newWorld(t, dbtest.Open(t))
	key := identitytest.NewKey(t, "first", jose.ES256)
	role := ciRole(identitytest.JWKS(t, key))
	if _, err := w.putRole(role); err != nil {
		t.Fatal(err)
	}

	w.createHost("a")
	w.createHost("b")
	_, got := session{w.assumeRole(key, "one")}.send(w, "ListHosts", `{"MaxResults":1}`)
	_, token := apitest.CountItems(t, got)
	if status, got := (session{w.assumeRole(key, "two")}).send(w, "ListHosts",
		`{"NextToken":"`+token+`"}`); status != http.StatusOK {
		t.Errorf("another session: %s", got)
	}

	w.Key = w.CreatePrincipal("ci", identity.Reader) // a user of the role's name
	_, got = w.Send(w.NewRequest("codeconnections", newPrefix+".ListHosts", `{"NextToken":"`+token+`"}`))
	apitest.ExpectError(t, apitest.DecodeError(t, got), "ValidationException", "NextToken")
}

func TestLongLivedKeysCanBeSwitchedOff(t *testing.T) {
	w := newWorld(t, dbtest.Open(t), func(opts *options) {
		only, err := identity.NewDirectory(identity.Options{DB: opts.DB, Key: opts.Seal, SessionsOnly: true})
		if err != nil {
			t.Fatal(err)
		}

		opts.Directory = only
	})

	key := identitytest.NewKey(t, "first", jose.ES256)
	quarter := ciRole(identitytest.JWKS(t, key))
	w.Update(func(tx *db.Tx) error {
		return identity.PutWebIdentityRole(tx, w.Seal, account, identity.WebIdentityRole{
			Name:      "ci",
			Issuer:    cluster,
			Audiences: quarter.Audiences,
			Subjects:  quarter.Subjects,
			Grants:    identity.Reader,
			JWKS:      quarter.Jwks,
		}, nil)
	})

	apitest.ExpectError(t, w.verifyKey(w.Key), "UnrecognizedClientException", "Long-lived access keys are disabled")
	if status, got := (session{w.assumeRole(key, "build-1")}).send(w, "ListHosts", `{}`); status != http.StatusOK {
		t.Errorf("a session: %s", got)
	}
}

func TestSessionExpires(t *testing.T) {
	key := identitytest.NewKey(t, "first", jose.ES256)
	synctest.Test(t, func(t *testing.T) {
		w := &world{apitest.NewInProcess(t, dbtest.Open(t))}
		if _, err := w.putRole(ciRole(identitytest.JWKS(t, key))); err != nil {
			t.Fatal(err)
		}

		assumed := session{w.assumeRole(key, "build-1")}
		time.Sleep(15*time.Minute - time.Second)
		if status, got := assumed.send(w, "ListHosts", `{}`); status != http.StatusOK {
			t.Errorf("before its end: %s", got)
		}

		time.Sleep(time.Second)
		status, got := assumed.send(w, "ListHosts", `{}`)
		apitest.ExpectError(t, apitest.DecodeError(t, got), "ExpiredTokenException",
			"The security token included in the request is expired")

		if status != http.StatusBadRequest {
			t.Errorf("status %d", status)
		}
	})
}
