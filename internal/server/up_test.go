package server_test

import (
	"context"
	"net"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/lockstephq/lockstep/internal/gitwire/gitwiretest"
	"github.com/lockstephq/lockstep/internal/server"
)

func TestUpSyncsTheSample(t *testing.T) {
	varies(t)
	t.Parallel()
	data := filepath.Join(t.TempDir(), "data")
	r := once(t, server.UpOptions{Data: data})
	r.exit(0)
	r.says("Made a sample repository with two stacks: "+filepath.Join(data, "sample"), "web@", "api@", "STACK_CREATE_SUCCEEDED", "!FAILED")
	if r.errs.String() != "" {
		t.Errorf("written to standard error: %s", &r.errs)
	}
}

func TestUpGoesOnWithTheUsersCommits(t *testing.T) {
	t.Parallel()
	data := filepath.Join(t.TempDir(), "data")
	r := startUp(t, server.UpOptions{Data: data})
	r.until(`(?m)^web +SUCCEEDED +main@`)
	r.until(`Ctrl-C stops`)
	r.says("Change a parameter and commit", "--resource-name web ", "AWS_CONFIG_FILE="+data, `boto3.client("codestar-connections", endpoint_url="`+r.url())
	r.stop()
	r.says("Stopped. Everything is kept")

	sample := workcopy{t, filepath.Join(data, "sample")}
	file := filepath.Join(sample.dir, "deployments/web.yaml")
	b, err := os.ReadFile(file)
	changed := strings.ReplaceAll(string(b), `"4"`, `"7"`)
	if err != nil || changed == string(b) {
		t.Fatalf("the sample's deployment file is %q, %v", b, err)
	}

	sample.write(map[string]string{"deployments/web.yaml": changed, "mine.yaml": deploymentFile, "template.yaml": topicTemplate}).commit()
	again := once(t, server.UpOptions{Data: data})
	again.exit(0)
	again.says("web@", "STACK_UPDATE_SUCCEEDED", "mine@", "!Made a sample")

	if b, err := os.ReadFile(file); err != nil || string(b) != changed {
		t.Errorf("the user's file was not kept: %q %v", b, err)
	}
}

func TestUpSyncsWhatItIsGiven(t *testing.T) {
	varies(t)
	two := newCopy(t, "two").write(map[string]string{
		"a/deployment.yaml": "template-file-path: template.yaml\n", "b/deployment.yaml": "template-file-path: template.yaml\n",
		"template.yaml": topicTemplate,
	}).commit()
	gitwiretest.Git(t, two.dir, "switch", "--quiet", "--create", "topic")
	two.write(map[string]string{"a/later.yaml": "template-file-path: template.yaml\n"}).commit()
	gitwiretest.Git(t, two.dir, "switch", "--quiet", "main")
	one := topic(t)
	again := topic(t)
	odd := newCopy(t, "it's 100% \"ö\" #1?").write(map[string]string{"some where/topic.yaml": deploymentFile, "template.yaml": topicTemplate}).commit()
	tests := map[string]struct {
		o    server.UpOptions
		says []string
	}{
		"two repositories": {server.UpOptions{Repositories: []string{two.dir, one.dir}}, []string{"a@", "b@", "topic@", "!later"}},
		"a subfolder":      {server.UpOptions{Repositories: []string{filepath.Join(two.dir, "b")}}, []string{"b@", "!a@"}},
		"a branch":         {server.UpOptions{Repositories: []string{two.dir}, Branch: "topic"}, []string{"later@", "a@"}},
		"some files":       {server.UpOptions{Repositories: []string{two.dir}, Only: "b/*"}, []string{"b@", "!a@"}},
		"another name":     {server.UpOptions{Repositories: []string{two.dir}, Names: map[string]string{"a/deployment.yaml": "azure"}}, []string{"azure@", "b@", "!a@"}},
		"names that collide": {server.UpOptions{Repositories: []string{one.dir, again.dir}},
			[]string{"topic@", "topic-2@", "it is synced as topic-2, because topic is taken"}},
		"a name of an odd kind": {server.UpOptions{Repositories: []string{odd.dir}}, []string{"topic@", "STACK_CREATE_SUCCEEDED"}},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			r := once(t, tt.o)
			r.exit(0)
			r.says(tt.says...)
		})
	}
}

