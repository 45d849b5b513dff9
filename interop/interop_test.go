// Package interop tests that AWS's own clients work with Lockstep as with
// CodeConnections and CodeStar Connections: boto3, the AWS CLI, the SDK for
// JavaScript v3 and the SDK for Go v2.
//
// # Servers
//
// The clients use two servers. The real program shows that a client can do a whole
// job. The fake server (server_test.go) has the real protocol, shapes and signatures,
// and operations that do nothing. Such an operation requires a request with every
// member of its model, and returns a response with every member or, if the path of the
// endpoint's URL names one, an exception. This covers all operations of both services
// with their requests, responses and exceptions.
//
// # Test cases
//
// The requests and the expected results are computed from the shapes (cases_test.go).
// A script in testdata reads them as JSON, drives its client, and prints as JSON what
// the client decoded: the response, or the code, class, status, message and request ID
// of the exception. The fake server counts retries. The Go test compares.
//
// A test is skipped if its client is not installed; with CI=true it fails.
package interop

import (
	"bytes"
	"context"
	"encoding/json"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"github.com/lockstephq/lockstep/internal/cli"
)

// program is the variable with which the test binary runs as the real program.
const program = "LOCKSTEP_INTEROP_PROGRAM"

func TestMain(m *testing.M) {
	if os.Getenv(program) == "" {
		os.Exit(m.Run())
	}
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	context.AfterFunc(ctx, stop)
	os.Exit(cli.Run(ctx, os.Args[1:], os.Getenv, os.Stdin, os.Stdout, os.Stderr))
}

// skipMissing skips a test whose client is not installed, or fails it with CI=true.
func skipMissing(t *testing.T, why string) {
	t.Helper()
	if os.Getenv("CI") == "true" {
		t.Fatal(why)
	}
	t.Skip(why)
}

// python returns a Python interpreter with a package.
func python(t *testing.T, needed string) string {
	t.Helper()
	out, err := exec.CommandContext(t.Context(), "python3", "-c",
		"import sys, "+needed+"; print(sys.executable)").Output()
	if err != nil {
		skipMissing(t, "python3 with "+needed+" is not installed")
	}
	return strings.TrimSpace(string(out))
}

// cleanEnvironment returns variables without the settings of this machine.
func cleanEnvironment(more ...string) []string {
	return append([]string{
		"PATH=" + os.Getenv("PATH"), "HOME=" + os.DevNull, "LC_ALL=C.UTF-8", "TZ=UTC",
		"AWS_CONFIG_FILE=" + os.DevNull, "AWS_SHARED_CREDENTIALS_FILE=" + os.DevNull, "AWS_EC2_METADATA_DISABLED=true",
		"AWS_REGION=" + region, "AWS_DEFAULT_REGION=" + region,
		"AWS_ACCESS_KEY_ID=" + accessKey, "AWS_SECRET_ACCESS_KEY=" + secretKey, "AWS_SESSION_TOKEN=" + sessionToken,
	}, more...)
}

// runScript runs a program of testdata with the test cases and the URL of a fake
// server, and decodes its output.
func runScript(t *testing.T, double *fakeServer, report any, argv ...string) {
	t.Helper()
	cases := filepath.Join(t.TempDir(), "cases.json")
	text, err := json.Marshal(double.cases)
	if err != nil {
		t.Fatal(err)
	}

	if err := os.WriteFile(cases, text, 0o600); err != nil {
		t.Fatal(err)
	}

	cmd := exec.CommandContext(t.Context(), argv[0], append(argv[1:], cases, double.url)...)
	cmd.Env = cleanEnvironment()
	cmd.Stderr = t.Output()
	out, err := cmd.Output()
	if err != nil {
		t.Fatalf("%s: %v", strings.Join(argv, " "), err)
	}

	decoder := json.NewDecoder(bytes.NewReader(out))
	decoder.DisallowUnknownFields()
	if err := decoder.Decode(report); err != nil {
		t.Fatalf("%s printed %.2000s: %v", strings.Join(argv, " "), out, err)
	}
}
