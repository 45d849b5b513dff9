package config_test

import (
	"bytes"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/spf13/pflag"

	"github.com/lockstephq/lockstep/internal/config"
)

// load reads the settings like `lockstep serve`.
func load(t testing.TB, environment map[string]string, args ...string) (config.Settings, error) {
	t.Helper()
	fs := pflag.NewFlagSet("serve", pflag.ContinueOnError)
	config.Flags(fs)
	fs.Bool("print-config", false, "a flag that is not a setting")
	if err := fs.Parse(args); err != nil {
		t.Fatal(err)
	}
	return config.Load(fs, func(name string) string { return environment[name] })
}

// settingsFile writes a settings file and returns its path.
func settingsFile(t testing.TB, text string) string {
	t.Helper()
	name := filepath.Join(t.TempDir(), "lockstep.yaml")
	if err := os.WriteFile(name, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	return name
}

const testKeyARN = "arn:aws:kms:eu-west-1:111122223333:key/1234abcd-12ab-34cd-56ef-1234567890ab"

// defaults returns the settings if only the database is set.
func defaults() config.Settings {
	return config.Settings{
		DB:                 "sqlite:/srv/l.db",
		Listen:             "127.0.0.1:4747",
		MaxConnections:     1024,
		Target:             "aws",
		SandboxFile:        "/srv/l.db.sandbox",
		SealKeyFile:        "/srv/l.db.key",
		LongLivedKeys:      true,
		WebIdentityIssuers: []string{"https://token.actions.githubusercontent.com", "https://gitlab.com"},
		ThrottleRead:       500,
		ThrottleWrite:      50,
		ThrottleHost:       10,
		GitRoots:           []string{},
		PollInterval:       30 * time.Second,
		KeepFor:            90 * 24 * time.Hour,
		KeepAttempts:       500,
		Workers:            100,
		LogFormat:          "json",
	}
}

func TestUnsetSettingsHaveDefaults(t *testing.T) {
	got, err := load(t, nil, "--db", "sqlite:/srv/l.db")
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(defaults(), got); diff != "" {
		t.Error(diff)
	}
}

func TestFlagsTakePrecedenceOverVariablesAndTheFile(t *testing.T) {
	file := settingsFile(
		t,
		"db: sqlite:/srv/file.db\nworkers: 7\nlog-format: text\npoll-interval: 2m\ngit-loopback: true\n",
	)
	got, err := load(t, map[string]string{
		"LOCKSTEP_CONFIG":       "/nowhere",
		"LOCKSTEP_DB":           "sqlite:/srv/variable.db",
		"LOCKSTEP_WORKERS":      "8",
		"LOCKSTEP_LOG_FORMAT":   "json",
		"LOCKSTEP_GIT_LOOPBACK": "false",
		"LOCKSTEP_PRINT_CONFIG": "true",
	}, "--config", file, "--db", "sqlite:/srv/l.db", "--workers", "100")
	if err != nil {
		t.Fatal(err)
	}

	want := defaults()
	want.PollInterval = 2 * time.Minute
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
}

func TestListsAreNotMerged(t *testing.T) {
	file := settingsFile(t, "db: sqlite:/srv/l.db\ngit-roots: [/file, \"/with,comma\"]\n")
	tests := map[string]struct {
		environment map[string]string
		args        []string
		want        []string
	}{
		"file":     {nil, nil, []string{"/file", "/with,comma"}},
		"variable": {map[string]string{"LOCKSTEP_GIT_ROOTS": "/a,/b"}, nil, []string{"/a", "/b"}},
		"flags": {
			map[string]string{"LOCKSTEP_GIT_ROOTS": "/a,/b"},
			[]string{"--git-roots", "/c", "--git-roots", "/d"},
			[]string{"/c", "/d"},
		},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			got, err := load(t, tt.environment, append(tt.args, "--config", file)...)
			if err != nil {
				t.Fatal(err)
			}

			if diff := cmp.Diff(tt.want, got.GitRoots); diff != "" {
				t.Error(diff)
			}
		})
	}
}

