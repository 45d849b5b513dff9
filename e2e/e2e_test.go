// Package e2e tests the whole program from outside, with scripts: testdata/*.txtar. Begin with
// testdata/backends/main-job.txtar, which runs on SQLite with the sandbox, on PostgreSQL with the
// sandbox, and on SQLite with moto.
//
// # Environment
//
// `lockstep` in a script is the real program in a process of its own: the test binary, started under
// that name. So kill -9 is kill -9. A script has a work folder, $WORK, a home and a data directory
// ($DATA, the default of `lockstep up` and its clients), the two AWS variables that `up` prints, and no
// configuration of the machine.
//
// # Commands
//
// In addition to those of testscript:
//
//	start NAME PROGRAM ARG…
//		starts a server and waits for its line "ready URL"; the URL is then
//		$NAME_URL, its output is in NAME.out and NAME.err
//	spawn NAME PROGRAM ARG…
//		starts any other long-running program
//	end NAME
//		ends it with SIGTERM and checks for exit code 0
//	kill9 NAME
//		ends it with SIGKILL
//	exits CODE PROGRAM ARG…
//		runs a program and checks its exit code
//	until TIME [PATTERN] -- PROGRAM ARG…
//		runs a program repeatedly until it succeeds and its standard output
//		matches, for at most TIME
//	commit DIR MESSAGE
//		commits all files of a working copy, which it creates if it is missing;
//		the commit's id is then $COMMIT
//	githost start [USER:PASSWORD | gitea TOKEN] | ssh | create REPO | push REPO BRANCH DIR |
//	githost force REPO BRANCH DIR | pull HEAD BASE [fork] | notify EVENT |
//	githost fail STATUS | heal
//		a Git host at $GITHOST_URL. push adds the files of a folder as one
//		commit, $COMMIT; force makes them a new history. As gitea it also serves
//		Gitea's API, calls the registered webhooks (notify: for another event
//		than a push), opens pull requests ($PULL), and shows what it has received
//		at $GITHOST_URL/state
//	database sqlite|postgres
//		creates a database; its URL is then $DB
//	key NAME FLAG…
//		creates an access key in $DB: $NAME_ID and $NAME_SECRET
//	as NAME PROGRAM ARG…
//		runs a program with that key
//	python3 FILE ARG…
//		runs a Python program, to check JSON
//	boto3 FILE ARG…
//	aws ARG…
//		run AWS's own clients
//	moto
//		starts a moto server at $MOTO_URL
//
// # Programs
//
// `stack get|events|delete NAME` and `stack change NAME KEY=VALUE` read a stack, or change it without
// Lockstep, at the CloudFormation that the AWS variables name. `request URL [HEADER:VALUE]` prints the
// status and body of an HTTP response.
//
// No script sleeps or uses a fixed port. A script that needs a program that is missing (python3 with
// boto3 and moto, aws, PostgreSQL, git) is skipped with a message; with CI=true it fails.
package e2e

import (
	"context"
	"flag"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"github.com/rogpeppe/go-internal/testscript"

	"github.com/lockstephq/lockstep/internal/cli"
)

func TestMain(m *testing.M) {
	testscript.Main(testRunner{m}, map[string]func(){"lockstep": lockstep, "stack": stack, "request": request})
}

// A testRunner runs more tests at once than there are processors, because scripts mostly wait.
type testRunner struct{ *testing.M }

func (m testRunner) Run() int {
	flag.Parse()
	given := false
	flag.Visit(func(f *flag.Flag) { given = given || f.Name == "test.parallel" })
	if !given {
		if err := flag.Set("test.parallel", "8"); err != nil {
			panic(err)
		}
	}
	return m.M.Run()
}

// lockstep runs the program, like cmd/lockstep.
func lockstep() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	context.AfterFunc(ctx, stop)
	os.Exit(cli.Run(ctx, os.Args[1:], os.Getenv, os.Stdin, os.Stdout, os.Stderr))
}

func TestScripts(t *testing.T) {
	tools := findTools(t)
	testscript.Run(t, testscript.Params{
		Dir:                "testdata",
		Setup:              tools.setup,
		Cmds:               commands(tools),
		RequireUniqueNames: true,
		UpdateScripts:      *update,
	})
}

