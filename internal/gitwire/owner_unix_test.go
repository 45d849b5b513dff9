//go:build unix

package gitwire_test

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"github.com/lockstephq/lockstep/internal/gitwire"
	"github.com/lockstephq/lockstep/internal/gitwire/giterr"
	"github.com/lockstephq/lockstep/internal/gitwire/gitwiretest"
)

func makePipe(t *testing.T, path string) {
	t.Helper()
	if err := syscall.Mkfifo(path, 0o600); err != nil {
		t.Fatal(err)
	}
}

func TestRepositoryOfAnotherUserIsReadOnlyWhenAllowed(t *testing.T) {
	if os.Geteuid() != 0 {
		t.Skip("only root can give a repository to another user")
	}

	repo := gitwiretest.NewRepo(t)
	commit := id(t, repo.Commit(map[string]string{"a": "1"}))
	work := repo.Clone()
	tree := filepath.Join(t.TempDir(), "tree")
	gitwiretest.Git(t, work, "worktree", "add", "--quiet", "-b", "side", tree)
	const other = 12345
	for _, dir := range []string{repo.Dir, work, tree} {
		err := filepath.WalkDir(dir, func(path string, _ fs.DirEntry, err error) error {
			return errors.Join(err, os.Lchown(path, other, other))
		})
		if err != nil {
			t.Fatal(err)
		}
	}

	for _, path := range []string{repo.Dir, work, tree} {
		options := gitwire.Options{Path: path, Roots: []string{path, work}}
		_, err := gitwire.Open(options)
		if !errors.Is(err, giterr.ErrOwner) || !strings.Contains(err.Error(), "user 12345") {
			t.Errorf("%s: got %v", path, err)
		}

		options.AnyOwner = true
		if _, err := open(t, options).Snapshot(t.Context(), commit, nil); err != nil {
			t.Errorf("%s, any owner: %v", path, err)
		}
	}
}
