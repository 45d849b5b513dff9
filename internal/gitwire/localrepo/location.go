package localrepo

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"github.com/lockstephq/lockstep/internal/gitwire/giterr"
)

// A Location is where a local repository keeps its parts. Paths are absolute and without
// symbolic links.
type Location struct {
	// Root is the top of the working copy or worktree, or the bare repository. It is what
	// Options.Path takes.
	Root string
	// GitDir has HEAD, CommonDir has refs and objects. They differ only in a worktree.
	GitDir, CommonDir string
	// Subfolder is the path that was looked up, relative to Root, with slashes; "." at Root and
	// inside a bare repository.
	Subfolder string
	Bare      bool
}

// Find returns the repository that a folder is in: the first, going up, that is a working copy,
// a worktree or a bare repository. Whether it may be read is decided by Open. The error is
// ErrNotRepository if there is none.
func Find(path string) (Location, error) {
	full, err := resolve(path)
	if err != nil {
		return Location{}, err
	}

	for at := full; ; at = filepath.Dir(at) {
		l, err := locate(at)
		if err == nil {
			return l.below(full)
		}
		if !errors.Is(err, giterr.ErrNotRepository) {
			return Location{}, &giterr.Error{Repository: at, Err: err}
		}

		if filepath.Dir(at) == at {
			return Location{}, &giterr.Error{Repository: path, Err: giterr.ErrNotRepository}
		}
	}
}

func (l Location) below(full string) (Location, error) {
	l.Subfolder = "."
	if l.Bare {
		return l, nil
	}
	sub, err := filepath.Rel(l.Root, full)
	l.Subfolder = filepath.ToSlash(sub)
	return l, err
}

// resolve returns a path that is absolute and has no symbolic links.
func resolve(path string) (string, error) {
	full, err := filepath.Abs(path)
	if err == nil {
		full, err = filepath.EvalSymlinks(full)
	}
	if errors.Is(err, fs.ErrNotExist) {
		return "", &giterr.Error{Repository: path, Err: fmt.Errorf("%w: there is no such folder",
			giterr.ErrNotRepository)}
	}
	if err != nil {
		return "", &giterr.Error{Repository: path, Err: fmt.Errorf("%w: %w", giterr.ErrNotRepository, err)}
	}
	return full, nil
}

// locate returns the repository whose root is exactly this folder.
func locate(root string) (Location, error) {
	dotGit := filepath.Join(root, ".git")
	info, err := os.Lstat(dotGit)
	switch {
	case err == nil && info.Mode().IsRegular():
		return followDotGit(root, dotGit)
	case err == nil:
		if real, err := filepath.EvalSymlinks(dotGit); err == nil && isGitDir(real) {
			return Location{Root: root, GitDir: real, CommonDir: real}, nil
		}
	}

	if !isGitDir(root) {
		return Location{}, giterr.ErrNotRepository
	}
	if filepath.Base(root) == ".git" {
		return Location{Root: filepath.Dir(root), GitDir: root, CommonDir: root}, nil
	}

	return Location{Root: root, GitDir: root, CommonDir: root, Bare: true}, nil
}

// followDotGit follows a .git file to the folder that it names, as in a worktree, and from
// there to the common folder.
func followDotGit(root, dotGit string) (Location, error) {
	location := Location{Root: root}
	name, err := readLine(dotGit)
	if err != nil {
		return location, err
	}

	dir, ok := strings.CutPrefix(name, "gitdir: ")
	if !ok {
		return location, fmt.Errorf("%w: .git names no folder", giterr.ErrNotRepository)
	}
	if location.GitDir, err = follow(root, dir); err != nil {
		return location, err
	}

	location.CommonDir = location.GitDir
	common, err := readLine(filepath.Join(location.GitDir, "commondir"))
	if err == nil {
		location.CommonDir, err = follow(location.GitDir, common)
	} else if errors.Is(err, fs.ErrNotExist) {
		err = nil
	}

	if err == nil && !isGitDir(location.CommonDir) {
		err = fmt.Errorf("%w: .git does not lead to a repository", giterr.ErrNotRepository)
	}

	return location, err
}

func follow(from, target string) (string, error) {
	if !filepath.IsAbs(target) {
		target = filepath.Join(from, target)
	}
	real, err := filepath.EvalSymlinks(target)
	if err != nil {
		return "", fmt.Errorf("%w: the target of .git does not exist", giterr.ErrNotRepository)
	}
	return real, nil
}

// isGitDir reports whether a folder looks like the inside of a repository.
func isGitDir(dir string) bool {
	head, err := os.Lstat(filepath.Join(dir, "HEAD"))
	if err != nil || head.IsDir() {
		return false
	}
	for _, name := range []string{"objects", "refs"} {
		if info, err := os.Stat(filepath.Join(dir, name)); err != nil || !info.IsDir() {
			return false
		}
	}
	return true
}

// maxLine is longer than any path or ref in one of git's small files.
const maxLine = 8 << 10

// readLine reads a small file of one line.
func readLine(path string) (string, error) {
	file, err := os.OpenFile(path, readNonblock, 0)
	if err != nil {
		return "", err
	}
	defer file.Close()
	b, err := readSmall(file, maxLine)
	return strings.TrimRight(string(b), "\r\n"), err
}

// readSmall reads a file of at most limit bytes. It must be a regular file: reading a pipe
// would block.
func readSmall(file *os.File, limit int64) ([]byte, error) {
	info, err := file.Stat()
	if err != nil {
		return nil, err
	}
	if !info.Mode().IsRegular() {
		return nil, fmt.Errorf("%w: %s is not a regular file", giterr.ErrNotRepository, filepath.Base(file.Name()))
	}
	if info.Size() > limit {
		return nil, fmt.Errorf("%w: %s has more than %d bytes", giterr.ErrLimit, filepath.Base(file.Name()), limit)
	}
	return io.ReadAll(io.LimitReader(file, limit))
}
