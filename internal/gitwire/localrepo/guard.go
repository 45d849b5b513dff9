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

// Options say which repository to open; see Options.
type Options struct {
	Path     string
	Roots    []string
	AnyOwner bool
	Git      string
	// RefBytes is the size of the largest packed-refs file that is read.
	RefBytes int64
}

// Open opens a local repository, after everything that reading it would
// touch was found below the roots and of the right owner.
func Open(o Options) (*Repository, error) {
	g := newGuard(o)
	root, err := resolve(o.Path)
	if err != nil {
		// Only below the roots it is told what is there and what is not.
		if full, absErr := filepath.Abs(o.Path); absErr != nil || !g.within(full) {
			err = &giterr.Error{Repository: o.Path, Err: giterr.ErrRoot}
		}
		return nil, err
	}

	l, err := g.locate(root)
	if err != nil {
		return nil, &giterr.Error{Repository: o.Path, Err: err}
	}

	program, err := gitProgram(o.Git)
	if err != nil {
		return nil, &giterr.Error{Repository: o.Path, Err: err}
	}

	still := func() error { return g.still(root, l) }
	r := &Repository{program: program, dir: l.GitDir, trusted: o.AnyOwner, still: still}
	if !usesReftable(l) { // only git can read those
		r.refs = &Refs{location: l, limit: o.RefBytes, still: still}
	}

	return r, nil
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

// usesReftable says whether refs are kept in tables instead of files.
func usesReftable(l Location) bool {
	info, err := os.Stat(filepath.Join(l.CommonDir, "reftable"))
	return err == nil && info.IsDir()
}

// A guard decides what of this machine's files may be read.
type guard struct {
	roots    []string
	anyOwner bool
}

func newGuard(o Options) *guard {
	g := &guard{anyOwner: o.AnyOwner}
	for _, root := range o.Roots {
		// A root that is not there allows nothing, and neither does an empty one,
		// which would be the folder that the process happens to run in.
		if real, err := resolve(root); err == nil && root != "" {
			g.roots = append(g.roots, real)
		}
	}
	return g
}

// locate looks at the repository of a root, and at everything that git would
// read with it.
func (g *guard) locate(root string) (Location, error) {
	if !g.within(root) {
		return Location{}, giterr.ErrRoot
	}

	l, err := locate(root)
	if err != nil {
		return l, err
	}

	owned := []string{l.GitDir, l.CommonDir}
	if !l.Bare {
		owned = append(owned, filepath.Join(l.Root, ".git"))
	}

	for _, path := range owned {
		if !g.within(path) {
			return l, fmt.Errorf("%w: it keeps its data in %s", giterr.ErrRoot, path)
		}
		if err := g.owner(path); err != nil {
			return l, err
		}
	}

	return l, g.objects(filepath.Join(l.CommonDir, "objects"), 0)
}

// still says whether what was allowed is still there: a Remote is kept long, and
// whoever may write to the folder above may have put a link in its place, or
// alternates into it.
func (g *guard) still(root string, was Location) error {
	if now, err := resolve(root); err != nil || now != root {
		return cmp.Or(err, fmt.Errorf("%w: it was replaced by a link", giterr.ErrRoot))
	}
	now, err := g.locate(root)
	if err == nil && now != was {
		err = fmt.Errorf("%w: it keeps its data elsewhere than before", giterr.ErrRoot)
	}
	return err
}

// within compares whole path elements: /srv/git-evil is not below /srv/git.
func (g *guard) within(path string) bool {
	for _, root := range g.roots {
		if rel, err := filepath.Rel(root, path); err == nil && filepath.IsLocal(rel) {
			return true
		}
	}
	return false
}

func (g *guard) owner(path string) error {
	if g.anyOwner {
		return nil
	}
	return checkOwner(path)
}

// maxAlternates is how many object folders may be chained, as in git.
const maxAlternates = 5

// objects follows the alternates of an object folder, from which git would read
// as well.
func (g *guard) objects(dir string, level int) error {
	real, err := filepath.EvalSymlinks(dir)
	if err != nil {
		return fmt.Errorf("%w: no folder of objects", giterr.ErrNotRepository)
	}
	if !g.within(real) {
		return fmt.Errorf("%w: it keeps objects in %s", giterr.ErrRoot, real)
	}

	if level > maxAlternates {
		return fmt.Errorf("%w: alternates more than %d deep", giterr.ErrLimit, maxAlternates)
	}

	f, err := os.OpenFile(filepath.Join(real, "info", "alternates"), readNonblock, 0)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return fmt.Errorf("%w: %w", giterr.ErrNotRepository, err)
	}
	defer f.Close()

	list, err := readSmall(f, maxLine)
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

		if err := g.objects(line, level+1); err != nil {
			return err
		}
	}

	return nil
}
