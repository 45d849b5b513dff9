package interop

import (
	"os"
	"os/exec"
	"path/filepath"
	"testing"
)

// nodeModules gives the folder where scripts/deps.sh installs the SDK.
func nodeModules(t *testing.T) (program, folder string) {
	t.Helper()
	program, err := exec.LookPath("node")
	if err != nil {
		lacking(t, "node is not installed")
	}

	folder, err = filepath.Abs(filepath.Join("..", ".cache", "node"))
	if err != nil {
		t.Fatal(err)
	}

	if _, err := os.Stat(filepath.Join(folder, "node_modules", "@aws-sdk", "client-codestar-connections")); err != nil {
		lacking(t, "the AWS SDK for JavaScript is not installed: make deps says how")
	}

	return program, folder
}

func TestSDKForJavaScript(t *testing.T) {
	t.Parallel()
	program, folder := nodeModules(t)

	// The older service's client knows nothing of pull request comments.
	d := newDouble(t, "PullRequestComment")
	var report struct {
		Seen      map[string]map[string]answered
		Throttled struct{ Attempts, Delay float64 }
	}
	script(t, d, &report, program, "testdata/nodesdk.cjs", folder)
	compareAnswers(t, d, report.Seen, func(e exception) string {
		if e.Modelled {
			return e.Code
		}
		return "CodeStarConnectionsServiceException"
	})

	d.tried("node", map[string]int{"ThrottlingException": 3, "LimitExceededException": 3, "InternalServerException": 3, "InternalFailure": 3})
	if got := report.Throttled; got.Attempts != 3 || got.Delay <= 0 {
		t.Errorf("the SDK tried %v times and waited %v ms between", got.Attempts, got.Delay)
	}
}
