package configure_test

import (
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/lockstephq/lockstep/internal/cli/clitest"
)

// newSyncInstallation returns an installation with the link acme/infra.
func newSyncInstallation(t testing.TB) clitest.Installation {
	t.Helper()
	i := clitest.NewInstallation(t)
	i.Run(t, "connect", "acme", "--provider", "Git", "--endpoint", "https://git.example.com", "--none").OK(t)
	i.Run(t, "link", "create", "--connection", "acme", "--repository", "acme/infra").OK(t)
	return i
}

// createWeb creates the sync configuration web.
func createWeb(t testing.TB, i clitest.Installation, flags ...string) clitest.Result {
	t.Helper()
	args := []string{"sync", "create", "--resource", "web", "--link", "acme/infra", "--branch", "main",
		"--file", "web.yaml", "--role-arn", clitest.RoleARN}
	return i.Run(t, append(args, flags...)...).OK(t)
}

func TestSyncCreatePrintsTheNextStep(t *testing.T) {
	i := newSyncInstallation(t)

	stdout := createWeb(t, i).Stdout

	want := "Created sync configuration web: web.yaml of acme/infra on branch main\nNext: lockstep wait web\n"
	if stdout != want {
		t.Errorf("it prints %q, want %q", stdout, want)
	}
	i.Run(t, "wait", "web").OK(t).Prints(t, "web SUCCEEDED main@11111111\n")
}

func TestSyncCommandsReachTheEngine(t *testing.T) {
	i := newSyncInstallation(t)

	createWeb(t, i)
	i.Run(t, "sync", "update", "web", "--file", "new.yaml", "--trigger", "ANY_CHANGE").OK(t)
	i.Run(t, "sync", "now", "web").OK(t)
	i.Run(t, "sync", "now", "--link", "acme/infra").OK(t)
	i.Run(t, "retry", "web").OK(t)
	i.Run(t, "sync", "delete", "web").OK(t).Prints(t, "Its stack is not changed.")

	want := []string{
		"configured web main web.yaml ",
		"configured web main new.yaml ANY_CHANGE",
		"request main",
		"request main",
		"retry web",
		"deconfigured web",
	}
	if diff := cmp.Diff(want, i.Requests()); diff != "" {
		t.Errorf("requests to the engine (-want +got):\n%s", diff)
	}
}

func TestSyncNowNeedsALink(t *testing.T) {
	i := clitest.NewInstallation(t)

	i.Run(t, "sync", "now", "--link", "acme/infra").Fails(t, 1, "There is no repository link acme/infra")
}

func TestSyncShowPrintsTheConfiguration(t *testing.T) {
	i := newSyncInstallation(t)
	createWeb(t, i, "--publish-deployment-status", "on", "--pull-request-comment", "off")
	i.Run(t, "sync", "update", "--resource", "web", "--pull-request-comment", "on").OK(t)

	i.Run(t, "sync", "show", "web").OK(t).Prints(t,
		"Repository            acme/infra\n",
		"Trigger               FILE_CHANGE\n",
		"Deployment status     ENABLED\n",
		"Pull request comment  ENABLED\n")
	i.Run(t, "sync", "show", "web", "-o", "json").OK(t).Prints(t, `"PullRequestComment": "ENABLED"`)
	i.Run(t, "sync", "show", "api").Fails(t, 1, "ResourceNotFoundException")
}

// A name is not a path: ./-x would be another connection.
func TestApplyPrintsHowToConnectANameThatBeginsWithAHyphen(t *testing.T) {
	i := clitest.NewInstallation(t)
	file := filepath.Join(t.TempDir(), "lockstep.yaml")
	clitest.WriteFile(t, file, "connections:\n- {name: -x y, provider: GitHub}\n")

	i.Run(t, "apply", "-f", file).OK(t).
		Prints(t, "\n  lockstep connect --provider GitHub --token-stdin -- '-x y'\n")
}

func TestUsageErrorsNameWhatIsWrong(t *testing.T) {
	for line, want := range map[string]string{
		"sync create --resource web":                            "--link, --branch, --file, --role-arn is missing",
		"sync create --resource=":                               "--resource",
		"sync update --branch main":                             "--resource is missing",
		"sync update --resource web":                            "there is nothing to update",
		"sync update --resource web --trigger SOME_CHANGE":      `--trigger "SOME_CHANGE"`,
		"sync update --resource web --pull-request-comment yes": "must be on or off",
		"sync delete":                    "--resource is missing",
		"sync delete web --resource api": "RESOURCE and --resource are both given",
		"sync now":                       "either RESOURCE or --link",
		"sync now web --link x":          "either RESOURCE or --link",
		"sync now web --branch main":     "either RESOURCE or --link",
		"sync show":                      "RESOURCE is missing",
		"apply":                          "--file is missing",
		"apply -f /nowhere/x.yaml":       "Cannot read the manifest",
	} {
		t.Run(line, func(t *testing.T) { clitest.Run(t, nil, strings.Fields(line)...).Fails(t, 2, want) })
	}
}
