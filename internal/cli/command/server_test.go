package command_test

import (
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/lockstephq/lockstep/internal/cli/clitest"
	"github.com/lockstephq/lockstep/internal/wire"
)

// dataDirectory returns a data directory as `lockstep up` writes it.
func dataDirectory(t testing.TB, url, accessKeyID string) string {
	dir := filepath.Join(t.TempDir(), "lockstep")
	clitest.WriteFile(t, filepath.Join(dir, "credentials"), "[default]\n"+
		"aws_access_key_id = "+accessKeyID+"\n"+
		"aws_secret_access_key = "+clitest.SecretAccessKey+"\n")
	clitest.WriteFile(t, filepath.Join(dir, "config"), "[default]\n"+
		"region = eu-central-1\n"+
		"services = lockstep\n\n"+
		"[services lockstep]\n"+
		"codeconnections =\n  endpoint_url = "+url+"\n"+
		"codestar_connections =\n  endpoint_url = "+url+"\n")
	return dir
}

// awsFiles returns the variables that make the AWS tools use a data directory.
func awsFiles(dir string) map[string]string {
	return map[string]string{
		"AWS_CONFIG_FILE":             filepath.Join(dir, "config"),
		"AWS_SHARED_CREDENTIALS_FILE": filepath.Join(dir, "credentials"),
	}
}

// newEmptyServer returns a server without resources.
func newEmptyServer(t testing.TB) *clitest.Server {
	server := clitest.NewServer(t)
	clitest.Handle(server, "ListResourceSyncs",
		func(*wire.ListResourceSyncsInput) (*wire.ListResourceSyncsOutput, error) {
			return &wire.ListResourceSyncsOutput{ResourceSyncs: []wire.ResourceSyncSummary{}}, nil
		})
	return server
}

func TestTheServerIsFound(t *testing.T) {
	server := newEmptyServer(t)
	closed := clitest.ClosedPort(t)
	dir := dataDirectory(t, server.URL, clitest.AccessKeyID)
	otherDir := dataDirectory(t, closed, clitest.AccessKeyID)
	profile := filepath.Join(t.TempDir(), "profile")
	clitest.WriteFile(t, profile, "[profile lockstep]\n"+
		"region = ap-south-1\n"+
		"endpoint_url = "+server.URL+"\n"+
		"[lockstep]\n"+
		"aws_access_key_id = "+clitest.AccessKeyID+"\n"+
		"aws_secret_access_key = "+clitest.SecretAccessKey+"\n")
	serverEnvWith := func(name, value string) map[string]string {
		env := server.Env()
		env[name] = value
		return env
	}

	for name, test := range map[string]struct {
		env    map[string]string
		args   []string
		region string
	}{
		"environment": {
			env:    server.Env(),
			region: "us-east-1",
		},
		"environment with a region": {
			env:    serverEnvWith("LOCKSTEP_REGION", "eu-west-1"),
			region: "eu-west-1",
		},
		"--region before the environment": {
			env:    serverEnvWith("LOCKSTEP_REGION", "eu-west-1"),
			args:   []string{"--region", "sa-east-1"},
			region: "sa-east-1",
		},
		"--endpoint-url before the environment": {
			env:    serverEnvWith("LOCKSTEP_ENDPOINT_URL", closed),
			args:   []string{"--endpoint-url", server.URL},
			region: "us-east-1",
		},
		"--data": {
			args:   []string{"--data", dir},
			region: "eu-central-1",
		},
		"--data before the environment": {
			env:    serverEnvWith("LOCKSTEP_ENDPOINT_URL", closed),
			args:   []string{"--data", dir},
			region: "eu-central-1",
		},
		"environment before the data directory": {
			env:    serverEnvWith("XDG_DATA_HOME", filepath.Dir(otherDir)),
			region: "us-east-1",
		},
		"default data directory": {
			env:    map[string]string{"XDG_DATA_HOME": filepath.Dir(dir)},
			region: "eu-central-1",
		},
		"the variables that up prints": {
			env:    awsFiles(dir),
			region: "eu-central-1",
		},
		"profile lockstep before the data directory": {
			env: map[string]string{
				"AWS_CONFIG_FILE":             profile,
				"AWS_SHARED_CREDENTIALS_FILE": profile,
				"XDG_DATA_HOME":               filepath.Dir(otherDir),
			},
			region: "ap-south-1",
		},
		"endpoint in the environment with the key of the data directory": {
			env: map[string]string{
				"LOCKSTEP_ENDPOINT_URL": server.URL,
				"XDG_DATA_HOME":         filepath.Dir(otherDir),
			},
			region: "eu-central-1",
		},
	} {
		t.Run(name, func(t *testing.T) {
			clitest.Run(t, test.env, append([]string{"status"}, test.args...)...).OK(t)
			if got := server.Region(); got != test.region {
				t.Errorf("the request is for region %q, want %q", got, test.region)
			}
		})
	}
}

