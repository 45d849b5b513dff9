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

// serviceError is the exit code of version 1 of the CLI for an exception of a service.
// That of version 2 is 254.
const serviceError = 255

func TestAWSCLI(t *testing.T) {
	t.Parallel()
	interpreter := python(t, "awscli")
	double := newFakeServer(t)
	type said struct {
		ExitCode int
		Said     string
	}
	var report map[string]map[string]struct {
		Output map[string]any
		Errors map[string]said
	}
	runScript(t, double, &report, "env", "AWS_MAX_ATTEMPTS=1", interpreter, "testdata/awscli_driver.py")

	for service, operations := range double.cases {
		codes := map[string]bool{}
		for operation, test := range operations {
			got := report[service][operation]
			if diff := cmp.Diff(test.Output, got.Output); diff != "" {
				t.Errorf("%s.%s (-want +printed):\n%s", service, operation, diff)
			}

			for _, exception := range test.Errors {
				have, ok := got.Errors[exception.Code]
				codes[exception.Code] = codes[exception.Code] || ok
				have.Said = strings.Replace(have.Said, " (reached max retries: 0)", "", 1)
				want := said{
					ExitCode: serviceError,
					Said: fmt.Sprintf("An error occurred (%s) when calling the %s operation: %s", exception.Code,
						operation, exception.Message),
				}
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

// The exit codes are those of the program as started from a shell.
func TestAWSCLIEndsWithItsExitCodes(t *testing.T) {
	t.Parallel()
	interpreter := python(t, "awscli")
	double := newFakeServer(t)
	aws := filepath.Join(filepath.Dir(interpreter), "aws")
	if _, err := os.Stat(aws); err != nil {
		skipMissing(t, "the AWS CLI is not where its Python is")
	}

	gone := httptest.NewServer(nil)
	gone.Close()
	var group sync.WaitGroup
	defer group.Wait()

	for _, test := range []struct {
		url, service, operation string
		retry                   []string
		code                    int
		says                    string
		tries                   map[string]int
	}{
		{
			url:       double.url + "/shell/ok",
			service:   "codeconnections",
			operation: "list-hosts",
			says:      `"HostArn": "arn:aws:`,
			tries:     map[string]int{"ok": 1},
		},
		{
			url:       double.url + "/throttled/ThrottlingException",
			service:   "codestar-connections",
			operation: "list-hosts",
			retry:     []string{"AWS_RETRY_MODE=standard", "AWS_MAX_ATTEMPTS=2"},
			code:      serviceError,
			says:      "(ThrottlingException) when calling the ListHosts operation (reached max retries: 1)",
			tries:     map[string]int{"ThrottlingException": 2},
		},
		{
			url:       gone.URL,
			service:   "codeconnections",
			operation: "list-hosts",
			retry:     []string{"AWS_MAX_ATTEMPTS=1"},
			code:      255,
			says:      "Could not connect to the endpoint URL",
		},
	} {
		group.Go(func() {
			input, err := json.Marshal(double.cases[test.service]["ListHosts"].Input)
			if err != nil {
				t.Error(err)
				return
			}

			cmd := exec.CommandContext(t.Context(), aws, test.service, test.operation, "--endpoint-url", test.url,
				"--cli-input-json", string(input))
			cmd.Env = cleanEnvironment(test.retry...)
			var output bytes.Buffer
			cmd.Stdout, cmd.Stderr = &output, &output
			err = cmd.Run()
			exit, failed := errors.AsType[*exec.ExitError](err)
			if failed && exit.ExitCode() != test.code || !failed && (err != nil || test.code != 0) ||
				!strings.Contains(output.String(), test.says) {
				t.Errorf("%s: %v, want exit code %d and %q; it said\n%s", test.url, err, test.code, test.says,
					output.String())
			}

			for code, tries := range test.tries {
				run, _, _ := strings.Cut(strings.TrimPrefix(test.url, double.url+"/"), "/")
				if got := double.triesOf(request{
					run:       run,
					service:   test.service,
					operation: "ListHosts",
					code:      code,
				}); got != tries {
					t.Errorf("%s: %d requests, want %d", test.url, got, tries)
				}
			}
		})
	}
}