// TestMainJob runs one script on every pair of database and target that is
// supported.
func TestMainJob(t *testing.T) {
	tools := findTools(t)
	for _, backend := range []struct{ name, database, target string }{
		{"SQLite and the sandbox", "sqlite", "sandbox"},
		{"PostgreSQL and the sandbox", "postgres", "sandbox"},
		{"SQLite and moto", "sqlite", "moto"},
	} {
		t.Run(backend.name, func(t *testing.T) {
			t.Parallel()
			testscript.Run(t, testscript.Params{
				Dir:                filepath.Join("testdata", "backends"),
				RequireUniqueNames: true,
				Cmds:               commands(tools),
				Condition:          func(cond string) (bool, error) { return cond == backend.target, nil },
				Setup: func(env *testscript.Env) error {
					if err := tools.setup(env); err != nil {
						return err
					}

					tb := env.T().(testing.TB)
					env.Setenv("DB", database(tb, backend.database))
					env.Setenv("TARGET", backend.target)

					if backend.target == "moto" {
						env.Setenv("TARGET", motoURL(tb, tools))
					}

					return nil
				},
			})
		})
	}
}

var update = flag.Bool("update", false, "rewrite README.md's transcript and the scripts' expected files")

// setup prepares the environment of a script.
func (m machine) setup(env *testscript.Env) error {
	home := filepath.Join(env.WorkDir, "home")
	data := filepath.Join(home, "share", "lockstep")
	if err := os.MkdirAll(home, 0o700); err != nil {
		return err
	}

	env.Values[worldKey{}] = &world{env: env, running: map[string]*process{}}
	for _, pair := range append([][2]string{
		{"PATH", strings.Join([]string{env.Getenv("PATH"), m.pythonDir}, string(filepath.ListSeparator))},
		{"HOME", home},
		{"XDG_DATA_HOME", filepath.Dir(data)},
		{"DATA", data},
		{"AWS_CONFIG_FILE", filepath.Join(data, "config")},
		{"AWS_SHARED_CREDENTIALS_FILE", filepath.Join(data, "credentials")},
		{"AWS_REGION", "us-east-1"}, {"AWS_DEFAULT_REGION", "us-east-1"},
		{"AWS_EC2_METADATA_DISABLED", "true"},
		{"LC_ALL", "C.UTF-8"},
		{"TZ", "UTC"},
	}, gitEnvironment()...) {
		env.Setenv(pair[0], pair[1])
	}

	return nil
}

// gitEnvironment returns the variables that hide the machine's configuration from git.
func gitEnvironment() [][2]string {
	return [][2]string{
		{"GIT_CONFIG_NOSYSTEM", "1"}, {"GIT_CONFIG_GLOBAL", os.DevNull}, {"GIT_TERMINAL_PROMPT", "0"},
		{"GIT_AUTHOR_NAME", "Test"}, {"GIT_AUTHOR_EMAIL", "test@example.com"},
		{"GIT_COMMITTER_NAME", "Test"}, {"GIT_COMMITTER_EMAIL", "test@example.com"},
	}
}

// A machine is what is installed in addition to Go.
type machine struct {
	python    string // the interpreter itself, or ""
	pythonDir string
}

// findTools returns what is installed. It skips the test without git.
func findTools(t *testing.T) machine {
	t.Helper()
	if _, err := exec.LookPath("git"); err != nil {
		skipOrFail(t, "git is not installed")
	}
	// The python3 in PATH may be a shim that needs another home directory.
	out, err := exec.Command("python3", "-c", "import sys; print(sys.executable)").Output()
	if err != nil {
		return machine{}
	}
	python := strings.TrimSpace(string(out))
	return machine{python: python, pythonDir: filepath.Dir(python)}
}

// skipOrFail skips a test, or fails it with CI=true.
func skipOrFail(t testing.TB, reason string) {
	t.Helper()
	if os.Getenv("CI") == "true" {
		t.Fatal(reason)
	}
	t.Skip(reason)
}
