package local_test

import (
	"context"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/cloudformation"

	"github.com/lockstephq/lockstep/internal/gitwire/gitwiretest"
	"github.com/lockstephq/lockstep/internal/local"
	"github.com/lockstephq/lockstep/internal/server/servertest"
)

func TestUpSyncsTheSample(t *testing.T) {
	servertest.SkipIfShort(t)
	t.Parallel()
	data := filepath.Join(t.TempDir(), "data")
	run := servertest.UpOnce(t, local.UpOptions{Data: data})
	run.WantExit(0)
	run.WantOutput(
		"Made a sample repository with two stacks: "+filepath.Join(data, "sample"),
		"web@",
		"api@",
		"STACK_CREATE_SUCCEEDED",
		"!FAILED",
	)
	if run.Errs() != "" {
		t.Errorf("written to standard error: %s", run.Errs())
	}
}

func TestUpKeepsTheUsersCommits(t *testing.T) {
	t.Parallel()
	data := filepath.Join(t.TempDir(), "data")
	run := servertest.Up(t, local.UpOptions{Data: data})
	run.WaitFor(`(?m)^web +SUCCEEDED +main@`)
	run.WaitFor(`Ctrl-C stops`)
	run.WantOutput(
		"Change a parameter and commit",
		"--resource-name web ",
		"AWS_CONFIG_FILE="+data,
		`boto3.client("codestar-connections", endpoint_url="`+run.URL(),
	)
	run.Stop()
	run.WantOutput("Stopped. Everything is kept")

	sample := servertest.OpenWorkingCopy(t, filepath.Join(data, "sample"))
	file := filepath.Join(sample.Dir, "deployments/web.yaml")
	b, err := os.ReadFile(file)
	changed := strings.ReplaceAll(string(b), `"4"`, `"7"`)
	if err != nil || changed == string(b) {
		t.Fatalf("the sample's deployment file is %q, %v", b, err)
	}

	sample.Write(map[string]string{
		"deployments/web.yaml": changed,
		"mine.yaml":            servertest.DeploymentFile,
		"template.yaml":        servertest.TopicTemplate,
	}).Commit()
	again := servertest.UpOnce(t, local.UpOptions{Data: data})
	again.WantExit(0)
	again.WantOutput("web@", "STACK_UPDATE_SUCCEEDED", "mine@", "!Made a sample")

	if b, err := os.ReadFile(file); err != nil || string(b) != changed {
		t.Errorf("the user's file was not kept: %q %v", b, err)
	}
}

func TestUpSyncsItsArguments(t *testing.T) {
	servertest.SkipIfShort(t)
	two := servertest.NewWorkingCopy(t, "two").Write(map[string]string{
		"a/deployment.yaml": "template-file-path: template.yaml\n",
		"b/deployment.yaml": "template-file-path: template.yaml\n",
		"template.yaml":     servertest.TopicTemplate,
	}).Commit()
	gitwiretest.Git(t, two.Dir, "switch", "--quiet", "--create", "topic")
	two.Write(map[string]string{"a/later.yaml": "template-file-path: template.yaml\n"}).Commit()
	gitwiretest.Git(t, two.Dir, "switch", "--quiet", "main")
	one := servertest.NewTopic(t)
	odd := servertest.NewWorkingCopy(t, "it's 100% \"ö\" #1?").Write(map[string]string{
		"some where/topic.yaml": servertest.DeploymentFile,
		"template.yaml":         servertest.TopicTemplate,
	}).Commit()
	tests := map[string]struct {
		options local.UpOptions
		output  []string
	}{
		"two repositories": {
			local.UpOptions{Repositories: []string{two.Dir, one.Dir}},
			[]string{"a@", "b@", "topic@", "!later"},
		},
		"a subfolder": {
			local.UpOptions{Repositories: []string{filepath.Join(two.Dir, "b")}},
			[]string{"b@", "!a@"},
		},
		"a branch": {
			local.UpOptions{Repositories: []string{two.Dir}, Branch: "topic"},
			[]string{"later@", "a@"},
		},
		"some files": {local.UpOptions{Repositories: []string{two.Dir}, Only: "b/*"}, []string{"b@", "!a@"}},
		"another name": {
			local.UpOptions{Repositories: []string{two.Dir}, Names: map[string]string{"a/deployment.yaml": "azure"}},
			[]string{"azure@", "b@", "!a@"},
		},
		"an unusual name": {
			local.UpOptions{Repositories: []string{odd.Dir}},
			[]string{"topic@", "STACK_CREATE_SUCCEEDED"},
		},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			run := servertest.UpOnce(t, tt.options)
			run.WantExit(0)
			run.WantOutput(tt.output...)
		})
	}
}

