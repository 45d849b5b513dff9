package localrepo_test

import (
	"errors"
	"path/filepath"
	"testing"

	"github.com/lockstephq/lockstep/internal/gitwire/giterr"
	"github.com/lockstephq/lockstep/internal/gitwire/gitwiretest"
	"github.com/lockstephq/lockstep/internal/gitwire/localrepo"
)

// realTempDir is a temporary folder by its path without links, as a Location has it.
func realTempDir(t *testing.T) string {
	t.Helper()
	dir, err := filepath.EvalSymlinks(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	return dir
}

func TestFindFromAnyFolder(t *testing.T) {
	base := realTempDir(t)
	bare, work, tree := filepath.Join(base, "bare.git"), filepath.Join(base, "work"), filepath.Join(base, "tree")
	gitwiretest.NewRepoAt(t, bare).Commit(map[string]string{"sub/deep/a": "1"})
	gitwiretest.Git(t, "", "clone", "--quiet", bare, work)
	gitwiretest.Git(t, work, "worktree", "add", "--quiet", "-b", "side", tree)
	dotGit := filepath.Join(work, ".git")
	side := filepath.Join(dotGit, "worktrees", "tree")
	tests := map[string]localrepo.Location{
		work:                            {Root: work, GitDir: dotGit, CommonDir: dotGit, Subfolder: "."},
		filepath.Join(work, "sub/deep"): {Root: work, GitDir: dotGit, CommonDir: dotGit, Subfolder: "sub/deep"},
		filepath.Join(tree, "sub"):      {Root: tree, GitDir: side, CommonDir: dotGit, Subfolder: "sub"},
		bare:                            {Root: bare, GitDir: bare, CommonDir: bare, Subfolder: ".", Bare: true},
		filepath.Join(bare, "refs"):     {Root: bare, GitDir: bare, CommonDir: bare, Subfolder: ".", Bare: true},
	}
	for path, want := range tests {
		got, err := localrepo.Find(path)
		if err != nil {
			t.Fatal(err)
		}

		if got != want {
			t.Errorf("%s: got %+v, want %+v", path, got, want)
		}
	}

	for _, path := range []string{base, filepath.Join(base, "none")} {
		if _, err := localrepo.Find(path); !errors.Is(err, giterr.ErrNotRepository) {
			t.Errorf("%s: got %v", path, err)
		}
	}
}
