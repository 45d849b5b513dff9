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
	c := servertest.NewWorkingCopy(t, "infra").Write(map[string]string{"topic.yaml": servertest.DeploymentFile, "template.yaml": servertest.TopicTemplate, "other.yaml": servertest.DeploymentFile}).Commit()
	r := servertest.Up(t, local.UpOptions{Data: data, Repositories: []string{c.Dir}, Target: target + "/"})
	r.WaitFor(`(?m)^topic +SUCCEEDED`)
	r.WantOutput("Target "+target+", account 000000000000, region us-east-1:\n  create stack other from other.yaml\n  create stack topic from topic.yaml\n",
		"!Go on?", "!describe-stacks")
	cfg, p := goProfile(t, data)
	if p.CloudFormation != "" || p.CodeConnections != r.URL() {
		t.Errorf("the profile leads to %+v", p)
	}

	names, err := listLinks(t.Context(), cfg)
	if err != nil || !cmp.Equal(names, []string{"infra"}) {
		t.Errorf("links %q, %v", names, err)
	}

	r.Stop()
	// What is there already would be updated; what is configured is not news.
	again := servertest.UpOnce(t, local.UpOptions{Data: data + "2", Repositories: []string{c.Dir}, Target: target})
	again.WantExit(0)
	again.WantOutput("  update stack topic from topic.yaml\n")
	known := servertest.UpOnce(t, local.UpOptions{Data: data, Repositories: []string{c.Dir}, Target: target})
	known.WantExit(0)
	known.WantOutput("!update stack")
}

func TestOutsideTheSandboxNamesThatCollideAreRefused(t *testing.T) {
	servertest.SkipIfShort(t)
	t.Parallel()
	target := servertest.Sandbox(t, local.SandboxOptions{}).URL()
	one, two := servertest.NewTopic(t), servertest.NewTopic(t)
	o := local.UpOptions{Data: filepath.Join(t.TempDir(), "data"), Repositories: []string{one.Dir, two.Dir}, Target: target}
	r := servertest.UpOnce(t, o)
	r.WantExit(2, "topic.yaml and topic.yaml both ask for the name topic", "--name topic.yaml=NAME")
	r.WantOutput("!ready", "!STACK")

	// Against what is synced already, too.
	o.Repositories = []string{one.Dir}
	servertest.UpOnce(t, o).WantExit(0)
	o.Repositories = []string{two.Dir}
	servertest.UpOnce(t, o).WantExit(2, "both ask for the name topic")
	o.Names = map[string]string{"topic.yaml": "second"}
	r = servertest.UpOnce(t, o)
	r.WantExit(0)
	r.WantOutput("create stack second from topic.yaml", "second@")
}

func TestADirectoryIsBoundToItsFirstTarget(t *testing.T) {
	servertest.SkipIfShort(t)
	t.Parallel()
	sandbox := servertest.Sandbox(t, local.SandboxOptions{})
	target := sandbox.URL()
	data := filepath.Join(t.TempDir(), "data")
	c := servertest.NewTopic(t)

	// What was never reached binds nothing.
	wrong := "http://" + servertest.ClosedAddress(t)
	begun := time.Now()
	r := servertest.UpOnce(t, local.UpOptions{Data: data, Repositories: []string{c.Dir}, Target: wrong})
	r.WantExit(1, wrong, "connection refused")

	if took := time.Since(begun); took > 10*time.Second {
		t.Errorf("to see that nobody is there took %s", took)
	}

	r.WantOutput("!ready", "!create")
	servertest.UpOnce(t, local.UpOptions{Data: data, Repositories: []string{c.Dir}, Target: target}).WantExit(0)
	for _, other := range []string{"sandbox", "aws", wrong} {
		r := servertest.UpOnce(t, local.UpOptions{Data: data, Repositories: []string{c.Dir}, Target: other})
		r.WantExit(2, "bound to target "+target, other, "--data")
	}

	servertest.UpOnce(t, local.UpOptions{Data: data, Repositories: []string{c.Dir}, Target: target + "/"}).WantExit(0)
}

func TestATargetThatIsNoCloudFormationIsNamed(t *testing.T) {
	servertest.SkipIfShort(t)
	t.Parallel()
	web := httptest.NewServer(http.NotFoundHandler())
	defer web.Close()
	r := servertest.UpOnce(t, local.UpOptions{Repositories: []string{servertest.NewTopic(t).Dir}, Target: web.URL})
	r.WantExit(1, "get the caller identity from "+web.URL)
	if strings.Count(r.Err().Error(), "\n") > 0 {
		t.Errorf("the error has lines: %s", r.Err())
	}
}