func TestUpReportsANameThatAnotherRepositoryHas(t *testing.T) {
	servertest.SkipIfShort(t)
	t.Parallel()
	one, second := servertest.NewTopic(t), servertest.NewTopic(t)
	run := servertest.UpOnce(t, local.UpOptions{Repositories: []string{one.Dir, second.Dir}})
	run.WantExit(1, "Deployment file topic.yaml is not synced: a sync configuration of another repository or branch has the "+
		"name topic.", "--name topic.yaml=NAME")
	run.WantOutput("topic@", "STACK_CREATE_SUCCEEDED")
}

func TestUpNamesUncommittedFiles(t *testing.T) {
	servertest.SkipIfShort(t)
	t.Parallel()
	repo := servertest.NewWorkingCopy(t, "infra").Write(map[string]string{
		"same.yaml":          "template-file-path: same-template.yaml\n",
		"changed.yaml":       servertest.DeploymentFile,
		"gone.yaml":          "template-file-path: same-template.yaml\n",
		"same-template.yaml": servertest.TopicTemplate,
		"template.yaml":      servertest.TopicTemplate,
		"notes.yaml":         "a: b\n",
	}).Commit()
	repo.Write(map[string]string{
		"changed.yaml":      servertest.DeploymentFile + "tags: {a: b}\n",
		"template.yaml":     servertest.TopicTemplate + "# more\n",
		"notes.yaml":        "a: c\n",
		"untracked.yaml":    "template-file-path: new-template.yaml\n",
		"new-template.yaml": servertest.TopicTemplate,
		"README":            "changed",
	})

	if err := os.Remove(filepath.Join(repo.Dir, "gone.yaml")); err != nil {
		t.Fatal(err)
	}

	run := servertest.UpOnce(t, local.UpOptions{Repositories: []string{repo.Dir}})
	run.WantExit(0)
	var named []string
	for line := range strings.Lines(run.Out()) {
		if name, ok := strings.CutPrefix(line, "Not committed, and so not synced: "); ok {
			named = append(named, strings.TrimSpace(name))
		}
	}

	if got, want := strings.Join(named, " "), "changed.yaml gone.yaml new-template.yaml template.yaml untracked.yaml"; got != want {
		t.Errorf("the files named are %s, want %s", got, want)
	}

	run.WantOutput("changed@", "gone@", "same@", "!untracked@")
}

func TestUpWithNothingToSyncIsAUsageError(t *testing.T) {
	servertest.SkipIfShort(t)
	none := servertest.NewWorkingCopy(t, "no files").Write(map[string]string{
		"a template.yaml": servertest.TopicTemplate,
		"sub/other.json":  `{"Resources": {"T": {"Type": "AWS::SNS::Topic"}}}`,
	}).Commit()
	empty := servertest.NewWorkingCopy(t, "empty")
	tests := map[string]struct {
		options local.UpOptions
		want    []string
	}{
		"no deployment file": {local.UpOptions{Repositories: []string{none.Dir}}, []string{
			none.Dir + ": no deployment file at main@",
			"a template.yaml is a template. To sync it: cd '" + none.Dir + "' && lockstep init 'a template.yaml', then commit.",
			"&& lockstep init sub/other.json, then commit."}},
		"no deployment file, once": {
			local.UpOptions{Repositories: []string{none.Dir}, Once: true},
			[]string{"no deployment file"},
		},
		"none of that pattern": {
			local.UpOptions{Repositories: []string{servertest.NewTopic(t).Dir}, Only: "x*"},
			[]string{"no deployment file"},
		},
		"no commit, once": {
			local.UpOptions{Repositories: []string{empty.Dir}, Once: true},
			[]string{empty.Dir + ": branch main has no commit yet."},
		},
		"no such branch, once": {
			local.UpOptions{Repositories: []string{none.Dir}, Branch: "nosuch", Once: true},
			[]string{"there is no branch nosuch"},
		},
		"no such folder": {
			local.UpOptions{Repositories: []string{"/nowhere"}},
			[]string{"/nowhere: there is no such folder"},
		},
		"one repository twice": {
			local.UpOptions{Repositories: []string{none.Dir, filepath.Join(none.Dir, "sub")}},
			[]string{"are one repository"},
		},
		"no such target": {
			local.UpOptions{Repositories: []string{none.Dir}, Target: "gcp"},
			[]string{"--target: ", "gcp"},
		},
		"no such address": {
			local.UpOptions{Repositories: []string{none.Dir}, Listen: "nonsense"},
			[]string{"--listen: ", "nonsense"},
		},
		"invalid pattern": {
			local.UpOptions{Repositories: []string{none.Dir}, Only: "["},
			[]string{"--only: "},
		},
		"invalid branch name": {
			local.UpOptions{Repositories: []string{none.Dir}, Branch: "a..b"},
			[]string{"--branch: ", "a..b"},
		},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			run := servertest.Up(t, tt.options)
			run.WantExit(2, tt.want...)
			run.WantOutput("!ready", "!@")
		})
	}
}