func TestNothingIsSignedWithAKeyOfAWS(t *testing.T) {
	server := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		t.Errorf("received a request: %s", r.URL)
	}))
	t.Cleanup(server.Close)

	for _, id := range []string{"AKIAIOSFODNN7EXAMPLE", "ASIAIOSFODNN7EXAMPLE", "akiaiosfodnn7example"} {
		dir := dataDirectory(t, server.URL, id)
		env := map[string]string{
			"LOCKSTEP_ENDPOINT_URL":      server.URL,
			"LOCKSTEP_ACCESS_KEY_ID":     id,
			"LOCKSTEP_SECRET_ACCESS_KEY": clitest.SecretAccessKey,
		}
		for _, result := range []clitest.Result{
			clitest.Run(t, env, "status"),
			clitest.Run(t, nil, "watch", "--data", dir),
			clitest.Run(t, awsFiles(dir), "link", "list", "--profile", "default"),
		} {
			result.Fails(t, 1, id[:8]+"…", "never signs", "LSAK", "lockstep key create")
			if strings.Contains(result.Stderr, clitest.SecretAccessKey) || strings.Contains(result.Stderr, id) {
				t.Errorf("stderr shows the key: %s", result.Stderr)
			}
		}

		// The default profile of the AWS files is not used.
		clitest.Run(t, awsFiles(dir), "status").Fails(t, 1, "No Lockstep server is known")
	}
}

