package client_test

import (
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/service/codeconnections"

	"github.com/lockstephq/lockstep/internal/client"
	"github.com/lockstephq/lockstep/internal/wire"
)

const role = "arn:aws:iam::111122223333:role/ci"

// session returns a handler with the response of STS to AssumeRoleWithWebIdentity.
func session(id string) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Type", "text/xml")
		respondWith(200, `<AssumeRoleWithWebIdentityResponse xmlns="https://sts.amazonaws.com/doc/2011-06-15/">`+
			`<AssumeRoleWithWebIdentityResult><Credentials>`+
			`<AccessKeyId>`+id+`</AccessKeyId>`+
			`<SecretAccessKey>`+secret+`</SecretAccessKey>`+
			`<SessionToken>sealed</SessionToken>`+
			`<Expiration>2099-01-01T00:00:00Z</Expiration></Credentials></AssumeRoleWithWebIdentityResult>`+
			`</AssumeRoleWithWebIdentityResponse>`)(w, r)
	}
}

// newRoleClient returns the client of a job that has a token and no key, and the
// requests that the server received.
func newRoleClient(t testing.TB, token string, answers ...http.HandlerFunc) (*client.Client, *[]*http.Request) {
	t.Helper()
	static, requests := serve(t, answers...)
	file := filepath.Join(t.TempDir(), "token")
	if err := os.WriteFile(file, []byte(token), 0o600); err != nil {
		t.Fatal(err)
	}
	return client.New(findSettings(t, map[string]string{"LOCKSTEP_ENDPOINT_URL": static.Settings().Endpoint,
		"LOCKSTEP_ROLE_ARN": role, "LOCKSTEP_WEB_IDENTITY_TOKEN_FILE": file})), requests
}

func findSettings(t testing.TB, env map[string]string) client.Settings {
	t.Helper()
	settings, err := client.Find(t.Context(), client.Options{Getenv: func(name string) string { return env[name] }})
	if err != nil {
		t.Fatal(err)
	}
	return settings
}

func TestARoleIsAssumedOnceAtTheServerItself(t *testing.T) {
	var asked string
	caller, requests := newRoleClient(t, "header.claims.signature\n", func(w http.ResponseWriter, r *http.Request) {
		_ = r.ParseForm()
		asked = r.Form.Get("Action") + " " + r.Form.Get("RoleArn") + " " + r.Form.Get("WebIdentityToken")
		session("LSSKABCDEFGHIJKLMNOP")(w, r)
	}, respondWith(200, `{}`), respondWith(200, `{"Hosts":[]}`))
	if _, err := caller.StartResourceSync(t.Context(), &wire.StartResourceSyncInput{}); err != nil {
		t.Fatal(err)
	}

	if _, err := caller.AWS.ListHosts(t.Context(), &codeconnections.ListHostsInput{}); err != nil {
		t.Fatal(err)
	}

	if want := "AssumeRoleWithWebIdentity " + role + " header.claims.signature"; asked != want {
		t.Errorf("asked STS for %q, want %q", asked, want)
	}

	if got := (*requests)[0].Header.Get("Authorization"); got != "" {
		t.Errorf("the request for a session is signed: %s", got)
	}

	for _, r := range (*requests)[1:] {
		if !strings.Contains(r.Header.Get("Authorization"), "Credential=LSSKABCDEFGHIJKLMNOP/") ||
			r.Header.Get("X-Amz-Security-Token") != "sealed" {
			t.Errorf("%s is signed as %v", r.Header.Get("X-Amz-Target"), r.Header)
		}
	}
}

func TestASessionOfAWSIsNotSignedWith(t *testing.T) {
	c, requests := newRoleClient(t, "token", session("ASIAIOSFODNN7EXAMPLE"))
	_, err := c.StartResourceSync(t.Context(), &wire.StartResourceSyncInput{})
	problem, _ := c.Settings().Explain(err)
	if !strings.Contains(problem, "never signs") {
		t.Errorf("it is explained as %q, want \"never signs\" in it", problem)
	}
	if strings.Contains(problem, "ASIAIOSFODNN7") {
		t.Errorf("the explanation shows the key: %q", problem)
	}
	if len(*requests) != 1 {
		t.Errorf("%d requests, want 1", len(*requests))
	}
}

