package cli_test

import (
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/lockstephq/lockstep/internal/wire"
)

// closedPort is a URL of this machine where nothing listens.
func closedPort(t testing.TB) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	return "http://" + l.Addr().String()
}

// dataDirectory is one as `up` leaves it.
func dataDirectory(t testing.TB, url, id string) string {
	dir := filepath.Join(t.TempDir(), "lockstep")
	write(t, filepath.Join(dir, "credentials"), "[default]\naws_access_key_id = "+id+"\naws_secret_access_key = "+secret+"\n")
	write(t, filepath.Join(dir, "config"), "[default]\nregion = eu-central-1\nservices = lockstep\n\n[services lockstep]\n"+
		"codeconnections =\n  endpoint_url = "+url+"\ncodestar_connections =\n  endpoint_url = "+url+"\n")
	return dir
}

// emptyFleet answers status, and keeps the region it was asked for.
func emptyFleet(t testing.TB) (f *fake, region *string) {
	f, region = newFake(t), new(string)
	own(f, "ListResourceSyncs", func(*wire.ListResourceSyncsInput) (*wire.ListResourceSyncsOutput, error) {
		return &wire.ListResourceSyncsOutput{ResourceSyncs: []wire.ResourceSyncSummary{}}, nil
	})
	inner := f.url
	proxy := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		*region = strings.Split(r.Header.Get("Authorization"), "/")[2]
		f.mux.ServeHTTP(w, r)
	}))
	t.Cleanup(proxy.Close)

	if inner == proxy.URL {
		t.Fatal("two servers at one address")
	}

	f.url = proxy.URL
	return f, region
}

func TestServerIsFoundInEachPlace(t *testing.T) {
	f, region := emptyFleet(t)
	dir := dataDirectory(t, f.url, keyID)
	dead := dataDirectory(t, closedPort(t), keyID)
	profile := filepath.Join(t.TempDir(), "profile")
	write(t, profile, "[profile lockstep]\nregion = ap-south-1\nendpoint_url = "+f.url+"\n[lockstep]\naws_access_key_id = "+keyID+
		"\naws_secret_access_key = "+secret+"\n")
	with := func(env map[string]string, name, value string) map[string]string { env[name] = value; return env }
	for name, test := range map[string]struct {
		env    map[string]string
		args   []string
		region string
	}{
		"environment":                          {f.env(), nil, "us-east-1"},
		"environment with a region":            {with(f.env(), "LOCKSTEP_REGION", "eu-west-1"), nil, "eu-west-1"},
		"--region beats it":                    {with(f.env(), "LOCKSTEP_REGION", "eu-west-1"), []string{"--region", "sa-east-1"}, "sa-east-1"},
		"--endpoint-url beats the environment": {with(f.env(), "LOCKSTEP_ENDPOINT_URL", closedPort(t)), []string{"--endpoint-url", f.url}, "us-east-1"},
		"--data":                               {nil, []string{"--data", dir}, "eu-central-1"},
		"--data beats the environment":         {with(f.env(), "LOCKSTEP_ENDPOINT_URL", closedPort(t)), []string{"--data", dir}, "eu-central-1"},
		"environment beats the data directory": {with(f.env(), "XDG_DATA_HOME", filepath.Dir(dead)), nil, "us-east-1"},
		"default data directory":               {map[string]string{"XDG_DATA_HOME": filepath.Dir(dir)}, nil, "eu-central-1"},
		"the two exports of up": {
			map[string]string{"AWS_CONFIG_FILE": filepath.Join(dir, "config"), "AWS_SHARED_CREDENTIALS_FILE": filepath.Join(dir, "credentials")},
			nil, "eu-central-1",
		},
		"profile lockstep beats the data directory": {
			map[string]string{"AWS_CONFIG_FILE": profile, "AWS_SHARED_CREDENTIALS_FILE": profile, "XDG_DATA_HOME": filepath.Dir(dead)}, nil, "ap-south-1",
		},
		"an endpoint alone takes the key that lies about": {
			map[string]string{"LOCKSTEP_ENDPOINT_URL": f.url, "XDG_DATA_HOME": filepath.Dir(dead)}, nil, "eu-central-1",
		},
	} {
		t.Run(name, func(t *testing.T) {
			*region = ""
			run(t, test.env, append([]string{"status"}, test.args...)...).ok(t)
			if *region != test.region {
				t.Errorf("asked for region %q, want %q", *region, test.region)
			}
		})
	}
}

func TestNothingIsSignedWithAKeyOfAWS(t *testing.T) {
	asked := false
	server := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { asked = true }))
	t.Cleanup(server.Close)

	for _, id := range []string{"AKIAIOSFODNN7EXAMPLE", "ASIAIOSFODNN7EXAMPLE", "akiaiosfodnn7example"} {
		dir := dataDirectory(t, server.URL, id)
		files := map[string]string{"AWS_CONFIG_FILE": filepath.Join(dir, "config"), "AWS_SHARED_CREDENTIALS_FILE": filepath.Join(dir, "credentials")}
		env := map[string]string{"LOCKSTEP_ENDPOINT_URL": server.URL, "LOCKSTEP_ACCESS_KEY_ID": id, "LOCKSTEP_SECRET_ACCESS_KEY": secret}
		for _, r := range []result{run(t, env, "status"), run(t, nil, "watch", "--data", dir), run(t, files, "link", "list", "--profile", "default")} {
			r.refused(t, 1, id[:8]+"…", "never signs", "LSAK", "lockstep key create")
			if strings.Contains(r.stderr, secret) || strings.Contains(r.stderr, id) {
				t.Errorf("stderr shows the key: %s", r.stderr)
			}
		}

		// Somebody's everyday profile is no place where Lockstep looks.
		run(t, files, "status").refused(t, 1, "No Lockstep server is known")
	}

	if asked {
		t.Error("a request was sent")
	}
}

