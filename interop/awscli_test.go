package interop

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// serviceError is what version 1 of the CLI ends with when a service answers with
// an exception; version 2 ends with 254.
const serviceError = 255

func TestAWSCLI(t *testing.T) {
	t.Parallel()
	interpreter := python(t, "awscli")
	d := newDouble(t)
	type said struct {
		ExitCode int
		Said     string
	}
	var report map[string]map[string]struct {
		Output map[string]any
		Errors map[string]said
	}
	script(t, d, &report, "env", "AWS_MAX_ATTEMPTS=1", interpreter, "testdata/awscli_driver.py")

	for service, operations := range d.cases {
		codes := map[string]bool{}
		for operation, c := range operations {
			got := report[service][operation]
			if diff := cmp.Diff(c.Output, got.Output); diff != "" {
				t.Errorf("%s.%s (-want +printed):\n%s", service, operation, diff)
			}

			for _, e := range c.Errors {
				have, ok := got.Errors[e.Code]
				codes[e.Code] = codes[e.Code] || ok
				have.Said = strings.Replace(have.Said, " (reached max retries: 0)", "", 1)
				want := said{serviceError, fmt.Sprintf("An error occurred (%s) when calling the %s operation: %s", e.Code, operation, e.Message)}
				if ok && have != want && have.Said+" " != want.Said { // without a message there is a blank less
					t.Errorf("%s.%s: got %+v, want %+v", service, operation, have, want)
				}
			}
		}

		for code, ok := range codes {
			if !ok {
				t.Errorf("%s: nothing was seen of %s", service, code)
			}
		}
	}
}

// What a shell sees: the program itself, started as people start it.
func TestAWSCLIEndsWithItsExitCodes(t *testing.T) {
	t.Parallel()
	interpreter := python(t, "awscli")
	d := newDouble(t)
	aws := filepath.Join(filepath.Dir(interpreter), "aws")
	if _, err := os.Stat(aws); err != nil {
		lacking(t, "the AWS CLI is not where its Python is")
	}

	gone := httptest.NewServer(nil)
	gone.Close()
	var group sync.WaitGroup
	defer group.Wait()

	for _, c := range []struct {
		url, service, operation string
		retry                   []string
		code                    int
		says                    string
		tries                   map[string]int
	}{
		{d.url + "/shell/ok", "codeconnections", "list-hosts", nil, 0, `"HostArn": "arn:aws:`, map[string]int{"ok": 1}},
		{d.url + "/throttled/ThrottlingException", "codestar-connections", "list-hosts", []string{"AWS_RETRY_MODE=standard", "AWS_MAX_ATTEMPTS=2"}, serviceError,
			"(ThrottlingException) when calling the ListHosts operation (reached max retries: 1)", map[string]int{"ThrottlingException": 2}},
		{gone.URL, "codeconnections", "list-hosts", []string{"AWS_MAX_ATTEMPTS=1"}, 255, "Could not connect to the endpoint URL", nil},
	} {
		group.Go(func() {
			input, err := json.Marshal(d.cases[c.service]["ListHosts"].Input)
			if err != nil {
				t.Error(err)
				return
			}

			cmd := exec.CommandContext(t.Context(), aws, c.service, c.operation, "--endpoint-url", c.url, "--cli-input-json", string(input))
			cmd.Env = environment(c.retry...)
			var said bytes.Buffer
			cmd.Stdout, cmd.Stderr = &said, &said
			err = cmd.Run()
			exit, failed := errors.AsType[*exec.ExitError](err)
			if failed && exit.ExitCode() != c.code || !failed && (err != nil || c.code != 0) || !strings.Contains(said.String(), c.says) {
				t.Errorf("%s: %v, want exit code %d and %q; it said\n%s", c.url, err, c.code, c.says, said.String())
			}

			for code, n := range c.tries {
				run, _, _ := strings.Cut(strings.TrimPrefix(c.url, d.url+"/"), "/")
				if got := d.triesOf(try{run, c.service, "ListHosts", code}); got != n {
					t.Errorf("%s: %d requests, want %d", c.url, got, n)
				}
			}
		})
	}
}
