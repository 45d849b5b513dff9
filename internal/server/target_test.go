package server_test

import (
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/lockstephq/lockstep/internal/server"
)

func TestUpSyncsToAnotherCloudFormation(t *testing.T) {
	t.Parallel()
	target := startSandbox(t, server.SandboxOptions{}).url()
	data := filepath.Join(t.TempDir(), "data")
	c := newCopy(t, "infra").write(map[string]string{"topic.yaml": deploymentFile, "template.yaml": topicTemplate, "other.yaml": deploymentFile}).commit()
	r := startUp(t, server.UpOptions{Data: data, Repositories: []string{c.dir}, Target: target + "/"})
	r.until(`(?m)^topic +SUCCEEDED`)
	r.says("Target "+target+", account 000000000000, region us-east-1:\n  create stack other from other.yaml\n  create stack topic from topic.yaml\n",
		"!Go on?", "!describe-stacks")
	cfg, p := goProfile(t, data)
	if p.CloudFormation != "" || p.CodeConnections != r.url() {
		t.Errorf("the profile leads to %+v", p)
	}

	names, err := listLinks(t.Context(), cfg)
	if err != nil || !cmp.Equal(names, []string{"infra"}) {
		t.Errorf("links %q, %v", names, err)
	}

	r.stop()
	// What is there already would be updated; what is configured is not news.
	again := once(t, server.UpOptions{Data: data + "2", Repositories: []string{c.dir}, Target: target})
	again.exit(0)
	again.says("  update stack topic from topic.yaml\n")
	known := once(t, server.UpOptions{Data: data, Repositories: []string{c.dir}, Target: target})
	known.exit(0)
	known.says("!update stack")
}

func TestOutsideTheSandboxNamesThatCollideAreRefused(t *testing.T) {
	varies(t)
	t.Parallel()
	target := startSandbox(t, server.SandboxOptions{}).url()
	one, two := topic(t), topic(t)
	o := server.UpOptions{Data: filepath.Join(t.TempDir(), "data"), Repositories: []string{one.dir, two.dir}, Target: target}
	r := once(t, o)
	r.exit(2, "topic.yaml and topic.yaml both ask for the name topic", "--name topic.yaml=NAME")
	r.says("!ready", "!STACK")

	// Against what is synced already, too.
	o.Repositories = []string{one.dir}
	once(t, o).exit(0)
	o.Repositories = []string{two.dir}
	once(t, o).exit(2, "both ask for the name topic")
	o.Names = map[string]string{"topic.yaml": "second"}
	r = once(t, o)
	r.exit(0)
	r.says("create stack second from topic.yaml", "second@")
}

func TestADirectoryIsBoundToItsFirstTarget(t *testing.T) {
	varies(t)
	t.Parallel()
	sandbox := startSandbox(t, server.SandboxOptions{})
	target := sandbox.url()
	data := filepath.Join(t.TempDir(), "data")
	c := topic(t)

	// What was never reached binds nothing.
	wrong := "http://" + closedAddress(t)
	begun := time.Now()
	r := once(t, server.UpOptions{Data: data, Repositories: []string{c.dir}, Target: wrong})
	r.exit(1, wrong, "connection refused")

	if took := time.Since(begun); took > 10*time.Second {
		t.Errorf("to see that nobody is there took %s", took)
	}

	r.says("!ready", "!create")
	once(t, server.UpOptions{Data: data, Repositories: []string{c.dir}, Target: target}).exit(0)
	for _, other := range []string{"sandbox", "aws", wrong} {
		r := once(t, server.UpOptions{Data: data, Repositories: []string{c.dir}, Target: other})
		r.exit(2, "bound to target "+target, other, "--data")
	}

	once(t, server.UpOptions{Data: data, Repositories: []string{c.dir}, Target: target + "/"}).exit(0)
}

func TestATargetThatIsNoCloudFormationIsNamed(t *testing.T) {
	varies(t)
	t.Parallel()
	web := httptest.NewServer(http.NotFoundHandler())
	defer web.Close()
	r := once(t, server.UpOptions{Repositories: []string{topic(t).dir}, Target: web.URL})
	r.exit(1, "ask "+web.URL+" whose credentials these are")
	if strings.Count(r.err.Error(), "\n") > 0 {
		t.Errorf("the error has lines: %s", r.err)
	}
}
