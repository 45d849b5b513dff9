package local_test

import (
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/lockstephq/lockstep/internal/local"
	"github.com/lockstephq/lockstep/internal/server/servertest"
)

func TestUpSyncsToAnotherCloudFormation(t *testing.T) {
	t.Parallel()
	target := servertest.Sandbox(t, local.SandboxOptions{}).URL()
	data := filepath.Join(t.TempDir(), "data")
	repo := servertest.NewWorkingCopy(t, "infra").Write(map[string]string{
		"topic.yaml":    servertest.DeploymentFile,
		"template.yaml": servertest.TopicTemplate,
		"other.yaml":    servertest.DeploymentFile,
	}).Commit()
	run := servertest.Up(t, local.UpOptions{Data: data, Repositories: []string{repo.Dir}, Target: target + "/"})
	run.WaitFor(`(?m)^topic +SUCCEEDED`)
	run.WantOutput("Target "+target+", account 000000000000, region us-east-1:\n  create stack other from other.yaml\n  create stack topic from topic.yaml\n",
		"!Continue?", "!describe-stacks")
	cfg, written := goProfile(t, data)
	if written.CloudFormation != "" || written.CodeConnections != run.URL() {
		t.Errorf("the profile is %+v", written)
	}

	names, err := listLinks(t.Context(), cfg)
	if err != nil || !cmp.Equal(names, []string{"infra"}) {
		t.Errorf("links %q, %v", names, err)
	}

	run.Stop()
	// An existing stack would be updated. A configured stack is not listed.
	again := servertest.UpOnce(t, local.UpOptions{Data: data + "2", Repositories: []string{repo.Dir}, Target: target})
	again.WantExit(0)
	again.WantOutput("  update stack topic from topic.yaml\n")
	known := servertest.UpOnce(t, local.UpOptions{Data: data, Repositories: []string{repo.Dir}, Target: target})
	known.WantExit(0)
	known.WantOutput("!update stack")
}

func TestCollidingNamesAreRefusedOutsideTheSandbox(t *testing.T) {
	servertest.SkipIfShort(t)
	t.Parallel()
	target := servertest.Sandbox(t, local.SandboxOptions{}).URL()
	one, two := servertest.NewTopic(t), servertest.NewTopic(t)
	options := local.UpOptions{
		Data:         filepath.Join(t.TempDir(), "data"),
		Repositories: []string{one.Dir, two.Dir},
		Target:       target,
	}
	run := servertest.UpOnce(t, options)
	run.WantExit(2, "topic.yaml and topic.yaml both ask for the name topic", "--name topic.yaml=NAME")
	run.WantOutput("!ready", "!STACK")

	// A name may also collide with a stack that is already synced.
	options.Repositories = []string{one.Dir}
	servertest.UpOnce(t, options).WantExit(0)
	options.Repositories = []string{two.Dir}
	servertest.UpOnce(t, options).WantExit(2, "both ask for the name topic")
	options.Names = map[string]string{"topic.yaml": "second"}
	run = servertest.UpOnce(t, options)
	run.WantExit(0)
	run.WantOutput("create stack second from topic.yaml", "second@")
}

func TestADirectoryIsBoundToItsFirstTarget(t *testing.T) {
	servertest.SkipIfShort(t)
	t.Parallel()
	sandbox := servertest.Sandbox(t, local.SandboxOptions{})
	target := sandbox.URL()
	data := filepath.Join(t.TempDir(), "data")
	repo := servertest.NewTopic(t)

	// A target that was never reached binds nothing.
	wrong := "http://" + servertest.ClosedAddress(t)
	began := time.Now()
	run := servertest.UpOnce(t, local.UpOptions{Data: data, Repositories: []string{repo.Dir}, Target: wrong})
	run.WantExit(1, wrong, "connection refused")

	if took := time.Since(began); took > 10*time.Second {
		t.Errorf("the refused connection took %s", took)
	}

	run.WantOutput("!ready", "!create")
	servertest.UpOnce(t, local.UpOptions{Data: data, Repositories: []string{repo.Dir}, Target: target}).WantExit(0)
	for _, other := range []string{"sandbox", "aws", wrong} {
		run := servertest.UpOnce(t, local.UpOptions{Data: data, Repositories: []string{repo.Dir}, Target: other})
		run.WantExit(2, "bound to target "+target, other, "--data")
	}

	servertest.UpOnce(t, local.UpOptions{
		Data:         data,
		Repositories: []string{repo.Dir},
		Target:       target + "/",
	}).WantExit(0)
}

func TestATargetWithoutSTSIsNamed(t *testing.T) {
	servertest.SkipIfShort(t)
	t.Parallel()
	web := httptest.NewServer(http.NotFoundHandler())
	defer web.Close()
	run := servertest.UpOnce(t, local.UpOptions{Repositories: []string{servertest.NewTopic(t).Dir}, Target: web.URL})
	run.WantExit(1, "get the caller identity from "+web.URL)
	if strings.Count(run.Err().Error(), "\n") > 0 {
		t.Errorf("the error has several lines: %s", run.Err())
	}
}