func TestUpWaitsForAFirstCommit(t *testing.T) {
	t.Parallel()
	repo := servertest.NewWorkingCopy(t, "infra")
	run := servertest.Up(t, local.UpOptions{Repositories: []string{repo.Dir}})
	run.URL()
	run.WaitFor(`branch main has no commit yet`)
	repo.Write(map[string]string{
		"topic.yaml":    servertest.DeploymentFile,
		"template.yaml": servertest.TopicTemplate,
	}).Commit()
	run.WaitFor(`topic@\S+ +STACK_CREATE_SUCCEEDED`)
	run.WaitFor(`(?m)^topic +SUCCEEDED +main@`)
	run.Stop()
}

func TestUpOnceDoesNotWaitForAFirstCommit(t *testing.T) {
	servertest.SkipIfShort(t)
	t.Parallel()
	run := servertest.UpOnce(t, local.UpOptions{
		Repositories: []string{servertest.NewWorkingCopy(t, "empty").Dir, servertest.NewTopic(t).Dir},
	})
	run.WantExit(0)
	run.WantOutput("topic@", "branch main has no commit yet")
}

func TestUpNamesARepositoryWithoutDeploymentFiles(t *testing.T) {
	servertest.SkipIfShort(t)
	t.Parallel()
	none := servertest.NewWorkingCopy(t, "none").Write(map[string]string{"template.yaml": servertest.TopicTemplate}).Commit()
	run := servertest.UpOnce(t, local.UpOptions{Repositories: []string{none.Dir, servertest.NewTopic(t).Dir}})
	run.WantExit(0)
	run.WantOutput("topic@", none.Dir+": no deployment file at main@", "lockstep init template.yaml")
}

func TestUpOnceReportsTheReasonOfAFailure(t *testing.T) {
	t.Parallel()
	repo := servertest.NewWorkingCopy(t, "infra").Write(map[string]string{
		"good.yaml":         servertest.DeploymentFile,
		"template.yaml":     servertest.TopicTemplate,
		"bad.yaml":          "template-file-path: bad-template.yaml\n",
		"bad-template.yaml": servertest.FailingTemplate,
		"invalid.yaml":      "template-file-path: template.yaml\nno-such-key: 1\n",
	}).Commit()
	run := servertest.UpOnce(t, local.UpOptions{Repositories: []string{repo.Dir}})
	run.WantExit(1, "bad FAILED at ", "Topic (AWS::SNS::Topic): on strike", "bad BLOCKED at ", "ROLLBACK_COMPLETE",
		"invalid FAILED at ", "no-such-key")
	if strings.Contains(run.Err().Error(), "good") {
		t.Errorf("a success is among the failures: %s", run.Err())
	}
	run.WantOutput("good@", "STACK_CREATE_SUCCEEDED")
}

func TestUpOnceReportsABlockedStack(t *testing.T) {
	servertest.SkipIfShort(t)
	t.Parallel()
	data := filepath.Join(t.TempDir(), "data")
	repo := servertest.NewTopic(t)
	options := local.UpOptions{Data: data, Repositories: []string{repo.Dir}}
	run := servertest.Up(t, options)
	run.WaitFor(`(?m)^topic +SUCCEEDED +main@`)
	cfg, _ := goProfile(t, data)
	_, err := cloudformation.NewFromConfig(cfg).DeleteStack(t.Context(),
		&cloudformation.DeleteStackInput{StackName: aws.String("topic")})
	if err != nil {
		t.Fatal(err)
	}
	run.Stop()

	repo.Write(map[string]string{"template.yaml": servertest.TopicTemplate + "# 1\n"}).Commit()
	servertest.UpOnce(t, options).WantExit(1, "topic FAILED at ")

	repo.Write(map[string]string{"template.yaml": servertest.TopicTemplate + "# 2\n"}).Commit()
	servertest.UpOnce(t, options).WantExit(1, "topic BLOCKED at ", "was modified at time",
		"Remove the cause, then run `lockstep retry topic`.")
}

func TestUpRetriesAHostThatIsUnavailableAtFirst(t *testing.T) {
	servertest.SkipIfShort(t)
	t.Parallel()
	folder := t.TempDir()
	gitwiretest.NewRepoAt(t, filepath.Join(folder, "infra.git")).Commit(map[string]string{
		"topic.yaml":    servertest.DeploymentFile,
		"template.yaml": servertest.TopicTemplate,
	})
	var requests atomic.Int64
	host := gitwiretest.NewServer(t, folder, gitwiretest.Options{Wrap: func(next http.Handler) http.Handler {
		return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			if requests.Add(1) == 1 {
				http.Error(w, "busy", http.StatusServiceUnavailable)
				return
			}
			next.ServeHTTP(w, r)
		})
	}})

	run := servertest.UpOnce(t, local.UpOptions{Repositories: []string{host.URL + "/infra.git"}})
	run.WantExit(0)
	run.WantOutput("503 Service Unavailable", "Trying again.", "STACK_CREATE_SUCCEEDED")
}

