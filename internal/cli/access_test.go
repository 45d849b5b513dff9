package cli_test

import (
	"encoding/json"
	"path/filepath"
	"strings"
	"testing"

	"github.com/lockstephq/lockstep/internal/wire"
)

// made takes a key out of the document that holds its secret.
func made(t testing.TB, r result) (key struct{ AccessKeyId, SecretAccessKey string }) {
	t.Helper()
	if err := json.Unmarshal([]byte(r.ok(t).stdout), &key); err != nil || key.SecretAccessKey == "" {
		t.Fatalf("%v in %s", err, r.stdout)
	}
	return key
}

// as runs the program with another key.
func (i installation) as(t testing.TB, key struct{ AccessKeyId, SecretAccessKey string }, args ...string) result {
	t.Helper()
	return run(t, map[string]string{"LOCKSTEP_ENDPOINT_URL": i.env["LOCKSTEP_ENDPOINT_URL"],
		"LOCKSTEP_ACCESS_KEY_ID": key.AccessKeyId, "LOCKSTEP_SECRET_ACCESS_KEY": key.SecretAccessKey}, args...)
}

func TestKeysAreMadeAtTheServer(t *testing.T) {
	i := newInstallation(t)
	out := i.run(t, "key", "create", "jo", "--role", "operator").ok(t).stdout
	for _, want := range []string{"Made a key for jo (operator).", "aws_access_key_id = LSAK", "endpoint_url = " + i.env["LOCKSTEP_ENDPOINT_URL"]} {
		if !strings.Contains(out, want) {
			t.Errorf("key create does not print %q:\n%s", want, out)
		}
	}

	reader := made(t, i.run(t, "key", "create", "kim", "--reader", "-o", "json"))
	i.as(t, reader, "link", "list").ok(t)
	i.as(t, reader, "key", "list").refused(t, 1, "AccessDeniedException", "The key "+reader.AccessKeyId, "lockstep policy put")

	i.run(t, "key", "disable", reader.AccessKeyId).ok(t)
	if out := i.run(t, "key", "list").ok(t).stdout; !strings.Contains(out, reader.AccessKeyId+"  kim        reader    disabled") {
		t.Errorf("key list prints:\n%s", out)
	}

	i.run(t, "key", "enable", reader.AccessKeyId).ok(t)
	i.as(t, reader, "link", "list").ok(t)

	second := made(t, i.run(t, "key", "rotate", reader.AccessKeyId, "--keep-old-for", "1h", "-o", "json"))
	i.as(t, reader, "link", "list").ok(t)
	i.as(t, second, "link", "list").ok(t)

	if out := i.run(t, "key", "rotate", second.AccessKeyId).ok(t).stdout; !strings.Contains(out, "The old key "+second.AccessKeyId+" works no longer.") {
		t.Errorf("key rotate prints:\n%s", out)
	}

	i.run(t, "key", "delete", reader.AccessKeyId).ok(t)
	i.run(t, "key", "delete", reader.AccessKeyId).refused(t, 1, "ResourceNotFoundException")
	list := i.run(t, "key", "list", "-o", "json").ok(t).stdout
	if strings.Contains(list, reader.AccessKeyId) || strings.Contains(list, "Secret") || strings.Contains(list, second.SecretAccessKey) {
		t.Errorf("key list prints:\n%s", list)
	}
}

func TestADatabaseIsMeantOnlyWhereNoServerIsNamed(t *testing.T) {
	i := newInstallation(t)
	env := map[string]string{"LOCKSTEP_DB": i.db, "LOCKSTEP_ACCESS_KEY_ID": i.env["LOCKSTEP_ACCESS_KEY_ID"],
		"LOCKSTEP_SECRET_ACCESS_KEY": i.env["LOCKSTEP_SECRET_ACCESS_KEY"]}
	if out := run(t, env, "key", "list").ok(t).stdout; !strings.Contains(out, "111122223333") {
		t.Errorf("the database is not listed with accounts:\n%s", out)
	}

	out := run(t, env, "key", "list", "--endpoint-url", i.env["LOCKSTEP_ENDPOINT_URL"]).ok(t).stdout
	if strings.Contains(out, "ACCOUNT") || !strings.Contains(out, "admin") {
		t.Errorf("the server's list is:\n%s", out)
	}

	run(t, nil, "key", "create", "--db", i.db, "kim", "--role", "operator").ok(t)
	if out := run(t, env, "key", "list").ok(t).stdout; !strings.Contains(out, "kim        operator") {
		t.Errorf("key list prints:\n%s", out)
	}
}

const permit = `permit (principal == User::"kim", action in Action::"Read", resource);`

func TestPoliciesArePutReadAndDeleted(t *testing.T) {
	i := newInstallation(t)
	if out := i.run(t, "policy", "list").ok(t).stdout; !strings.Contains(out, "There is no policy") {
		t.Errorf("policy list prints %q", out)
	}

	kim := made(t, i.run(t, "key", "create", "kim", "--role", "none", "-o", "json"))
	i.run(t, "connect", "acme", "--provider", "Git", "--endpoint", "https://git.example.com", "--none").ok(t)
	sees := func() bool { return strings.Contains(i.as(t, kim, "connect", "list").stdout, "acme") }
	if sees() {
		t.Error("a key without a role reads")
	}

	file := filepath.Join(t.TempDir(), "kim.cedar")
	write(t, file, permit+"\n")
	i.run(t, "policy", "put", "kim", file).ok(t)

	if !sees() {
		t.Error("the policy is not in force")
	}

	if out := i.run(t, "policy", "get", "kim").ok(t).stdout; out != permit+"\n" {
		t.Errorf("policy get prints %q", out)
	}

	runWith(t, t.Context(), i.env, "forbid (principal, action, resource);", "policy", "put", "kim", "-").ok(t)
	if out := i.run(t, "policy", "get", "kim", "-o", "json"); out.code == 0 && !strings.Contains(out.stdout, "forbid") {
		t.Errorf("policy get prints:\n%s", out.stdout)
	}
}

