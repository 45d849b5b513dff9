package localrepo

import (
	"cmp"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"strings"

	"github.com/lockstephq/lockstep/internal/gitwire/giterr"
)

// Options say which repository to open.
type Options struct {
	Path     string
	Roots    []string
	AnyOwner bool
	Git      string
	// RefBytes is the size of the largest packed-refs file that is read.
	RefBytes int64
}

// Open opens a local repository, after it has checked that everything that a read would touch
// is below the roots and has the right owner.
func Open(options Options) (*Repository, error) {
	allowed := newGuard(options)
	root, err := resolve(options.Path)
	if err != nil {
		// Outside the roots the error does not reveal what exists.
		if full, absErr := filepath.Abs(options.Path); absErr != nil || !allowed.isAllowed(full) {
			err = &giterr.Error{Repository: options.Path, Err: giterr.ErrRoot}
		}
		return nil, err
	}

	location, err := allowed.locate(root)
	if err != nil {
		return nil, &giterr.Error{Repository: options.Path, Err: err}
	}

	program, err := gitProgram(options.Git)
	if err != nil {
		return nil, &giterr.Error{Repository: options.Path, Err: err}
	}

	recheck := func() error { return allowed.recheck(root, location) }
	repository := &Repository{program: program, dir: location.GitDir, anyOwner: options.AnyOwner, recheck: recheck}
	if !usesReftable(location) { // only git can read those
		repository.refs = &Refs{location: location, limit: options.RefBytes, recheck: recheck}
	}

	return repository, nil
}

func gitProgram(name string) (string, error) {
	if name == "" {
		name = "git"
	}
	program, err := exec.LookPath(name)
	if err == nil {
		program, err = filepath.Abs(program)
	}
	if err != nil {
		return "", fmt.Errorf("%w: it is needed to read local repositories and was not found", giterr.ErrGit)
	}
	return program, nil
}

// usesReftable reports whether refs are kept in tables instead of files.
func usesReftable(l Location) bool {
	info, err := os.Stat(filepath.Join(l.CommonDir, "reftable"))
	return err == nil && info.IsDir()
}

// A guard decides which files of this machine may be read.
type guard struct {
	roots    []string
	anyOwner bool
}

func newGuard(options Options) *guard {
	made := &guard{anyOwner: options.AnyOwner}
	for _, root := range options.Roots {
		// A root that does not exist allows nothing, and neither does an empty one, which would
		// be the current directory.
		if real, err := resolve(root); err == nil && root != "" {
			made.roots = append(made.roots, real)
		}
	}
	return made
}

// locate returns the repository at a root, after it has checked everything that git would read
// with it.
func (g *guard) locate(root string) (Location, error) {
	if !g.isAllowed(root) {
		return Location{}, giterr.ErrRoot
	}

	location, err := locate(root)
	if err != nil {
		return location, err
	}

	owned := []string{location.GitDir, location.CommonDir}
	if !location.Bare {
		owned = append(owned, filepath.Join(location.Root, ".git"))
	}

	for _, path := range owned {
		if !g.isAllowed(path) {
			return location, fmt.Errorf("%w: it keeps its data in %s", giterr.ErrRoot, path)
		}
		if err := g.checkOwner(path); err != nil {
			return location, err
		}
	}

	return location, g.checkObjects(filepath.Join(location.CommonDir, "objects"), 0)
}

// recheck returns an error if the repository is no longer as it was when it was opened: a user
// who can write to the folder above may have replaced it by a link, or added alternates.
func (g *guard) recheck(root string, was Location) error {
	if now, err := resolve(root); err != nil || now != root {
		return cmp.Or(err, fmt.Errorf("%w: it was replaced by a link", giterr.ErrRoot))
	}
	now, err := g.locate(root)
	if err == nil && now != was {
		err = fmt.Errorf("%w: it keeps its data elsewhere than before", giterr.ErrRoot)
	}
	return err
}

// isAllowed reports whether a path is below a root. It compares whole elements: /srv/git-evil
// is not below /srv/git.
func (g *guard) isAllowed(path string) bool {
	for _, root := range g.roots {
		if rel, err := filepath.Rel(root, path); err == nil && filepath.IsLocal(rel) {
			return true
		}
	}
	return false
}

func (g *guard) checkOwner(path string) error {
	if g.anyOwner {
		return nil
	}
	return checkOwner(path)
}

// maxAlternates is how many object folders may be chained, as in git.
const maxAlternates = 5

// checkObjects checks an object folder and its alternates, from which git would also read.
func (g *guard) checkObjects(dir string, level int) error {
	real, err := filepath.EvalSymlinks(dir)
	if err != nil {
		return fmt.Errorf("%w: no folder of objects", giterr.ErrNotRepository)
	}
	if !g.isAllowed(real) {
		return fmt.Errorf("%w: it keeps objects in %s", giterr.ErrRoot, real)
	}

	if level > maxAlternates {
		return fmt.Errorf("%w: alternates more than %d deep", giterr.ErrLimit, maxAlternates)
	}

	file, err := os.OpenFile(filepath.Join(real, "info", "alternates"), readNonblock, 0)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return fmt.Errorf("%w: %w", giterr.ErrNotRepository, err)
	}
	defer file.Close()

	list, err := readSmall(file, maxLine)
	if err != nil {
		return err
	}

	for line := range strings.Lines(string(list)) {
		line = strings.TrimSpace(line)
		if line == "" || line[0] == '#' {
			continue
		}

		if !filepath.IsAbs(line) {
			line = filepath.Join(real, line)
		}

		if err := g.checkObjects(line, level+1); err != nil {
			return err
		}
	}

	return nil
}
