// Package interop asks the question that a change of client asks: do AWS's own
// clients take Lockstep for CodeConnections and CodeStar Connections? The clients
// are boto3, the AWS CLI, the SDK for JavaScript v3 and the SDK for Go v2.
//
// They speak to two servers. One is the real program, and shows that a whole job
// can be done with a client. The other is the double of server_test.go: the real
// protocol, shapes and signatures around operations that do nothing. Such an
// operation wants an input with every member that its model has, and answers with
// an output that has every member; or, asked by the path of the endpoint's URL,
// with any exception. So the whole of what can go over the wire goes over it: all
// operations of both services, both ways, and each exception that a model declares
// or that every operation can answer with.
//
// What a client is asked to do, and what it must have seen, is worked out here
// once, from the shapes (cases_test.go). A script under testdata is given that as
// JSON, drives its client, and prints as JSON what the client made of the answers:
// the output, and of an exception its code, class, status, message, request ID.
// How often a client tried is counted by the server. The Go test compares.
//
// A client that is not installed is skipped, saying so; with CI=true that is a
// failure.
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

// program, in the environment, makes of the test binary the real program.
const program = "LOCKSTEP_INTEROP_PROGRAM"

func TestMain(m *testing.M) {
	if os.Getenv(program) == "" {
		os.Exit(m.Run())
	}
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	context.AfterFunc(ctx, stop)
	os.Exit(cli.Run(ctx, os.Args[1:], os.Getenv, os.Stdin, os.Stdout, os.Stderr))
}

// lacking skips a test for want of a client, or fails it where nothing may be
// skipped.
func lacking(t *testing.T, why string) {
	t.Helper()
	if os.Getenv("CI") == "true" {
		t.Fatal(why)
	}
	t.Skip(why)
}

// python gives an interpreter that has a package.
func python(t *testing.T, needed string) string {
	t.Helper()
	out, err := exec.CommandContext(t.Context(), "python3", "-c", "import sys, "+needed+"; print(sys.executable)").Output()
	if err != nil {
		lacking(t, "python3 with "+needed+" is not installed")
	}
	return strings.TrimSpace(string(out))
}

// environment is what clients are given: nothing of the machine's own settings.
func environment(more ...string) []string {
	return append([]string{
		"PATH=" + os.Getenv("PATH"), "HOME=" + os.DevNull, "LC_ALL=C.UTF-8", "TZ=UTC",
		"AWS_CONFIG_FILE=" + os.DevNull, "AWS_SHARED_CREDENTIALS_FILE=" + os.DevNull, "AWS_EC2_METADATA_DISABLED=true",
		"AWS_REGION=" + region, "AWS_DEFAULT_REGION=" + region,
		"AWS_ACCESS_KEY_ID=" + accessKey, "AWS_SECRET_ACCESS_KEY=" + secretKey, "AWS_SESSION_TOKEN=" + sessionToken,
	}, more...)
}

// script runs a program of testdata with the cases and the URL of a double, and
// decodes what it prints.
func script(t *testing.T, d *double, report any, argv ...string) {
	t.Helper()
	cases := filepath.Join(t.TempDir(), "cases.json")
	text, err := json.Marshal(d.cases)
	if err != nil {
		t.Fatal(err)
	}

	if err := os.WriteFile(cases, text, 0o600); err != nil {
		t.Fatal(err)
	}

	cmd := exec.CommandContext(t.Context(), argv[0], append(argv[1:], cases, d.url)...)
	cmd.Env = environment()
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
