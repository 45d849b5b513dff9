package local_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/lockstephq/lockstep/internal/local"
	"github.com/lockstephq/lockstep/internal/server/servertest"
)

func TestOnlyTheSampleGetsItsHints(t *testing.T) {
	servertest.SkipIfShort(t)
	t.Parallel()
	repo := servertest.NewWorkingCopy(t, "data-infra").Write(map[string]string{
		"topic.yaml":    servertest.DeploymentFile,
		"template.yaml": servertest.TopicTemplate,
	}).Commit()
	run := servertest.Up(t, local.UpOptions{
		Data:         strings.TrimSuffix(repo.Dir, "-infra"),
		Repositories: []string{repo.Dir},
	})
	run.WaitFor(`Ctrl-C stops`)
	run.WantOutput("--resource-name topic ", "!Change a parameter", "!--resource-name web")
	run.Stop()

	link := filepath.Join(t.TempDir(), "link")
	if err := os.Symlink(t.TempDir(), link); err != nil {
		t.Fatal(err)
	}

	sample := servertest.Up(t, local.UpOptions{Data: filepath.Join(link, "data")})
	sample.WaitFor(`Ctrl-C stops`)
	sample.WantOutput("--resource-name web ", "Change a parameter")
}

func TestUpOnceReportsAnInterruption(t *testing.T) {
	t.Parallel()
	repo := servertest.NewWorkingCopy(t, "infra").Write(map[string]string{"slow.yaml": servertest.DeploymentFile,
		"template.yaml": servertest.TopicTemplate + "    Metadata:\n      Lockstep::Sandbox: {Delay: 60s}\n"}).Commit()
	data := filepath.Join(t.TempDir(), "data")
	run := servertest.Up(t, local.UpOptions{Data: data, Repositories: []string{repo.Dir}, Once: true})
	run.WaitFor(`CHANGESET_EXECUTION_IN_PROGRESS`)
	run.Cancel()
	run.WantExit(1, "Interrupted before every stack's first sync had ended.")

	// The next run continues the sync.
	again := servertest.Up(t, local.UpOptions{Data: data})
	again.URL()
	again.Stop()
}
