package access_test

import (
	"encoding/json"
	"path/filepath"
	"strings"
	"testing"

	"github.com/lockstephq/lockstep/internal/cli/clitest"
	"github.com/lockstephq/lockstep/internal/wire"
)

func TestMain(m *testing.M) { clitest.Main(m) }

// A key is an access key as `lockstep key create -o json` prints it.
type key struct {
	ID     string `json:"AccessKeyId"`
	Secret string `json:"SecretAccessKey"`
}

func keyFrom(t testing.TB, result clitest.Result) (created key) {
	t.Helper()
	if err := json.Unmarshal([]byte(result.OK(t).Stdout), &created); err != nil || created.Secret == "" {
		t.Fatalf("%v in %s", err, result.Stdout)
	}
	return created
}

// runAs runs the program with another key.
func runAs(t testing.TB, i clitest.Installation, key key, args ...string) clitest.Result {
	t.Helper()
	return clitest.Run(t, map[string]string{
		"LOCKSTEP_ENDPOINT_URL":      i.Env["LOCKSTEP_ENDPOINT_URL"],
		"LOCKSTEP_ACCESS_KEY_ID":     key.ID,
		"LOCKSTEP_SECRET_ACCESS_KEY": key.Secret,
	}, args...)
}

func TestKeyCreatePrintsTheProfile(t *testing.T) {
	i := clitest.NewInstallation(t)

	i.Run(t, "key", "create", "jo", "--role", "operator").OK(t).Prints(t, "Created an access key for jo (operator).",
		"aws_access_key_id = LSAK", "endpoint_url = "+i.Env["LOCKSTEP_ENDPOINT_URL"])
}

func TestAKeyHasThePermissionsOfItsRole(t *testing.T) {
	i := clitest.NewInstallation(t)
	reader := keyFrom(t, i.Run(t, "key", "create", "kim", "--reader", "-o", "json"))

	runAs(t, i, reader, "link", "list").OK(t)
	runAs(t, i, reader, "key", "list").
		Fails(t, 1, "AccessDeniedException", "The key "+reader.ID, "lockstep policy put")
}

func TestAKeyIsDisabledEnabledAndDeleted(t *testing.T) {
	i := clitest.NewInstallation(t)
	reader := keyFrom(t, i.Run(t, "key", "create", "kim", "--reader", "-o", "json"))

	i.Run(t, "key", "disable", reader.ID).OK(t)
	i.Run(t, "key", "list").OK(t).Prints(t, reader.ID+"  kim        reader  disabled")

	i.Run(t, "key", "enable", reader.ID).OK(t)
	runAs(t, i, reader, "link", "list").OK(t)

	i.Run(t, "key", "delete", reader.ID).OK(t)
	i.Run(t, "key", "delete", reader.ID).Fails(t, 1, "ResourceNotFoundException")
	list := i.Run(t, "key", "list", "-o", "json").OK(t).Stdout
	if strings.Contains(list, reader.ID) || strings.Contains(list, "Secret") {
		t.Errorf("key list prints:\n%s", list)
	}
}

func TestAKeyIsRotated(t *testing.T) {
	i := clitest.NewInstallation(t)
	reader := keyFrom(t, i.Run(t, "key", "create", "kim", "--reader", "-o", "json"))

	second := keyFrom(t, i.Run(t, "key", "rotate", reader.ID, "--keep-old-for", "1h", "-o", "json"))

	runAs(t, i, reader, "link", "list").OK(t)
	runAs(t, i, second, "link", "list").OK(t)
	i.Run(t, "key", "rotate", second.ID).OK(t).
		Prints(t, "The old key "+second.ID+" no longer works.")
}

func TestTheDatabaseIsUsedUnlessAFlagNamesAServer(t *testing.T) {
	i := clitest.NewInstallation(t)
	env := map[string]string{"LOCKSTEP_DB": i.DatabaseURL, "LOCKSTEP_ACCESS_KEY_ID": i.Env["LOCKSTEP_ACCESS_KEY_ID"],
		"LOCKSTEP_SECRET_ACCESS_KEY": i.Env["LOCKSTEP_SECRET_ACCESS_KEY"]}
	if out := clitest.Run(t, env, "key", "list").OK(t).Stdout; !strings.Contains(out, "111122223333") {
		t.Errorf("the database is not listed with accounts:\n%s", out)
	}

	out := clitest.Run(t, env, "key", "list", "--endpoint-url", i.Env["LOCKSTEP_ENDPOINT_URL"]).OK(t).Stdout
	if strings.Contains(out, "ACCOUNT") || !strings.Contains(out, "admin") {
		t.Errorf("the server's list is:\n%s", out)
	}

	clitest.Run(t, nil, "key", "create", "--db", i.DatabaseURL, "kim", "--role", "operator").OK(t)
	if out := clitest.Run(t, env, "key", "list").OK(t).Stdout; !strings.Contains(out, "kim        operator") {
		t.Errorf("key list prints:\n%s", out)
	}
}

const permit = `permit (principal == User::"kim", action in Action::"Read", resource);`

