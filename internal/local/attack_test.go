package local_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/lockstephq/lockstep"
	"github.com/lockstephq/lockstep/internal/local"
	"github.com/lockstephq/lockstep/internal/server/servertest"
)

func TestAttack28UpPrintsNothingThatATerminalObeys(t *testing.T) {
	t.Parallel()
	const bad = "\x1b]0;owned\x07\x1b[2J"
	repo := servertest.NewWorkingCopy(t, "infra").Write(map[string]string{
		"web.yaml":               servertest.DeploymentFile,
		"\u202eweb2.yaml":        servertest.DeploymentFile,
		"we" + bad + "b3.yaml":   servertest.DeploymentFile,
		"b" + bad + "/tmpl.yaml": "AWSTemplateFormatVersion: '2010-09-09'\n" + servertest.TopicTemplate,
		"template.yaml":          servertest.TopicTemplate + "    Metadata:\n      Lockstep::Sandbox: {Fail: \"strike\\n09:00:00  web@00000000  STACK_FORGED\\e[2J\\u009b2J\\u202e\"}\n",
	}).Commit()

	run := servertest.UpOnce(t, local.UpOptions{Repositories: []string{repo.Dir}, Log: true})
	run.WantExit(1)
	run.WantOutput("STACK_CREATE_FAILED", "STACK_FORGED", "!web2.yaml", "!b3.yaml")

	for what, text := range map[string]string{"output": run.Out(), "log": run.Errs(), "error": run.Err().Error()} {
		for _, line := range strings.Split(text, "\n") {
			if strings.ContainsFunc(line, lockstep.IsUnsafe) ||
				strings.HasPrefix(line, "09:00:00  web@00000000") {
				t.Errorf("%s: %q", what, line)
			}
		}
	}
}

func TestAttack02ADataDirectoryUnderForeignControlIsRefused(t *testing.T) {
	t.Parallel()
	open := filepath.Join(t.TempDir(), "open")
	if err := os.Mkdir(open, 0o700); err != nil {
		t.Fatal(err)
	}

	if err := os.Chmod(open, 0o777); err != nil { // regardless of the umask
		t.Fatal(err)
	}

	servertest.UpOnce(t, local.UpOptions{Data: open}).WantExit(2, "every user can write to "+open)

	linked, kept := t.TempDir(), filepath.Join(t.TempDir(), "kept")
	if err := os.WriteFile(kept, []byte("kept"), 0o600); err != nil {
		t.Fatal(err)
	}

	if err := os.Symlink(kept, filepath.Join(linked, "lockstep.db.lock")); err != nil {
		t.Fatal(err)
	}

	servertest.UpOnce(t, local.UpOptions{Data: linked}).WantExit(2, "lockstep.db.lock")
	if content, err := os.ReadFile(kept); err != nil || string(content) != "kept" {
		t.Errorf("the target of the link is %q, %v", content, err)
	}
}