func TestUpReportsWhyARepositoryCannotBeRead(t *testing.T) {
	servertest.SkipIfShort(t)
	t.Parallel()
	folder := t.TempDir()
	gitwiretest.NewRepoAt(t, filepath.Join(folder, "infra.git")).Commit(map[string]string{
		"topic.yaml":    servertest.DeploymentFile,
		"template.yaml": servertest.TopicTemplate,
	})
	host := gitwiretest.NewServer(t, folder, gitwiretest.Options{User: "me", Password: "hunter2"})
	address := strings.TrimPrefix(host.URL, "http://")
	data := filepath.Join(t.TempDir(), "data")
	for argument, want := range map[string]string{
		"http://" + address + "/infra.git":                                   "/infra.git: ",
		"http://me:wrong%2Dsecret@" + address + "/infra.git":                 "/infra.git: ",
		"http://me:wrong%2Dsecret@" + address + "/nowhere.git":               "/nowhere.git: ",
		"http://me:wrong%2Dsecret@" + servertest.ClosedAddress(t) + "/x.git": "/x.git: ",
	} {
		run := servertest.UpOnce(t, local.UpOptions{Data: data, Repositories: []string{argument}, Log: true})
		run.WantExit(1, "http://1", want)
		if all := run.Err().Error() + run.Out() + run.Errs(); strings.Contains(all, "wrong") || strings.Contains(all, "2Dsecret") {
			t.Errorf("the password is printed: %s", all)
		}
	}

	run := servertest.UpOnce(t, local.UpOptions{
		Data:         data,
		Repositories: []string{"http://me:hunter2@" + address + "/infra.git"},
		Log:          true,
	})
	run.WantExit(0)
	run.WantOutput("topic@", "STACK_CREATE_SUCCEEDED")

	if all := run.Out() + run.Errs(); strings.Contains(all, "hunter2") {
		t.Errorf("the password is printed: %s", all)
	}

	// Without the password in the URL the stored one is used.
	servertest.UpOnce(t, local.UpOptions{
		Data:         data,
		Repositories: []string{"http://" + address + "/infra.git"},
	}).WantExit(0)
	for _, name := range []string{"lockstep.db", "lockstep.db-wal", "sandbox.db"} {
		b, err := os.ReadFile(filepath.Join(data, name))
		if err != nil && !os.IsNotExist(err) {
			t.Fatal(err)
		}

		if strings.Contains(string(b), "hunter2") {
			t.Errorf("%s contains the password", name)
		}
	}
}

// TestUpLeavesNothingRunning is not parallel: it counts goroutines.
func TestUpLeavesNothingRunning(t *testing.T) {
	repo := servertest.NewTopic(t)
	none := servertest.NewWorkingCopy(t, "none").Write(map[string]string{"template.yaml": servertest.TopicTemplate}).Commit()
	data := filepath.Join(t.TempDir(), "data")
	before := runtime.NumGoroutine()
	wantNoGoroutines := func(what string) {
		t.Helper()
		for deadline := time.Now().Add(servertest.Timeout); runtime.NumGoroutine() > before; runtime.Gosched() {
			if time.Now().After(deadline) {
				b := make([]byte, 1<<20)
				t.Fatalf("%s leaves goroutines running:\n%s", what, b[:runtime.Stack(b, true)])
			}
		}
	}
	for range 2 {
		run := servertest.Up(t, local.UpOptions{Data: data, Repositories: []string{repo.Dir}})
		run.WaitFor(`(?m)^topic +SUCCEEDED`)
		began := time.Now()
		run.Stop()

		if took := time.Since(began); took > 3*time.Second {
			t.Errorf("stopping took %s", took)
		}

		wantNoGoroutines("a run")
	}

	// A run that ends before it is ready leaves nothing running either.
	servertest.UpOnce(t, local.UpOptions{Data: data + "2", Repositories: []string{none.Dir}}).WantExit(2)
	wantNoGoroutines("a usage error")
	servertest.UpOnce(t, local.UpOptions{Data: data, Repositories: []string{none.Dir}, Listen: "nonsense"}).WantExit(2)
	wantNoGoroutines("an address")
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	err := local.Up(ctx, local.UpOptions{
		Data:   data,
		Listen: "127.0.0.1:0",
		Target: "sandbox",
		Out:    io.Discard,
		Err:    io.Discard,
	})
	if err == nil {
		t.Error("an interrupted run returns no error")
	}

	wantNoGoroutines("an interrupted run")
}