func TestErrorsOfReachingSayWhatToDo(t *testing.T) {
	f, _ := emptyFleet(t)
	with := func(name, value string) map[string]string {
		env := f.env()
		env[name] = value
		return env
	}

	notOurs := httptest.NewServer(http.NotFoundHandler())
	t.Cleanup(notOurs.Close)
	for name, test := range map[string]struct {
		env  map[string]string
		args []string
		code int
		says []string
	}{
		"nothing known":       {nil, nil, 1, []string{"No Lockstep server is known", "lockstep up", "--endpoint-url"}},
		"nothing listens":     {with("LOCKSTEP_ENDPOINT_URL", closedPort(t)), nil, 1, []string{"Nothing listens at http://127.0.0.1:", "lockstep serve"}},
		"another server":      {with("LOCKSTEP_ENDPOINT_URL", notOurs.URL), nil, 1, []string{"HTTP status 404", "Lockstep server runs there"}},
		"unknown key":         {with("LOCKSTEP_ACCESS_KEY_ID", "LSAKZZZZZZZZZZZZZZZZ"), nil, 1, []string{"UnrecognizedClientException", "LSAKZZZZZZZZZZZZZZZZ", "lockstep key list"}},
		"wrong secret":        {with("LOCKSTEP_SECRET_ACCESS_KEY", "hunter2"), nil, 1, []string{"InvalidSignatureException", "does not belong to the key " + keyID}},
		"half a key":          {with("LOCKSTEP_SECRET_ACCESS_KEY", ""), nil, 1, []string{"Only one of LOCKSTEP_ACCESS_KEY_ID"}},
		"endpoint without":    {map[string]string{"LOCKSTEP_ENDPOINT_URL": f.url}, nil, 1, []string{"no access key for " + f.url, "LOCKSTEP_ACCESS_KEY_ID"}},
		"no URL":              {with("LOCKSTEP_ENDPOINT_URL", "localhost:4747"), nil, 1, []string{"not the URL of a server", "https://lockstep.example.com"}},
		"secret in the URL":   {with("LOCKSTEP_ENDPOINT_URL", "https://me:hunter2@example.com"), nil, 1, []string{"not the URL of a server"}},
		"plain http":          {with("LOCKSTEP_ENDPOINT_URL", "http://192.0.2.1:4747"), nil, 1, []string{"plain http", "--allow-http"}},
		"two places":          {nil, []string{"--data", "x", "--profile", "y"}, 2, []string{"--profile and --data"}},
		"no such profile":     {nil, []string{"--profile", "nobody"}, 1, []string{"no profile nobody", "--profile"}},
		"no data directory":   {nil, []string{"--data", "/nowhere"}, 1, []string{"/nowhere is not the data directory", "lockstep up --data /nowhere"}},
		"unknown flag":        {f.env(), []string{"--colour"}, 2, []string{"--colour", "lockstep status --help"}},
		"unknown format":      {f.env(), []string{"-o", "xml"}, 2, []string{"--output", "table, json, yaml"}},
		"too many arguments":  {f.env(), []string{"web", "api"}, 2, []string{`"api"`, "Usage:"}},
		"server without this": {f.env(), []string{"web"}, 1, []string{"UnknownOperationException", "lockstep version"}},
	} {
		t.Run(name, func(t *testing.T) {
			r := run(t, test.env, append([]string{"status"}, test.args...)...)
			r.refused(t, test.code, test.says...)
			if strings.Contains(r.stderr, "hunter2") || strings.Contains(r.stderr, secret) {
				t.Errorf("stderr shows a secret: %s", r.stderr)
			}
		})
	}
}

func TestArgumentsOfTheProcessAreNotLookedAt(t *testing.T) {
	args := os.Args
	t.Cleanup(func() { os.Args = args })
	os.Args = []string{"lockstep", "version"}
	if r := run(t, nil).ok(t); !strings.Contains(r.stdout, "Usage:") {
		t.Errorf("without arguments it prints %q", r.stdout)
	}
}

func TestUnknownCommandsAreWrongUsage(t *testing.T) {
	run(t, nil, "statsu").refused(t, 2, `lockstep knows no command "statsu"`, "Did you mean `lockstep status`?")
	run(t, nil, "link", "remove").refused(t, 2, `lockstep link knows no command "remove"`, "lockstep link --help")
	run(t, nil, "--nonsense").refused(t, 2, "--nonsense")

	if r := run(t, nil).ok(t); !strings.Contains(r.stdout, "Usage:") {
		t.Errorf("without arguments it prints %q", r.stdout)
	}

	if r := run(t, nil, "version").ok(t); !strings.HasPrefix(r.stdout, "lockstep ") {
		t.Errorf("version prints %q", r.stdout)
	}

	if r := run(t, nil, "completion", "bash").ok(t); !strings.Contains(r.stdout, "__start_lockstep") {
		t.Error("completion prints no script")
	}
}
