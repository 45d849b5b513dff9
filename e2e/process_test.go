package e2e

import (
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/rogpeppe/go-internal/testscript"
)

// timeout is how long anything may take that takes moments.
const timeout = 60 * time.Second

// A world is the servers and the Git host of a script.
type world struct {
	env     *testscript.Env
	running map[string]*process
	host    *gitHost
}

type worldKey struct{}

func worldOf(ts *testscript.TestScript) *world { return ts.Value(worldKey{}).(*world) }

// tb returns the test of a script.
func (w *world) tb() testing.TB { return w.env.T().(testing.TB) }

// commands returns the commands of scripts.
func commands(m machine) map[string]func(*testscript.TestScript, bool, []string) {
	return map[string]func(*testscript.TestScript, bool, []string){
		"start":    start,
		"spawn":    spawn,
		"end":      end,
		"kill9":    kill9,
		"exits":    exits,
		"until":    until,
		"commit":   commit,
		"githost":  githost,
		"database": freshDatabase,
		"key":      key,
		"as":       as,
		"python3":  m.python3,
		"boto3":    m.boto3,
		"aws":      m.aws,
		"moto":     m.moto,
	}
}

// A process is a server that a script has started.
type process struct {
	cmd   *exec.Cmd
	ended chan struct{} // closed at its end, with err set
	err   error
	out   string // file
	errs  string // file
}

var readyLine = regexp.MustCompile(`(?m)^ready (http\S+)$`)

// start NAME PROGRAM ARG…
func start(ts *testscript.TestScript, neg bool, args []string) {
	spawn(ts, neg, args)
	server := worldOf(ts).running[args[0]]
	ts.Setenv(strings.ToUpper(args[0])+"_URL", server.ready(ts, args[0]))
	_, err := io.WriteString(ts.Stdout(), server.output())
	ts.Check(err)
}

// spawn NAME PROGRAM ARG…
func spawn(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) < 2 {
		ts.Fatalf("usage: start|spawn NAME PROGRAM ARG…")
	}
	w := worldOf(ts)
	if w.running[args[0]] != nil {
		ts.Fatalf("%s is running already", args[0])
	}
	p, err := w.spawn(ts, args[0], args[1:])
	ts.Check(err)
	w.running[args[0]] = p
}

// spawn starts a process with the script's environment. The process ends with the script.
func (w *world) spawn(ts *testscript.TestScript, name string, argv []string) (*process, error) {
	program, err := lookPath(ts, argv[0])
	if err != nil {
		return nil, err
	}

	started := &process{cmd: exec.Command(program, argv[1:]...), ended: make(chan struct{}),
		out: filepath.Join(w.env.WorkDir, name+".out"), errs: filepath.Join(w.env.WorkDir, name+".err")}
	stdout, err := os.Create(started.out)
	if err != nil {
		return nil, err
	}
	defer stdout.Close()

	stderr, err := os.Create(started.errs)
	if err != nil {
		return nil, err
	}
	defer stderr.Close()

	started.cmd.Args[0] = argv[0]
	started.cmd.Dir = ts.MkAbs(".")
	started.cmd.Stdout, started.cmd.Stderr = stdout, stderr
	started.cmd.Env = w.environment(ts)

	if err := started.cmd.Start(); err != nil {
		return nil, err
	}

	go func() {
		started.err = started.cmd.Wait()
		close(started.ended)
	}()
	ts.Defer(func() {
		_ = started.cmd.Process.Kill() // it may have ended
		<-started.ended
	})
	return started, nil
}

// environment returns the script's environment, which testscript does not expose: the variables that
// setup has set, and those that Lockstep reads.
func (w *world) environment(ts *testscript.TestScript) []string {
	var all []string
	for _, pair := range w.env.Vars {
		name, _, _ := strings.Cut(pair, "=")
		all = append(all, name+"="+ts.Getenv(name))
	}

	for _, name := range []string{"LOCKSTEP_CONFIG", "LOCKSTEP_DB", "LOCKSTEP_LISTEN", "LOCKSTEP_TARGET",
		"LOCKSTEP_ENDPOINT_URL", "LOCKSTEP_ACCESS_KEY_ID", "LOCKSTEP_SECRET_ACCESS_KEY"} {
		if value := ts.Getenv(name); value != "" {
			all = append(all, name+"="+value)
		}
	}

	return all
}