func TestAPolicyGrantsPermissions(t *testing.T) {
	i := clitest.NewInstallation(t)
	i.Run(t, "policy", "list").OK(t).Prints(t, "No policies.")
	kim := keyFrom(t, i.Run(t, "key", "create", "kim", "--role", "none", "-o", "json"))
	i.Run(t, "connect", "acme", "--provider", "Git", "--endpoint", "https://git.example.com", "--none").OK(t)
	canRead := func() bool { return strings.Contains(runAs(t, i, kim, "connect", "list").Stdout, "acme") }
	if canRead() {
		t.Error("a key without a role reads")
	}

	file := filepath.Join(t.TempDir(), "kim.cedar")
	clitest.WriteFile(t, file, permit+"\n")
	i.Run(t, "policy", "put", "kim", file).OK(t)

	if !canRead() {
		t.Error("the policy is not applied")
	}
	if out := i.Run(t, "policy", "get", "kim").OK(t).Stdout; out != permit+"\n" {
		t.Errorf("policy get prints %q", out)
	}

	clitest.RunWith(t, t.Context(), i.Env, "forbid (principal, action, resource);", "policy", "put", "kim", "-").OK(t)
	if out := i.Run(t, "policy", "get", "kim", "-o", "json"); out.Code == 0 && !strings.Contains(out.Stdout, "forbid") {
		t.Errorf("policy get prints:\n%s", out.Stdout)
	}
}

func TestTheExampleInTheHelpIsAValidPolicy(t *testing.T) {
	help := clitest.Run(t, nil, "policy", "--help").OK(t).Stdout
	_, example, found := strings.Cut(help, "For example:\n\n")
	example, _, ends := strings.Cut(example, "\n\n")
	if !found || !ends {
		t.Fatalf("no example in:\n%s", help)
	}
	clitest.RunWith(t, t.Context(), nil, example, "policy", "check", "-").OK(t)
}

func TestPolicyErrorsHaveAPosition(t *testing.T) {
	dir := t.TempDir()
	good, bad := filepath.Join(dir, "good.cedar"), filepath.Join(dir, "bad\x1b.cedar")
	clitest.WriteFile(t, good, permit)
	clitest.WriteFile(t, bad, "permit (principal,\n  acton, resource);")

	if result := clitest.Run(t, nil, "policy", "check", good).OK(t); result.Stdout+result.Stderr != "" {
		t.Errorf("it prints %s%s", result.Stdout, result.Stderr)
	}

	result := clitest.Run(t, nil, "policy", "check", good, bad)
	result.Fails(t, 1)
	if want := filepath.Join(dir, "bad.cedar") + ":2:3: "; !strings.HasPrefix(result.Stderr, want) {
		t.Errorf("stderr is %q, want %s…", result.Stderr, want)
	}

	clitest.RunWith(t, t.Context(), nil, "permit", "policy", "check", "-").Fails(t, 1, "-:1:")
	i := clitest.NewInstallation(t)
	i.Run(t, "policy", "put", "bad", bad).Fails(t, 1, "InvalidInputException", "line 2, column 3")
	i.Run(t, "policy", "get", "bad").Fails(t, 1, "ResourceNotFoundException")
	i.Run(t, "policy", "delete", "bad").Fails(t, 1, "ResourceNotFoundException")
}

func TestRolePutSendsTheFlags(t *testing.T) {
	server := clitest.NewServer(t)
	var received wire.WebIdentityRole
	clitest.Handle(server, "PutWebIdentityRole",
		func(request *wire.PutWebIdentityRoleInput) (*wire.PutWebIdentityRoleOutput, error) {
			received = request.WebIdentityRole
			return &wire.PutWebIdentityRoleOutput{RoleArn: "arn:aws:iam::111122223333:role/ci"}, nil
		})
	clitest.Handle(server, "ListWebIdentityRoles",
		func(*wire.ListWebIdentityRolesInput) (*wire.ListWebIdentityRolesOutput, error) {
			return &wire.ListWebIdentityRolesOutput{WebIdentityRoles: []wire.WebIdentityRole{received}}, nil
		})
	clitest.Handle(server, "DeleteWebIdentityRole",
		func(*wire.DeleteWebIdentityRoleInput) (*wire.DeleteWebIdentityRoleOutput, error) {
			return nil, clitest.Exception("ResourceNotFoundException", "Could not find role ci.")
		})
	jwks := filepath.Join(t.TempDir(), "jwks")
	clitest.WriteFile(t, jwks, `{"keys":[]}`)
	args := []string{
		"role",
		"put",
		"ci",
		"--issuer",
		"GitHub",
		"--audience",
		"lockstep",
		"--subject",
		"repo:acme/infra:*",
		"--subject",
		"repo:acme/web:*",
		"--claim",
		"environment=prod*",
		"--role",
		"operator",
		"--duration",
		"30m",
		"--jwks",
		jwks,
	}
	out := clitest.Run(t, server.Env(), args...).OK(t).Stdout
	for _, line := range []string{
		"LOCKSTEP_ENDPOINT_URL=" + server.URL,
		"LOCKSTEP_ROLE_ARN=arn:aws:iam::111122223333:role/ci",
		"LOCKSTEP_WEB_IDENTITY_TOKEN_FILE=",
	} {
		if !strings.Contains(out, "\n"+line) {
			t.Errorf("role put does not print %q:\n%s", line, out)
		}
	}

	clitest.Golden(t, "role.put.json", clitest.Run(t, server.Env(), append(args, "-o", "json")...).OK(t).Stdout)
	clitest.Golden(t, "role.list.table", clitest.Run(t, server.Env(), "role", "list").OK(t).Stdout)
	clitest.Run(t, server.Env(), "role", "delete", "ci").
		Fails(t, 1, "ResourceNotFoundException: Could not find role ci.")
}