func TestEverySettingCanBeSetInEveryPlace(t *testing.T) {
	settings := map[string]string{
		"db":                   "sqlite:/srv/l.db",
		"listen":               "0.0.0.0:80",
		"tls-cert":             "/srv/c.pem",
		"tls-key":              "/srv/k.pem",
		"plain-http":           "false",
		"max-connections":      "7",
		"metrics-listen":       ":9090",
		"webhook-listen":       ":9091",
		"public-url":           "https://l.example/x",
		"target":               "sandbox",
		"sandbox-file":         "/srv/sandbox",
		"seal-key-file":        "/srv/seal",
		"seal-key-kms":         testKeyARN,
		"aws-quotas":           "true",
		"long-lived-keys":      "false",
		"web-identity-issuers": "https://a.example/x,http://localhost:1",
		"throttle-read":        "0",
		"throttle-write":       "0.5",
		"throttle-host":        "1",
		"git-roots":            "/a,/b",
		"git-private":          "true",
		"git-loopback":         "true",
		"git-proxy":            "https://me:secret@proxy.example:3128",
		"known-hosts":          "/srv/known_hosts",
		"poll-interval":        "1m30s",
		"preview-forks":        "true",
		"keep-for":             "24h",
		"keep-attempts":        "7",
		"workers":              "5",
		"log-format":           "text",
	}
	want := config.Settings{
		DB:                 "sqlite:/srv/l.db",
		Listen:             "0.0.0.0:80",
		TLSCert:            "/srv/c.pem",
		TLSKey:             "/srv/k.pem",
		MaxConnections:     7,
		MetricsListen:      ":9090",
		WebhookListen:      ":9091",
		PublicURL:          "https://l.example/x",
		Target:             "sandbox",
		SandboxFile:        "/srv/sandbox",
		SealKeyFile:        "/srv/seal",
		SealKeyKMS:         testKeyARN,
		AWSQuotas:          true,
		WebIdentityIssuers: []string{"https://a.example/x", "http://localhost:1"},
		ThrottleWrite:      0.5,
		ThrottleHost:       1,
		GitRoots:           []string{"/a", "/b"},
		GitPrivate:         true,
		GitLoopback:        true,
		GitProxy:           "https://me:secret@proxy.example:3128",
		KnownHosts:         "/srv/known_hosts",
		PollInterval:       90 * time.Second,
		PreviewForks:       true,
		KeepFor:            24 * time.Hour,
		KeepAttempts:       7,
		Workers:            5,
		LogFormat:          "text",
	}

	var args []string
	var file strings.Builder
	environment := map[string]string{}
	for name, value := range settings {
		args = append(args, "--"+name+"="+value)
		environment["LOCKSTEP_"+strings.ToUpper(strings.ReplaceAll(name, "-", "_"))] = value
		file.WriteString(name + ": " + value + "\n")
	}

	ways := map[string]struct {
		environment map[string]string
		args        []string
	}{
		"flags":                    {nil, args},
		"variables":                {environment, nil},
		"file":                     {nil, []string{"--config", settingsFile(t, file.String())}},
		"file named by a variable": {map[string]string{"LOCKSTEP_CONFIG": settingsFile(t, file.String())}, nil},
	}
	for name, way := range ways {
		t.Run(name, func(t *testing.T) {
			got, err := load(t, way.environment, way.args...)
			if err != nil {
				t.Fatal(err)
			}

			if diff := cmp.Diff(want, got); diff != "" {
				t.Error(diff)
			}
		})
	}
}

