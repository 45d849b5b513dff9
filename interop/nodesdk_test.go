package interop

import (
	"os"
	"os/exec"
	"path/filepath"
	"testing"
)

// nodeModules returns Node.js and the directory where scripts/deps.sh installs the SDK.
func nodeModules(t *testing.T) (program, folder string) {
	t.Helper()
	program, err := exec.LookPath("node")
	if err != nil {
		skipMissing(t, "node is not installed")
	}

	folder, err = filepath.Abs(filepath.Join("..", ".cache", "node"))
	if err != nil {
		t.Fatal(err)
	}

	if _, err := os.Stat(filepath.Join(folder, "node_modules", "@aws-sdk", "client-codestar-connections")); err != nil {
		skipMissing(t, "the AWS SDK for JavaScript is not installed: make deps says how")
	}

	return program, folder
}

func TestSDKForJavaScript(t *testing.T) {
	t.Parallel()
	program, folder := nodeModules(t)

	// The older service's client knows nothing of pull request comments.
	double := newFakeServer(t, "PullRequestComment")
	var report struct {
		Seen      map[string]map[string]clientResult
		Throttled struct{ Attempts, Delay float64 }
	}
	runScript(t, double, &report, program, "testdata/nodesdk.cjs", folder)
	compareResults(t, double, report.Seen, func(e exception) string {
		if e.Modelled {
			return e.Code
		}
		return "CodeStarConnectionsServiceException"
	})

	double.tried("node", map[string]int{
		"ThrottlingException":     3,
		"LimitExceededException":  3,
		"InternalServerException": 3,
		"InternalFailure":         3,
	})
	if got := report.Throttled; got.Attempts != 3 || got.Delay <= 0 {
		t.Errorf("the SDK tried %v times and waited %v ms between", got.Attempts, got.Delay)
	}
}