func TestUpNamesWhatIsNotCommitted(t *testing.T) {
	varies(t)
	t.Parallel()
	c := newCopy(t, "infra").write(map[string]string{
		"same.yaml": "template-file-path: same-template.yaml\n", "changed.yaml": deploymentFile, "gone.yaml": "template-file-path: same-template.yaml\n",
		"same-template.yaml": topicTemplate, "template.yaml": topicTemplate, "notes.yaml": "a: b\n",
	}).commit()
	c.write(map[string]string{
		"changed.yaml": deploymentFile + "tags: {a: b}\n", "template.yaml": topicTemplate + "# more\n", "notes.yaml": "a: c\n",
		"untracked.yaml": "template-file-path: new-template.yaml\n", "new-template.yaml": topicTemplate, "README": "changed",
	})

	if err := os.Remove(filepath.Join(c.dir, "gone.yaml")); err != nil {
		t.Fatal(err)
	}

	r := once(t, server.UpOptions{Repositories: []string{c.dir}})
	r.exit(0)
	var named []string
	for line := range strings.Lines(r.out.String()) {
		if name, ok := strings.CutPrefix(line, "Not committed, and so not synced: "); ok {
			named = append(named, strings.TrimSpace(name))
		}
	}

	if got, want := strings.Join(named, " "), "changed.yaml gone.yaml new-template.yaml template.yaml untracked.yaml"; got != want {
		t.Errorf("named are %s, want %s", got, want)
	}

	r.says("changed@", "gone@", "same@", "!untracked@")
}

func TestUpWithNothingToSyncIsAUsageError(t *testing.T) {
	varies(t)
	none := newCopy(t, "no files").write(map[string]string{"a template.yaml": topicTemplate, "sub/other.json": `{"Resources": {"T": {"Type": "AWS::SNS::Topic"}}}`}).commit()
	empty := newCopy(t, "empty")
	tests := map[string]struct {
		o    server.UpOptions
		want []string
	}{
		"no deployment file": {server.UpOptions{Repositories: []string{none.dir}}, []string{
			none.dir + ": no deployment file at main@",
			"a template.yaml is a template. To sync it: cd '" + none.dir + "' && lockstep init 'a template.yaml', then commit.",
			"&& lockstep init sub/other.json, then commit."}},
		"no deployment file, once": {server.UpOptions{Repositories: []string{none.dir}, Once: true}, []string{"no deployment file"}},
		"none of that pattern":     {server.UpOptions{Repositories: []string{topic(t).dir}, Only: "x*"}, []string{"no deployment file"}},
		"no commit, once":          {server.UpOptions{Repositories: []string{empty.dir}, Once: true}, []string{empty.dir + ": branch main has no commit yet."}},
		"no such branch, once":     {server.UpOptions{Repositories: []string{none.dir}, Branch: "nosuch", Once: true}, []string{"there is no branch nosuch"}},
		"no such folder":           {server.UpOptions{Repositories: []string{"/nowhere"}}, []string{"/nowhere: there is no such folder"}},
		"one repository twice":     {server.UpOptions{Repositories: []string{none.dir, filepath.Join(none.dir, "sub")}}, []string{"are one repository"}},
		"no such target":           {server.UpOptions{Repositories: []string{none.dir}, Target: "gcp"}, []string{"--target: ", "gcp"}},
		"no such address":          {server.UpOptions{Repositories: []string{none.dir}, Listen: "nonsense"}, []string{"--listen: ", "nonsense"}},
		"no pattern":               {server.UpOptions{Repositories: []string{none.dir}, Only: "["}, []string{"--only: "}},
		"no name of a branch":      {server.UpOptions{Repositories: []string{none.dir}, Branch: "a..b"}, []string{"--branch: ", "a..b"}},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			r := startUp(t, tt.o)
			r.exit(2, tt.want...)
			r.says("!ready", "!@")
		})
	}
}

func TestUpWaitsForAFirstCommit(t *testing.T) {
	t.Parallel()
	c := newCopy(t, "infra")
	r := startUp(t, server.UpOptions{Repositories: []string{c.dir}})
	r.url()
	r.until(`branch main has no commit yet`)
	c.write(map[string]string{"topic.yaml": deploymentFile, "template.yaml": topicTemplate}).commit()
	r.until(`topic@\S+ +STACK_CREATE_SUCCEEDED`)
	r.until(`(?m)^topic +SUCCEEDED +main@`)
	r.stop()
}

func TestUpOnceDoesNotWaitForAFirstCommitBesideOthers(t *testing.T) {
	varies(t)
	t.Parallel()
	r := once(t, server.UpOptions{Repositories: []string{newCopy(t, "empty").dir, topic(t).dir}})
	r.exit(0)
	r.says("topic@", "branch main has no commit yet")
}

func TestUpNamesARepositoryThatHasNothingBesideOthers(t *testing.T) {
	varies(t)
	t.Parallel()
	none := newCopy(t, "none").write(map[string]string{"template.yaml": topicTemplate}).commit()
	r := once(t, server.UpOptions{Repositories: []string{none.dir, topic(t).dir}})
	r.exit(0)
	r.says("topic@", none.dir+": no deployment file at main@", "lockstep init template.yaml")
}