func TestInvalidSettingsAreNamedWithTheirPlace(t *testing.T) {
	tests := map[string]struct {
		file        string
		environment map[string]string
		args        []string
		want        []string
	}{
		"no database":           {want: []string{"--db: a database is required"}},
		"database without path": {args: []string{"--db", "sqlite:"}, want: []string{"--db: sqlite: needs a path"}},
		"unknown key": {
			file: "db: sqlite:/l.db\nworker: 5\n",
			want: []string{"lockstep.yaml:2: there is no setting \"worker\""},
		},
		"a flag that is not a setting": {file: "config: other.yaml\nprint-config: true\n",
			want: []string{
				"lockstep.yaml:1: there is no setting \"config\"",
				"lockstep.yaml:2: there is no setting \"print-config\"",
			}},
		"wrong type in the file": {
			file: "db: sqlite:/l.db\n\nworkers: many\n",
			want: []string{"lockstep.yaml:3: workers: ", "many"},
		},
		"mapping for a value": {file: "listen:\n  host: x\n", want: []string{"lockstep.yaml:2: listen: "}},
		"list for a value": {
			file: "db: sqlite:/l.db\nlisten: [a, b]\n",
			want: []string{"lockstep.yaml:2: listen: "},
		},
		"nothing for a value": {file: "db: sqlite:/l.db\nlisten:\n", want: []string{"lockstep.yaml:2: listen: "}},
		"a key set twice": {
			file: "db: sqlite:/a.db\ndb: sqlite:/b.db\n",
			want: []string{"lockstep.yaml:2: db ", "line 1"},
		},
		"no mapping": {file: "- db\n", want: []string{"lockstep.yaml:1: the file is not a mapping"}},
		"no YAML":    {file: "db: [\n", want: []string{"lockstep.yaml: yaml: line"}},
		"no file": {
			args: []string{"--config", "/nowhere/l.yaml"},
			want: []string{"--config: ", "/nowhere/l.yaml"},
		},
		"wrong type in a variable": {environment: map[string]string{
			"LOCKSTEP_DB":            "sqlite:/l.db",
			"LOCKSTEP_POLL_INTERVAL": "5",
		},
			want: []string{"LOCKSTEP_POLL_INTERVAL: ", "poll-interval"}},
		"everything in the file": {file: "worker: 5\nworkers: many\npoll-interval: soon\n",
			want: []string{
				"lockstep.yaml:1: there is no setting \"worker\"",
				"lockstep.yaml:2: workers: ",
				"lockstep.yaml:3: poll-interval: ",
			}},
		"file and variables": {file: "worker: 5\n", environment: map[string]string{
			"LOCKSTEP_WORKERS":     "many",
			"LOCKSTEP_GIT_PRIVATE": "perhaps",
		},
			want: []string{"lockstep.yaml:1: ", "LOCKSTEP_WORKERS: ", "LOCKSTEP_GIT_PRIVATE: "}},
		"everything out of bounds": {
			args: []string{"--db", "l.db", "--listen", "4747", "--target", "ftp://x", "--git-roots", "/a,b/c", "--poll-interval", "1ms",
				"--workers", "0", "--log-format", "xml"},
			want: []string{"--db: ", "--listen: \"4747\"", "--target: \"ftp://x\"", "--git-roots: b/c", "--poll-interval: 1ms", "--workers: 0",
				"--log-format: \"xml\"", "--seal-key-file: "},
		},
		"limits of callers": {
			args: []string{"--db", "sqlite:/l.db", "--max-connections", "0", "--throttle-read", "-1", "--throttle-write", "NaN", "--throttle-host", "1e7",
				"--web-identity-issuers", "http://issuer.example,issuer.example,https://issuer.example/?a,https://:1@issuer.example"},
			want: []string{"--max-connections: 0", "--throttle-read: -1", "--throttle-write: NaN", "--throttle-host: 1e+07",
				"--web-identity-issuers: http://issuer.example: ", "--web-identity-issuers: \"issuer.example\"",
				"--web-identity-issuers: \"https://issuer.example/?a\"", "--web-identity-issuers: an issuer's URL has no user name"},
		},
		"half a certificate": {
			args: []string{"--db", "sqlite:/l.db", "--tls-cert", "/c.pem"},
			want: []string{"--tls-key: ", "/c.pem"},
		},
		"the other half": {
			args: []string{"--db", "sqlite:/l.db", "--tls-key", "/k.pem"},
			want: []string{"--tls-cert: ", "/k.pem"},
		},
		"TLS and plain HTTP": {
			args: []string{"--db", "sqlite:/l.db", "--tls-cert", "/c", "--tls-key", "/k", "--plain-http"},
			want: []string{"--plain-http: "},
		},
		"webhooks nowhere": {
			args: []string{"--db", "sqlite:/l.db", "--webhook-listen", "9090"},
			want: []string{"--webhook-listen: \"9090\""},
		},
		"metrics nowhere": {
			args: []string{"--db", "sqlite:/l.db", "--metrics-listen", "9090"},
			want: []string{"--metrics-listen: \"9090\""},
		},
		"KMS key without a region": {
			args: []string{"--db", "sqlite:/l.db", "--seal-key-kms", "alias/lockstep"},
			want: []string{"--seal-key-kms: \"alias/lockstep\""},
		},
		"two seal keys": {environment: map[string]string{"LOCKSTEP_SEAL_KEY": "canary"}, args: []string{
			"--db",
			"sqlite:/l.db",
			"--seal-key-file",
			"/k",
		},
			want: []string{"--seal-key-file: ", "LOCKSTEP_SEAL_KEY"}},
		"a seal key and KMS": {environment: map[string]string{"LOCKSTEP_SEAL_KEY": "canary"}, args: []string{
			"--db",
			"sqlite:/l.db",
			"--seal-key-kms",
			testKeyARN,
		},
			want: []string{"--seal-key-kms: ", "LOCKSTEP_SEAL_KEY"}},
		"an invalid seal key": {environment: map[string]string{"LOCKSTEP_SEAL_KEY": "canary"}, args: []string{"--db", "sqlite:/l.db"},
			want: []string{"LOCKSTEP_SEAL_KEY: holds no Tink AEAD keyset"}},
		"a proxy without a port": {
			args: []string{"--db", "sqlite:/l.db", "--git-proxy", "http://me:canary@proxy"},
			want: []string{"--git-proxy: "},
		},
		"a proxy of another kind": {
			args: []string{"--db", "sqlite:/l.db", "--git-proxy", "socks5://me:canary@proxy:1080"},
			want: []string{"--git-proxy: "},
		},
		"a proxy that is not a URL": {
			args: []string{"--db", "sqlite:/l.db", "--git-proxy", "http://me:canary%zz@proxy:1"},
			want: []string{"--git-proxy: "},
		},
		"a negative time to keep syncs": {
			args: []string{"--db", "sqlite:/l.db", "--keep-for", "-1h"},
			want: []string{"--keep-for: -1h0m0s is negative"},
		},
		"too many workers": {
			args: []string{"--db", "sqlite:/l.db", "--workers", "10001"},
			want: []string{"--workers: 10001"},
		},
		"invalid port": {
			args: []string{"--db", "sqlite:/l.db", "--listen", ":65536"},
			want: []string{"--listen: \"65536\""},
		},
		"PostgreSQL without a file": {
			args: []string{"--db", "postgres://h/d", "--target", "sandbox"},
			want: []string{"--seal-key-file: ", "--sandbox-file: "},
		},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			args := tt.args
			if tt.file != "" {
				args = append(args, "--config", settingsFile(t, tt.file))
			}

			got, err := load(t, tt.environment, args...)
			if err == nil {
				t.Fatalf("no error, but %+v", got)
			}

			if strings.Contains(err.Error(), "canary") {
				t.Errorf("the error shows a key: %s", err)
			}

			for _, want := range tt.want {
				if !strings.Contains(err.Error(), want) {
					t.Errorf("the error does not contain %q: %s", want, err)
				}
			}
		})
	}
}