func TestErrorsOfFindingAServerHaveAHint(t *testing.T) {
	server := newEmptyServer(t)
	serverEnvWith := func(name, value string) map[string]string {
		env := server.Env()
		env[name] = value
		return env
	}

	otherServer := httptest.NewServer(http.NotFoundHandler())
	t.Cleanup(otherServer.Close)
	for name, test := range map[string]struct {
		env    map[string]string
		args   []string
		code   int
		stderr []string
	}{
		"nothing known": {
			code:   1,
			stderr: []string{"No Lockstep server is known", "lockstep up", "--endpoint-url"},
		},
		"nothing listens": {
			env:    serverEnvWith("LOCKSTEP_ENDPOINT_URL", clitest.ClosedPort(t)),
			code:   1,
			stderr: []string{"Nothing listens at http://127.0.0.1:", "lockstep serve"},
		},
		"another server": {
			env:    serverEnvWith("LOCKSTEP_ENDPOINT_URL", otherServer.URL),
			code:   1,
			stderr: []string{"HTTP status 404", "Lockstep server runs there"},
		},
		"unknown key": {
			env:    serverEnvWith("LOCKSTEP_ACCESS_KEY_ID", "LSAKZZZZZZZZZZZZZZZZ"),
			code:   1,
			stderr: []string{"UnrecognizedClientException", "LSAKZZZZZZZZZZZZZZZZ", "lockstep key list"},
		},
		"wrong secret": {
			env:    serverEnvWith("LOCKSTEP_SECRET_ACCESS_KEY", "hunter2"),
			code:   1,
			stderr: []string{"InvalidSignatureException", "does not belong to the key " + clitest.AccessKeyID},
		},
		"half a key": {
			env:    serverEnvWith("LOCKSTEP_SECRET_ACCESS_KEY", ""),
			code:   1,
			stderr: []string{"Only one of LOCKSTEP_ACCESS_KEY_ID"},
		},
		"no key": {
			env:    map[string]string{"LOCKSTEP_ENDPOINT_URL": server.URL},
			code:   1,
			stderr: []string{"no access key for " + server.URL, "LOCKSTEP_ACCESS_KEY_ID"},
		},
		"not a URL": {
			env:    serverEnvWith("LOCKSTEP_ENDPOINT_URL", "localhost:4747"),
			code:   1,
			stderr: []string{"not the URL of a server", "https://lockstep.example.com"},
		},
		"secret in the URL": {
			env:    serverEnvWith("LOCKSTEP_ENDPOINT_URL", "https://me:hunter2@example.com"),
			code:   1,
			stderr: []string{"not the URL of a server"},
		},
		"plain HTTP": {
			env:    serverEnvWith("LOCKSTEP_ENDPOINT_URL", "http://192.0.2.1:4747"),
			code:   1,
			stderr: []string{"plain http", "--allow-http"},
		},
		"two servers": {
			args:   []string{"--data", "x", "--profile", "y"},
			code:   2,
			stderr: []string{"--profile and --data"},
		},
		"unknown profile": {
			args:   []string{"--profile", "nobody"},
			code:   1,
			stderr: []string{"no profile nobody", "--profile"},
		},
		"no data directory": {
			args:   []string{"--data", "/nowhere"},
			code:   1,
			stderr: []string{"/nowhere is not the data directory", "lockstep up --data /nowhere"},
		},
		"server without the operation": {
			env:    server.Env(),
			args:   []string{"web"},
			code:   1,
			stderr: []string{"UnknownOperationException", "lockstep version"},
		},
	} {
		t.Run(name, func(t *testing.T) {
			result := clitest.Run(t, test.env, append([]string{"status"}, test.args...)...)
			result.Fails(t, test.code, test.stderr...)
			if strings.Contains(result.Stderr, "hunter2") || strings.Contains(result.Stderr, clitest.SecretAccessKey) {
				t.Errorf("stderr shows a secret: %s", result.Stderr)
			}
		})
	}
}

func TestUsageErrorsNameWhatIsWrongAndHint(t *testing.T) {
	for line, want := range map[string][]string{
		"statsu":          {`lockstep: unknown command "statsu"`, "Did you mean `lockstep status`?"},
		"ls":              {`lockstep: unknown command "ls"`, "`lockstep status` does that."},
		"rm":              {`lockstep: unknown command "rm"`, "`lockstep sync delete` does that."},
		"link remove":     {`lockstep link: unknown command "remove"`, "lockstep link --help"},
		"--nonsense":      {"--nonsense"},
		"status --colour": {"--colour", "lockstep status --help"},
		"status -o xml":   {"--output", "table, json or yaml"},
		"status web api":  {`unexpected argument "api"`, "Usage:"},
		"tag set host/a":  {"KEY=VALUE is missing", "Usage: lockstep tag set ITEM KEY=VALUE…"},
		"sync create": {
			"--resource, --link, --branch, --file, --role-arn is missing",
			"lockstep sync create --help",
		},
		"connect x --none": {"--provider is missing"},
	} {
		t.Run(line, func(t *testing.T) { clitest.Run(t, nil, strings.Fields(line)...).Fails(t, 2, want...) })
	}
}

func TestWithoutArgumentsTheHelpIsPrinted(t *testing.T) {
	args := os.Args
	t.Cleanup(func() { os.Args = args })
	os.Args = []string{"lockstep", "version"} // must not be read

	clitest.Run(t, nil).OK(t).Prints(t, "Usage:")
}

func TestVersionAndCompletionArePrinted(t *testing.T) {
	clitest.Run(t, nil, "version").OK(t).Prints(t, "lockstep ")
	clitest.Run(t, nil, "completion", "bash").OK(t).Prints(t, "__start_lockstep")
}