func lookPath(ts *testscript.TestScript, program string) (string, error) {
	for dir := range strings.SplitSeq(ts.Getenv("PATH"), ":") {
		if path, err := exec.LookPath(dir + "/" + program); err == nil {
			return path, nil
		}
	}
	return "", fmt.Errorf("%s: no such program", program)
}

// ready waits until a server is ready and returns its URL.
func (p *process) ready(ts *testscript.TestScript, name string) string {
	deadline := time.After(timeout)
	tick := time.NewTicker(20 * time.Millisecond)
	defer tick.Stop()

	for {
		ended := false
		select {
		case <-p.ended:
			ended = true
		case <-deadline:
			ts.Fatalf("%s is not ready after %s:\n%s", name, timeout, p.output())
		case <-tick.C:
		}

		text, err := os.ReadFile(p.out)
		ts.Check(err)
		if m := readyLine.FindSubmatch(text); m != nil {
			return string(m[1])
		}

		if ended {
			ts.Fatalf("%s ended (%v) and was not ready:\n%s", name, p.err, p.output())
		}
	}
}

// output returns what a process has written.
func (p *process) output() string {
	out, _ := os.ReadFile(p.out)
	errs, _ := os.ReadFile(p.errs)
	return string(out) + string(errs)
}

// remove returns a running process by name and forgets it.
func (w *world) remove(ts *testscript.TestScript, neg bool, args []string) *process {
	if neg || len(args) != 1 {
		ts.Fatalf("usage: end NAME, kill9 NAME")
	}
	server := w.running[args[0]]
	if server == nil {
		ts.Fatalf("%s is not running", args[0])
	}
	delete(w.running, args[0])
	return server
}

// end NAME
func end(ts *testscript.TestScript, neg bool, args []string) {
	server := worldOf(ts).remove(ts, neg, args)
	ts.Check(server.cmd.Process.Signal(syscall.SIGTERM))
	select {
	case <-server.ended:
	case <-time.After(timeout):
		ts.Fatalf("%s still runs %s after SIGTERM", args[0], timeout)
	}
	if server.err != nil {
		ts.Fatalf("%s: %v\n%s", args[0], server.err, server.output())
	}
}

// kill9 NAME
func kill9(ts *testscript.TestScript, neg bool, args []string) {
	server := worldOf(ts).remove(ts, neg, args)
	ts.Check(server.cmd.Process.Kill())
	<-server.ended
	if code := server.cmd.ProcessState.ExitCode(); code != -1 {
		ts.Fatalf("%s had already ended with exit code %d:\n%s", args[0], code, server.output())
	}
}

// exits CODE PROGRAM ARG…
func exits(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) < 2 {
		ts.Fatalf("usage: exits CODE PROGRAM ARG…")
	}

	err := ts.Exec(args[1], args[2:]...)
	code := 0
	if exit, ok := errors.AsType[*exec.ExitError](err); ok {
		code = exit.ExitCode()
	} else {
		ts.Check(err)
	}

	if fmt.Sprint(code) != args[0] {
		ts.Fatalf("the exit code is %d, want %s", code, args[0])
	}
}

// until TIME [PATTERN] -- PROGRAM ARG…
func until(ts *testscript.TestScript, neg bool, args []string) {
	var pattern *regexp.Regexp
	var err error
	limit, argv := time.Duration(0), []string(nil)
	switch {
	case neg:
	case len(args) > 2 && args[1] == "--":
		pattern, argv = regexp.MustCompile(""), args[2:]
	case len(args) > 3 && args[2] == "--":
		pattern, err = regexp.Compile("(?m)" + args[1])
		argv = args[3:]
	}

	ts.Check(err)
	if argv == nil {
		ts.Fatalf("usage: until TIME [PATTERN] -- PROGRAM ARG…")
	}

	limit, err = time.ParseDuration(args[0])
	ts.Check(err)
	deadline := time.After(limit)
	for {
		err := ts.Exec(argv[0], argv[1:]...)
		if err == nil && pattern.MatchString(ts.ReadFile("stdout")) {
			return
		}

		select {
		case <-deadline:
			ts.Fatalf("no success within %s (%v): %s", limit, err, strings.Join(args[1:], " "))
		case <-time.After(100 * time.Millisecond):
		}
	}
}
