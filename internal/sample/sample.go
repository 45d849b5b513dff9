// Package sample creates the repository that a first `lockstep up` syncs: an ordinary
// Git repository with a working copy, two stacks and one commit. It is written without
// running git, and works with git like any other repository.
package sample

import (
	"embed"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"time"
)

//go:embed files
var files embed.FS

// Branch is the branch of the repository.
const Branch = "main"

// Create creates the repository in a folder that must not exist. If it fails,
// nothing is left behind.
func Create(dir string, now time.Time) (err error) {
	tmp, err := os.MkdirTemp(filepath.Dir(dir), ".sample-")
	if err != nil {
		return err
	}
	defer func() {
		if err != nil {
			os.RemoveAll(tmp)
		}
	}()

	if err := os.Chmod(tmp, 0o755); err != nil {
		return err
	}

	tree, err := fs.Sub(files, "files")
	if err != nil {
		return err
	}

	repo := &repository{dir: filepath.Join(tmp, ".git")}
	if err := repo.init(); err != nil {
		return err
	}

	root, err := repo.add(tree, tmp, ".")
	if err != nil {
		return err
	}

	who := fmt.Sprintf("Lockstep <lockstep@localhost> %d +0000", now.Unix())
	commit, err := repo.object("commit", fmt.Appendf(nil,
		"tree %x\nauthor %s\ncommitter %s\n\nTwo stacks: web, and api that imports its topic\n", root, who, who))
	if err != nil {
		return err
	}

	if err := repo.write("refs/heads/"+Branch, fmt.Sprintf("%x\n", commit)); err != nil {
		return err
	}
	if err := repo.writeIndex(); err != nil {
		return err
	}

	return os.Rename(tmp, dir)
}
