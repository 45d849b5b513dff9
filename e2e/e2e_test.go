// Package e2e tests the whole program from outside, by scripts that a stranger
// can read: testdata/*.txtar. The one to read first is
// testdata/backends/main-job.txtar, which runs on SQLite with the sandbox, on
// PostgreSQL with the sandbox, and on SQLite with moto.
//
// `lockstep` in a script is the real program in a process of its own: the test
// binary, started under that name. So kill -9 is kill -9. A script has a work
// folder, $WORK, a home and a data directory ($DATA, where `lockstep up` and its
// clients look first), the two AWS variables that `up` prints, no configuration
// of the machine, and these commands beside those of testscript:
//
//	start NAME PROGRAM ARG…
//		starts a server and waits for its line "ready URL"; the URL is then
//		$NAME_URL, what it writes is in NAME.out and NAME.err
//	spawn NAME PROGRAM ARG…
//		starts anything else that goes on
//	end NAME
//		asks it to end (SIGTERM) and wants exit code 0
//	kill9 NAME
//		ends it at once (SIGKILL)
//	exits CODE PROGRAM ARG…
//		runs a program that must end with this exit code
//	until TIME [PATTERN] -- PROGRAM ARG…
//		runs a program again and again until it succeeds and its standard
//		output matches; at most so long
//	commit DIR MESSAGE
//		commits everything in a working copy, which it makes if need be; the
//		commit's id is then $COMMIT
//	githost start [USER:PASSWORD | gitea TOKEN] | create REPO | push REPO BRANCH DIR |
//	githost force REPO BRANCH DIR | pull HEAD BASE [fork] | tell EVENT |
//	githost fail STATUS | heal
//		a Git host at $GITHOST_URL. A push adds the files of a folder as one
//		commit, $COMMIT; force makes them a new history. As gitea it has that
//		API too, calls the webhooks that were registered (tell: of anything
//		else), opens pull requests ($PULL), and shows what it was told at
//		$GITHOST_URL/state
//	database sqlite|postgres
//		a fresh database; its URL is then $DB
//	key NAME FLAG…
//		makes an access key in $DB: $NAME_ID and $NAME_SECRET
//	as NAME PROGRAM ARG…
//		runs a program with that key
//	python3 FILE ARG…
//		runs a Python program: where JSON has to be taken apart
//	boto3 FILE ARG…
//	aws ARG…
//		AWS's own clients
//	moto
//		a moto server of its own, at $MOTO_URL
//
// And three more programs: `stack get|events|delete NAME` and `stack change NAME
// KEY=VALUE` look at a stack, or change it behind Lockstep's back, at the
// CloudFormation that the AWS variables name; `request URL [HEADER:VALUE]` prints
// the status and body of an HTTP answer.
//
// Nothing here sleeps or uses a fixed port. What a script needs from outside Go
// (python3 with boto3 and moto, aws, PostgreSQL, git) it is skipped without,
// saying so; with CI=true that is a failure.
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
	testscript.Main(waits{m}, map[string]func(){"lockstep": lockstep, "stack": stack, "request": request})
}

// waits runs the tests, of which far more at once than there are processors:
// most of the time a script waits for a poll.
type waits struct{ *testing.M }

func (m waits) Run() int {
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

// lockstep is the program, as cmd/lockstep has it.
func lockstep() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	context.AfterFunc(ctx, stop)
	os.Exit(cli.Run(ctx, os.Args[1:], os.Getenv, os.Stdin, os.Stdout, os.Stderr))
}

func TestScripts(t *testing.T) {
	outside := find(t)
	testscript.Run(t, testscript.Params{
		Dir: "testdata", Setup: outside.setup, Cmds: commands(outside), RequireUniqueNames: true,
		UpdateScripts: *update,
	})
}

// TestMainJob runs one script on every pair of database and target that is
// supported.
func TestMainJob(t *testing.T) {
	outside := find(t)
	for _, backend := range []struct{ name, database, target string }{
		{"SQLite and the sandbox", "sqlite", "sandbox"},
		{"PostgreSQL and the sandbox", "postgres", "sandbox"},
		{"SQLite and moto", "sqlite", "moto"},
	} {
		t.Run(backend.name, func(t *testing.T) {
			t.Parallel()
			testscript.Run(t, testscript.Params{
				Dir: filepath.Join("testdata", "backends"), RequireUniqueNames: true, Cmds: commands(outside),
				Condition: func(cond string) (bool, error) { return cond == backend.target, nil },
				Setup: func(env *testscript.Env) error {
					if err := outside.setup(env); err != nil {
						return err
					}

					tb := env.T().(testing.TB)
					env.Setenv("DB", database(tb, backend.database))
					env.Setenv("TARGET", backend.target)

					if backend.target == "moto" {
						env.Setenv("TARGET", motoURL(tb, outside))
					}

					return nil
				},
			})
		})
	}
}

var update = flag.Bool("update", false, "rewrite README.md's transcript and the scripts' expected files")

// setup gives a script a world of its own.
func (o outside) setup(env *testscript.Env) error {
	home := filepath.Join(env.WorkDir, "home")
	data := filepath.Join(home, "share", "lockstep")
	if err := os.MkdirAll(home, 0o700); err != nil {
		return err
	}

	env.Values[worldKey{}] = &world{env: env, running: map[string]*process{}}
	for _, pair := range append([][2]string{
		{"PATH", strings.Join([]string{env.Getenv("PATH"), o.pythonDir}, string(filepath.ListSeparator))},
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

// gitEnvironment cuts git off from the machine's configuration.
func gitEnvironment() [][2]string {
	return [][2]string{
		{"GIT_CONFIG_NOSYSTEM", "1"}, {"GIT_CONFIG_GLOBAL", os.DevNull}, {"GIT_TERMINAL_PROMPT", "0"},
		{"GIT_AUTHOR_NAME", "Test"}, {"GIT_AUTHOR_EMAIL", "test@example.com"},
		{"GIT_COMMITTER_NAME", "Test"}, {"GIT_COMMITTER_EMAIL", "test@example.com"},
	}
}

// An outside is what the machine has beside Go.
type outside struct {
	python    string // the interpreter itself, "" where there is none
	pythonDir string
}

// find looks for it. Without git there is nothing to test.
func find(t *testing.T) outside {
	t.Helper()
	if _, err := exec.LookPath("git"); err != nil {
		lacking(t, "git is not installed")
	}
	// What PATH leads to may be a shim that needs the home it was installed in.
	out, err := exec.Command("python3", "-c", "import sys; print(sys.executable)").Output()
	if err != nil {
		return outside{}
	}
	python := strings.TrimSpace(string(out))
	return outside{python: python, pythonDir: filepath.Dir(python)}
}

// lacking skips a test for want of something, or fails it where nothing may be
// skipped.
func lacking(t testing.TB, why string) {
	t.Helper()
	if os.Getenv("CI") == "true" {
		t.Fatal(why)
	}
	t.Skip(why)
}
