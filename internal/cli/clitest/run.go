package clitest

import (
	"bytes"
	"context"
	"flag"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/lockstephq/lockstep/internal/cli"
)

var update = flag.Bool("update", false, "rewrite the golden files")

// Main runs the tests of a package in UTC, since tables show local time.
func Main(m *testing.M) {
	time.Local = time.UTC
	os.Exit(m.Run())
}

// A Result is the result of a run of the program.
type Result struct {
	Code           int
	Stdout, Stderr string
}

// Run runs the program in an environment without anything of this machine.
func Run(t testing.TB, env map[string]string, args ...string) Result {
	t.Helper()
	return RunWith(t, t.Context(), env, "", args...)
}

// RunWith runs the program with a context and standard input.
func RunWith(t testing.TB, ctx context.Context, env map[string]string, stdin string, args ...string) Result {
	t.Helper()
	var stdout, stderr bytes.Buffer
	code := cli.Run(ctx, args, Getenv(t, env), strings.NewReader(stdin), &stdout, &stderr)
	return Result{Code: code, Stdout: stdout.String(), Stderr: stderr.String()}
}

// Getenv returns a function that looks variables up in env, with a new directory
// as HOME.
func Getenv(t testing.TB, env map[string]string) func(string) string {
	home := t.TempDir()
	return func(name string) string {
		if value, ok := env[name]; ok {
			return value
		}
		if name == "HOME" {
			return home
		}
		return ""
	}
}

// OK stops the test unless the command succeeded.
func (r Result) OK(t testing.TB) Result {
	t.Helper()
	if r.Code != 0 {
		t.Fatalf("exit code %d\nstdout: %s\nstderr: %s", r.Code, r.Stdout, r.Stderr)
	}
	return r
}

// Fails checks the exit code of a command that failed, and that standard error
// contains each text and standard output nothing.
func (r Result) Fails(t testing.TB, code int, texts ...string) {
	t.Helper()
	if r.Code != code {
		t.Errorf("exit code %d, want %d", r.Code, code)
	}

	for _, text := range texts {
		if !strings.Contains(r.Stderr, text) {
			t.Errorf("stderr does not contain %q:\n%s", text, r.Stderr)
		}
	}

	if r.Stdout != "" {
		t.Errorf("stdout is not empty: %s", r.Stdout)
	}
}

// Prints checks that standard output contains each text.
func (r Result) Prints(t testing.TB, texts ...string) {
	t.Helper()
	for _, text := range texts {
		if !strings.Contains(r.Stdout, text) {
			t.Errorf("stdout does not contain %q:\n%s", text, r.Stdout)
		}
	}
}

// Golden compares got with the file testdata/NAME.golden, which -update rewrites.
func Golden(t testing.TB, name, got string) {
	t.Helper()
	file := filepath.Join("testdata", name+".golden")
	if *update {
		if err := os.WriteFile(file, []byte(got), 0o644); err != nil {
			t.Fatal(err)
		}
	}

	if diff := cmp.Diff(ReadFile(t, file), got); diff != "" {
		t.Errorf("%s (-want +got):\n%s", file, diff)
	}
}

// WriteFile writes a file, and its directory.
func WriteFile(t testing.TB, file, text string) {
	t.Helper()
	if err := os.MkdirAll(filepath.Dir(file), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
}

// ReadFile returns the text of a file.
func ReadFile(t testing.TB, file string) string {
	t.Helper()
	text, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}
