package servertest

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/lockstephq/lockstep/internal/gitwire/gitwiretest"
)

// Files for working copies. A DeploymentFile names template.yaml.
const (
	DeploymentFile  = "template-file-path: template.yaml\n"
	TopicTemplate   = "Resources:\n  Topic:\n    Type: AWS::SNS::Topic\n"
	FailingTemplate = TopicTemplate + "    Metadata:\n      Lockstep::Sandbox: {Fail: on strike}\n"
)

// A WorkingCopy is a Git repository with files.
type WorkingCopy struct {
	t   testing.TB
	Dir string
}

// NewWorkingCopy creates a working copy in a folder of that name, with branch main and no commit.
func NewWorkingCopy(t testing.TB, name string) WorkingCopy {
	t.Helper()
	parent, err := filepath.EvalSymlinks(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}

	dir := filepath.Join(parent, name)
	gitwiretest.Git(t, "", "init", "--quiet", "--initial-branch=main", dir)
	return WorkingCopy{t, dir}
}

// NewTopic creates a working copy with a commit that has one stack, topic.
func NewTopic(t testing.TB) WorkingCopy {
	t.Helper()
	return NewWorkingCopy(t, "infra").Write(map[string]string{
		"topic.yaml":    DeploymentFile,
		"template.yaml": TopicTemplate,
	}).Commit()
}

// Write writes files: path to content.
func (c WorkingCopy) Write(files map[string]string) WorkingCopy {
	c.t.Helper()
	for name, text := range files {
		name = filepath.Join(c.Dir, name)
		if err := os.MkdirAll(filepath.Dir(name), 0o755); err != nil {
			c.t.Fatal(err)
		}
		if err := os.WriteFile(name, []byte(text), 0o600); err != nil {
			c.t.Fatal(err)
		}
	}
	return c
}

// Commit commits all files.
func (c WorkingCopy) Commit() WorkingCopy {
	c.t.Helper()
	gitwiretest.Git(c.t, c.Dir, "add", "--all")
	gitwiretest.Git(c.t, c.Dir, "commit", "--quiet", "--message=change")
	return c
}

// OpenWorkingCopy returns an existing working copy.
func OpenWorkingCopy(t testing.TB, dir string) WorkingCopy { return WorkingCopy{t, dir} }