func TestUpOnceEndsWithTheReasonOfAFailure(t *testing.T) {
	t.Parallel()
	c := newCopy(t, "infra").write(map[string]string{
		"good.yaml": deploymentFile, "template.yaml": topicTemplate, "bad.yaml": "template-file-path: bad-template.yaml\n", "bad-template.yaml": badTemplate,
		"invalid.yaml": "template-file-path: template.yaml\nno-such-key: 1\n",
	}).commit()
	r := once(t, server.UpOptions{Repositories: []string{c.dir}})
	r.exit(1, "bad FAILED at ", "Topic (AWS::SNS::Topic): on strike", "invalid FAILED at ", "no-such-key")
	if strings.Contains(r.err.Error(), "good") {
		t.Errorf("what succeeded is among the failures: %s", r.err)
	}
	r.says("good@", "STACK_CREATE_SUCCEEDED")
}

func TestUpSaysWhyARepositoryCannotBeRead(t *testing.T) {
	varies(t)
	t.Parallel()
	folder := t.TempDir()
	gitwiretest.NewRepoAt(t, filepath.Join(folder, "infra.git")).Commit(map[string]string{"topic.yaml": deploymentFile, "template.yaml": topicTemplate})
	host := gitwiretest.NewServer(t, folder, gitwiretest.Options{User: "me", Password: "hunter2"})
	address := strings.TrimPrefix(host.URL, "http://")
	data := filepath.Join(t.TempDir(), "data")
	for said, want := range map[string]string{
		"http://" + address + "/infra.git":                        "/infra.git: ",
		"http://me:wrong%2Dsecret@" + address + "/infra.git":      "/infra.git: ",
		"http://me:wrong%2Dsecret@" + address + "/nowhere.git":    "/nowhere.git: ",
		"http://me:wrong%2Dsecret@" + closedAddress(t) + "/x.git": "/x.git: ",
	} {
		r := once(t, server.UpOptions{Data: data, Repositories: []string{said}, Log: true})
		r.exit(1, "http://1", want)
		if all := r.err.Error() + r.out.String() + r.errs.String(); strings.Contains(all, "wrong") || strings.Contains(all, "2Dsecret") {
			t.Errorf("the password is shown: %s", all)
		}
	}

	r := once(t, server.UpOptions{Data: data, Repositories: []string{"http://me:hunter2@" + address + "/infra.git"}, Log: true})
	r.exit(0)
	r.says("topic@", "STACK_CREATE_SUCCEEDED")

	if all := r.out.String() + r.errs.String(); strings.Contains(all, "hunter2") {
		t.Errorf("the password is shown: %s", all)
	}

	// Named again without it, the password is still known.
	once(t, server.UpOptions{Data: data, Repositories: []string{"http://" + address + "/infra.git"}}).exit(0)
	for _, name := range []string{"lockstep.db", "lockstep.db-wal", "sandbox.db"} {
		b, err := os.ReadFile(filepath.Join(data, name))
		if err != nil && !os.IsNotExist(err) {
			t.Fatal(err)
		}

		if strings.Contains(string(b), "hunter2") {
			t.Errorf("%s holds the password as it is", name)
		}
	}
}

// closedAddress gives an address on which nobody listens.
func closedAddress(t testing.TB) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	l.Close()
	return l.Addr().String()
}

// TestUpLeavesNothingRunning is not parallel: it counts goroutines.
func TestUpLeavesNothingRunning(t *testing.T) {
	c := topic(t)
	none := newCopy(t, "none").write(map[string]string{"template.yaml": topicTemplate}).commit()
	data := filepath.Join(t.TempDir(), "data")
	before := runtime.NumGoroutine()
	settled := func(what string) {
		t.Helper()
		for deadline := time.Now().Add(patience); runtime.NumGoroutine() > before; runtime.Gosched() {
			if time.Now().After(deadline) {
				b := make([]byte, 1<<20)
				t.Fatalf("%s leaves goroutines running:\n%s", what, b[:runtime.Stack(b, true)])
			}
		}
	}
	for range 2 {
		r := startUp(t, server.UpOptions{Data: data, Repositories: []string{c.dir}})
		r.until(`(?m)^topic +SUCCEEDED`)
		begun := time.Now()
		r.stop()

		if took := time.Since(begun); took > 3*time.Second {
			t.Errorf("stopping took %s", took)
		}

		settled("a run")
	}

	// What ends before it has begun leaves nothing either.
	once(t, server.UpOptions{Data: data + "2", Repositories: []string{none.dir}}).exit(2)
	settled("a usage error")
	once(t, server.UpOptions{Data: data, Repositories: []string{none.dir}, Listen: "nonsense"}).exit(2)
	settled("an address")
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	var out page
	if err := server.Up(ctx, server.UpOptions{Data: data, Listen: "127.0.0.1:0", Target: "sandbox", Out: &out, Err: &out}); err == nil {
		t.Error("a run that was interrupted before it began has done what it should")
	}

	settled("an interrupted run")
}