func TestAJobAssumesARoleWithItsToken(t *testing.T) {
	i := clitest.NewInstallation(t)
	out := i.Run(t, "role", "put", "ci", "--issuer", i.Issuer.URL, "--audience", "lockstep", "--subject", "job:main").
		OK(t).Stdout
	file := filepath.Join(t.TempDir(), "token")
	env := map[string]string{}
	for line := range strings.Lines(out) {
		if name, value, ok := strings.Cut(strings.TrimSpace(line), "="); ok && strings.HasPrefix(name, "LOCKSTEP_") {
			env[name] = strings.ReplaceAll(value, "/path/to/token", file)
		}
	}

	clitest.Run(t, env, "link", "list").Fails(t, 1, "There is no token in "+file)
	token := i.Issuer.Token("lockstep", "job:main", nil)
	clitest.WriteFile(t, file, token)
	clitest.Run(t, env, "link", "list").OK(t)
	clitest.Run(t, env, "status").OK(t)
	clitest.Run(t, env, "key", "list").
		Fails(t, 1, "AccessDeniedException", "The role arn:aws:iam::111122223333:role/ci (from LOCKSTEP_ROLE_ARN)")

	clitest.WriteFile(t, file, i.Issuer.Token("lockstep", "job:other", nil))
	result := clitest.Run(t, env, "link", "list")
	result.Fails(t, 1, "AccessDenied: ", "the token in "+file, "lockstep role list")

	if strings.Contains(result.Stderr, token) {
		t.Errorf("a token is shown: %s", result.Stderr)
	}
}

func TestUsageErrorsNameWhatIsWrong(t *testing.T) {
	for line, want := range map[string]string{
		"key create --admin":                                 "NAME is missing",
		"key create jo --role root":                          "must be admin, operator, reader or none",
		"key create jo --role admin --account 111122223333":  "--account requires --db",
		"key create jo --principal jo --db sqlite:x --admin": "either NAME or --principal",
		"key create --db sqlite:x":                           "exactly one of --role, --admin, --reader",
		"key list --db sqlite:x --endpoint-url http://x": "--db cannot be used with a flag " +
			"that names a server",
		"key rotate LSAK --keep-old-for 1.5s": "--keep-old-for 1.5s must be a whole number of seconds",
		"key list --db sqlite:/nowhere/x.db":  "no database /nowhere/x.db",
		"key disable --db sqlite:x":           "ID is missing",
		"policy put p":                        "FILE is missing",
		"policy put p /nowhere/x.cedar":       "Cannot read the policy",
		"policy check":                        "FILE is missing",
		"role put ci":                         "--issuer, --audience, --subject is missing",
		"role put ci --issuer github --audience a --subject s --claim x":        `--claim "x" must be NAME=PATTERN`,
		"role put ci --issuer github --audience a --subject s --jwks /nowhere":  "--jwks",
		"role put ci --issuer github --audience a --subject s --duration 901ms": "--duration",
		"role delete": "NAME is missing",
	} {
		t.Run(line, func(t *testing.T) { clitest.Run(t, nil, strings.Fields(line)...).Fails(t, 2, want) })
	}
}

func TestDocumentsEscapeControlCharacters(t *testing.T) {
	const bad = "a\u009b2J\x7f\u202eb\u2066\nc\x1b: d"
	server := clitest.NewServer(t)
	clitest.Handle(server, "GetPolicy", func(*wire.GetPolicyInput) (*wire.GetPolicyOutput, error) {
		return &wire.GetPolicyOutput{Policy: wire.Policy{Name: "x\u202ey", Document: bad}}, nil
	})

	for format, want := range map[string]string{
		"json": `"a\u009b2J\u007f\u202eb\u2066\nc\u001b: d"`,
		"yaml": `"a\u009b2J\u007f\u202eb\u2066\nc\e: d"`,
	} {
		stdout := clitest.Run(t, server.Env(), "policy", "get", "x", "-o", format).OK(t).Stdout
		if !strings.Contains(stdout, `"x\u202ey"`) {
			t.Errorf("%s: the name in %s", format, stdout)
		}

		// The encoders write some of them in two ways.
		got := strings.NewReplacer(`\x9B`, `\u009b`, `\x7F`, `\u007f`).Replace(stdout)
		if !strings.Contains(got, want) {
			t.Errorf("%s: the document in %s", format, stdout)
		}
	}
}