func TestInvalidSettingsCreateNoFiles(t *testing.T) {
	dir := t.TempDir()
	_, err := load(t, nil, "--db", "sqlite:"+filepath.Join(dir, "l.db"), "--workers", "0")
	if err == nil {
		t.Fatal("no error")
	}
	if left, err := os.ReadDir(dir); err != nil || len(left) > 0 {
		t.Errorf("left are %v, %v", left, err)
	}
}

func TestPrintedSettingsCanBeLoaded(t *testing.T) {
	tests := map[string][]string{
		"defaults": {"--db", "sqlite:/srv/l.db"},
		"all changed": {"--db", "sqlite:/srv/a: b#.db", "--listen", "[::1]:0", "--target", "http://localhost:5000", "--sandbox-file", "x'y\"z",
			"--git-roots", "/a b,/%41,/ü", "--git-roots", `"/with,comma"`, "--git-private", "--git-loopback", "--poll-interval", "1h1s", "--workers", "1",
			"--log-format", "text", "--plain-http", "--preview-forks", "--max-connections", "1", "--metrics-listen", "[::]:9", "--webhook-listen", "[::]:8", "--public-url", "https://a.example/b", "--seal-key-kms", testKeyARN, "--aws-quotas",
			"--long-lived-keys=false", "--web-identity-issuers", "", "--throttle-read", "0.1", "--throttle-write", "1e6", "--throttle-host", "0",
			"--git-proxy", "http://[::1]:3128/"},
		"TLS":        {"--db", "sqlite:/srv/l.db", "--tls-cert", "c: #", "--tls-key", "k'"},
		"PostgreSQL": {"--db", "postgres://user@h:5432/d?sslmode=require", "--seal-key-file", "/etc/seal"},
	}
	for name, args := range tests {
		t.Run(name, func(t *testing.T) {
			want, err := load(t, nil, args...)
			if err != nil {
				t.Fatal(err)
			}

			var printed bytes.Buffer
			if err := want.Print(&printed); err != nil {
				t.Fatal(err)
			}

			got, err := load(t, nil, "--config", settingsFile(t, printed.String()))
			if err != nil {
				t.Fatalf("%s\n%s", err, &printed)
			}

			if diff := cmp.Diff(want, got); diff != "" {
				t.Error(diff)
			}
		})
	}
}

