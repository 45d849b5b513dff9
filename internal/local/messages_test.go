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
	c := servertest.NewWorkingCopy(t, "data-infra").Write(map[string]string{"topic.yaml": servertest.DeploymentFile, "template.yaml": servertest.TopicTemplate}).Commit()
	r := servertest.Up(t, local.UpOptions{Data: strings.TrimSuffix(c.Dir, "-infra"), Repositories: []string{c.Dir}})
	r.WaitFor(`Ctrl-C stops`)
	r.WantOutput("--resource-name topic ", "!Change a parameter", "!--resource-name web")
	r.Stop()

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
	c := servertest.NewWorkingCopy(t, "infra").Write(map[string]string{"slow.yaml": servertest.DeploymentFile,
		"template.yaml": servertest.TopicTemplate + "    Metadata:\n      Lockstep::Sandbox: {Delay: 60s}\n"}).Commit()
	data := filepath.Join(t.TempDir(), "data")
	r := servertest.Up(t, local.UpOptions{Data: data, Repositories: []string{c.Dir}, Once: true})
	r.WaitFor(`CHANGESET_EXECUTION_IN_PROGRESS`)
	r.Cancel()
	r.WantExit(1, "Interrupted before every stack's first sync had ended.")

	// What was under way is gone on with.
	again := servertest.Up(t, local.UpOptions{Data: data})
	again.URL()
	again.Stop()
}