func TestATokenThatIsRefusedIsSaidWithTheRole(t *testing.T) {
	refusal := `<ErrorResponse><Error><Type>Sender</Type><Code>AccessDenied</Code>` +
		`<Message>Not authorized.</Message></Error></ErrorResponse>`
	c, _ := newRoleClient(t, "hunter2", respondWith(403, refusal))
	_, err := c.StartResourceSync(t.Context(), &wire.StartResourceSyncInput{})
	problem, remedy := c.Settings().Explain(err)
	if want := "AccessDenied: Not authorized."; problem != want {
		t.Errorf("the problem is %q, want %q", problem, want)
	}
	if want := role + " (from LOCKSTEP_ROLE_ARN)"; !strings.Contains(remedy, want) {
		t.Errorf("the hint is %q, want %q in it", remedy, want)
	}
	if strings.Contains(err.Error(), "hunter2") {
		t.Errorf("the error shows the token: %v", err)
	}
}

func TestAMissingOrEmptyTokenIsSaid(t *testing.T) {
	for _, token := range []string{"", "\n", strings.Repeat("a", 1<<17)} {
		c, requests := newRoleClient(t, token)
		_, err := c.StartResourceSync(t.Context(), &wire.StartResourceSyncInput{})
		problem, _ := c.Settings().Explain(err)
		if !strings.HasPrefix(problem, "There is no token in /") || len(*requests) != 0 {
			t.Errorf("%d requests, %q", len(*requests), problem)
		}
	}
}

func TestASessionTokenGoesWithTheKey(t *testing.T) {
	dir := t.TempDir()
	profile := filepath.Join(dir, "aws")
	server, requests := serve(t, respondWith(200, `{}`), respondWith(200, `{}`), session("LSSKABCDEFGHIJKLMNOP"),
		respondWith(200, `{}`))
	url := server.Settings().Endpoint
	text := "[profile lockstep]\nendpoint_url = " + url + "\naws_access_key_id = " + keyID +
		"\naws_secret_access_key = " + secret +
		"\naws_session_token = sealed\n[profile ci]\nendpoint_url = " + url + "\nrole_arn = " + role +
		"\nweb_identity_token_file = " + profile + "\n"
	if err := os.WriteFile(profile, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}

	files := func(name string) string {
		return map[string]string{
			"AWS_CONFIG_FILE":             profile,
			"AWS_SHARED_CREDENTIALS_FILE": filepath.Join(dir, "none"),
		}[name]
	}
	ci, err := client.Find(t.Context(), client.Options{Profile: "ci", Getenv: files})
	if err != nil {
		t.Fatal(err)
	}

	lockstep, err := client.Find(t.Context(), client.Options{Getenv: files})
	if err != nil {
		t.Fatal(err)
	}

	environment := findSettings(t, map[string]string{"LOCKSTEP_ENDPOINT_URL": url, "LOCKSTEP_ACCESS_KEY_ID": keyID,
		"LOCKSTEP_SECRET_ACCESS_KEY": secret, "LOCKSTEP_SESSION_TOKEN": "sealed"})
	for _, settings := range []client.Settings{environment, lockstep, ci} {
		if _, err := client.New(settings).StartResourceSync(t.Context(), &wire.StartResourceSyncInput{}); err != nil {
			t.Fatal(err)
		}
		if got := (*requests)[len(*requests)-1].Header.Get("X-Amz-Security-Token"); got != "sealed" {
			t.Errorf("%s: the session token is %q", settings, got)
		}
	}
}

func TestTheTokenFileOfAWSIsNotRead(t *testing.T) {
	env := map[string]string{
		"LOCKSTEP_ENDPOINT_URL":       "http://127.0.0.1:1",
		"AWS_ROLE_ARN":                role,
		"AWS_WEB_IDENTITY_TOKEN_FILE": "/token",
	}
	options := client.Options{Getenv: func(name string) string { return env[name] }}
	if s, err := client.Find(t.Context(), options); err == nil {
		t.Errorf("found %s", s)
	}
	env["LOCKSTEP_ROLE_ARN"] = role
	_, err := client.Find(t.Context(), options)
	if err == nil || !strings.Contains(err.Error(), "LOCKSTEP_WEB_IDENTITY_TOKEN_FILE") {
		t.Errorf("half a role: %v", err)
	}
}
