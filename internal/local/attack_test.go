package local_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
	"unicode"

	"github.com/lockstephq/lockstep/internal/local"
	"github.com/lockstephq/lockstep/internal/server/servertest"
)

func TestAttack28UpShowsNothingThatCommandsATerminal(t *testing.T) {
	t.Parallel()
	const bad = "\x1b]0;owned\x07\x1b[2J"
	c := servertest.NewWorkingCopy(t, "infra").Write(map[string]string{
		"web.yaml":               servertest.DeploymentFile,
		"\u202eweb2.yaml":        servertest.DeploymentFile,
		"we" + bad + "b3.yaml":   servertest.DeploymentFile,
		"b" + bad + "/tmpl.yaml": "AWSTemplateFormatVersion: '2010-09-09'\n" + servertest.TopicTemplate,
		"template.yaml":          servertest.TopicTemplate + "    Metadata:\n      Lockstep::Sandbox: {Fail: \"strike\\n09:00:00  web@00000000  STACK_FORGED\\e[2J\\u009b2J\\u202e\"}\n",
	}).Commit()

	r := servertest.UpOnce(t, local.UpOptions{Repositories: []string{c.Dir}, Log: true})
	r.WantExit(1)
	r.WantOutput("web2.yaml", "STACK_CREATE_FAILED", "STACK_FORGED", "!b3.yaml")

	for what, text := range map[string]string{"output": r.Out(), "log": r.Errs(), "error": r.Err().Error()} {
		for _, line := range strings.Split(text, "\n") {
			if strings.ContainsFunc(line, func(r rune) bool { return unicode.IsControl(r) || unicode.Is(unicode.Bidi_Control, r) }) ||
				strings.HasPrefix(line, "09:00:00  web@00000000") {
				t.Errorf("%s: %q", what, line)
			}
		}
	}
}

func TestAttack02ADataDirectoryThatOthersPreparedIsRefused(t *testing.T) {
	t.Parallel()
	open := filepath.Join(t.TempDir(), "open")
	if err := os.Mkdir(open, 0o700); err != nil {
		t.Fatal(err)
	}

	if err := os.Chmod(open, 0o777); err != nil { // whatever the umask says
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
	if b, err := os.ReadFile(kept); err != nil || string(b) != "kept" {
		t.Errorf("what the link leads to became %q, %v", b, err)
	}
}