func TestTheExampleInTheHelpIsAPolicy(t *testing.T) {
	help := run(t, nil, "policy", "--help").ok(t).stdout
	_, example, found := strings.Cut(help, "For example:\n\n")
	example, _, ends := strings.Cut(example, "\n\n")
	if !found || !ends {
		t.Fatalf("no example in:\n%s", help)
	}
	runWith(t, t.Context(), nil, example, "policy", "check", "-").ok(t)
}

func TestPolicyCheckNamesThePlace(t *testing.T) {
	dir := t.TempDir()
	good, bad := filepath.Join(dir, "good.cedar"), filepath.Join(dir, "bad\x1b.cedar")
	write(t, good, permit)
	write(t, bad, "permit (principal,\n  acton, resource);")

	if r := run(t, nil, "policy", "check", good).ok(t); r.stdout+r.stderr != "" {
		t.Errorf("it prints %s%s", r.stdout, r.stderr)
	}

	r := run(t, nil, "policy", "check", good, bad)
	r.refused(t, 1)
	if want := filepath.Join(dir, "bad.cedar") + ":2:3: "; !strings.HasPrefix(r.stderr, want) {
		t.Errorf("it says %q, want %s…", r.stderr, want)
	}

	runWith(t, t.Context(), nil, "permit", "policy", "check", "-").refused(t, 1, "-:1:")
	i := newInstallation(t)
	i.run(t, "policy", "put", "bad", bad).refused(t, 1, "InvalidInputException", "line 2, column 3")
	i.run(t, "policy", "get", "bad").refused(t, 1, "ResourceNotFoundException")
	i.run(t, "policy", "delete", "bad").refused(t, 1, "ResourceNotFoundException")
}

func TestRolesAreSentAsTheyAreAskedFor(t *testing.T) {
	f := newFake(t)
	var got wire.WebIdentityRole
	own(f, "PutWebIdentityRole", func(in *wire.PutWebIdentityRoleInput) (*wire.PutWebIdentityRoleOutput, error) {
		got = in.WebIdentityRole
		return &wire.PutWebIdentityRoleOutput{RoleArn: "arn:aws:iam::111122223333:role/ci"}, nil
	})
	own(f, "ListWebIdentityRoles", func(*wire.ListWebIdentityRolesInput) (*wire.ListWebIdentityRolesOutput, error) {
		return &wire.ListWebIdentityRolesOutput{WebIdentityRoles: []wire.WebIdentityRole{got}}, nil
	})
	own(f, "DeleteWebIdentityRole", func(*wire.DeleteWebIdentityRoleInput) (*wire.DeleteWebIdentityRoleOutput, error) {
		return nil, exception("ResourceNotFoundException", "Could not find role ci.")
	})
	jwks := filepath.Join(t.TempDir(), "jwks")
	write(t, jwks, `{"keys":[]}`)
	args := []string{"role", "put", "ci", "--issuer", "GitHub", "--audience", "lockstep", "--subject", "repo:acme/infra:*", "--subject", "repo:acme/web:*",
		"--claim", "environment=prod*", "--role", "operator", "--duration", "30m", "--jwks", jwks}
	out := run(t, f.env(), args...).ok(t).stdout
	for _, line := range []string{"LOCKSTEP_ENDPOINT_URL=" + f.url, "LOCKSTEP_ROLE_ARN=arn:aws:iam::111122223333:role/ci", "LOCKSTEP_WEB_IDENTITY_TOKEN_FILE="} {
		if !strings.Contains(out, "\n"+line) {
			t.Errorf("role put does not print %q:\n%s", line, out)
		}
	}

	golden(t, "role.put.json", run(t, f.env(), append(args, "-o", "json")...).ok(t).stdout)
	golden(t, "role.list.table", run(t, f.env(), "role", "list").ok(t).stdout)
	run(t, f.env(), "role", "delete", "ci").refused(t, 1, "ResourceNotFoundException: Could not find role ci.")
}

func TestAJobNeedsNoStoredKey(t *testing.T) {
	i := newInstallation(t)
	out := i.run(t, "role", "put", "ci", "--issuer", i.issuer.URL, "--audience", "lockstep", "--subject", "job:main").ok(t).stdout
	file := filepath.Join(t.TempDir(), "token")
	env := map[string]string{}
	for line := range strings.Lines(out) {
		if name, value, ok := strings.Cut(strings.TrimSpace(line), "="); ok && strings.HasPrefix(name, "LOCKSTEP_") {
			env[name] = strings.ReplaceAll(value, "/path/to/token", file)
		}
	}

	run(t, env, "link", "list").refused(t, 1, "There is no token in "+file)
	token := i.issuer.Token("lockstep", "job:main", nil)
	write(t, file, token)
	run(t, env, "link", "list").ok(t)
	run(t, env, "status").ok(t)
	run(t, env, "key", "list").refused(t, 1, "AccessDeniedException", "The role arn:aws:iam::111122223333:role/ci (from LOCKSTEP_ROLE_ARN)")

	write(t, file, i.issuer.Token("lockstep", "job:other", nil))
	r := run(t, env, "link", "list")
	r.refused(t, 1, "AccessDenied: ", "The token in "+file, "lockstep role list")

	if strings.Contains(r.stderr, token) {
		t.Errorf("a token is shown: %s", r.stderr)
	}
}