func TestPasswordsAreNeverPrinted(t *testing.T) {
	for _, url := range []string{
		"postgres://me:hunter2@h/d", "postgres://h/d?user=me&password=hunter2", "postgresql://me:hunter2@h/d?sslpassword=hunter2",
		"postgres://me:hunter2%zz@h/d", "postgres://me:hunter2@h:port/d", "mysql://me:hunter2@h/d", "me:hunter2@h", "postgres:hunter2@h",
	} {
		var shown bytes.Buffer
		settings, err := load(
			t,
			map[string]string{"LOCKSTEP_DB": url},
			"--seal-key-file",
			filepath.Join(t.TempDir(), "key"),
			"--listen",
			"127.0.0.1:0",
		)
		if err != nil {
			shown.WriteString(err.Error())
		} else if err := settings.Print(&shown); err != nil {
			t.Fatal(err)
		}

		if shown.Len() == 0 || strings.Contains(shown.String(), "hunter2") {
			t.Errorf("%s: shown is: %s", url, &shown)
		}
	}

	settings, err := load(t, nil, "--db", "sqlite:/l.db", "--git-proxy", "http://me:hunter2@proxy.example:3128")
	if err != nil {
		t.Fatal(err)
	}

	var shown bytes.Buffer
	if err := settings.Print(&shown); err != nil || strings.Contains(shown.String(), "hunter2") || !strings.Contains(
		shown.String(),
		"@proxy.example:3128",
	) {
		t.Errorf("a proxy with a password: %v, shown is: %s", err, &shown)
	}

	_, err = load(t, nil, "--db", "sqlite:/l.db", "--target", "http://me:hunter2@h")
	if err == nil || strings.Contains(err.Error(), "hunter2") {
		t.Errorf("a target with a password: %v", err)
	}

	_, err = load(t, nil, "--db", "sqlite:/l.db", "--target", "htp://me:hunter2@h")
	if err == nil || strings.Contains(err.Error(), "hunter2") {
		t.Errorf("a target with a password: %v", err)
	}
}

func FuzzSettingsFile(f *testing.F) {
	f.Add("db: sqlite:/srv/l.db\n")
	f.Add("db: postgres://h/d\ngit-roots: [/a, /b]\nworkers: 0x10\n")
	f.Add("git-roots: &a [*a]\n")
	f.Add("? [a]\n: b\n")
	f.Add("db: !!binary aGVsbG8=\n---\nother: document\n")
	f.Add("a: &a [x,x]\nb: &b [*a,*a]\ngit-roots: [*b,*b]\n")
	f.Fuzz(func(t *testing.T, text string) {
		settings, err := load(t, nil, "--config", settingsFile(t, text))
		if err != nil {
			return
		}

		var printed bytes.Buffer
		if err := settings.Print(&printed); err != nil {
			t.Fatal(err)
		}

		if strings.HasPrefix(settings.DB, "postgres") || strings.Contains(settings.GitProxy, "@") {
			return // what is printed may lack a password
		}

		again, err := load(t, nil, "--config", settingsFile(t, printed.String()))
		if err != nil {
			t.Fatalf("what was printed is refused: %s\n%s", err, &printed)
		}

		if diff := cmp.Diff(settings, again); diff != "" {
			t.Error(diff)
		}
	})
}
