package localrepo

import (
	"bytes"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"strings"
	"sync"

	"github.com/lockstephq/lockstep/internal/gitwire/giterr"
	"github.com/lockstephq/lockstep/internal/gitwire/object"
)

// Refs reads the refs of a local repository from its files: a loose ref has its own file, the
// others are lines of packed-refs. Files are opened only below the repository, wherever
// symbolic links point.
type Refs struct {
	location Location
	limit    int64
	// recheck returns an error if the repository is no longer as it was when it was opened.
	recheck func() error

	mu     sync.Mutex
	packed map[string]object.ID
	info   fs.FileInfo // of packed-refs when it was read
}

// A refReading is one read of the files. The folders are opened each time, because a repository
// may be moved away and replaced.
type refReading struct {
	files  *Refs
	own    *os.Root // HEAD, and refs of a worktree
	common *os.Root
}

func (f *Refs) open() (*refReading, error) {
	if err := f.recheck(); err != nil {
		return nil, err
	}

	own, err := os.OpenRoot(f.location.GitDir)
	if err != nil {
		return nil, fmt.Errorf("%w: %w", giterr.ErrNotRepository, err)
	}

	common, err := os.OpenRoot(f.location.CommonDir)
	if err != nil {
		own.Close()
		return nil, fmt.Errorf("%w: %w", giterr.ErrNotRepository, err)
	}

	return &refReading{f, own, common}, nil
}

func (r *refReading) close() {
	r.own.Close()
	r.common.Close()
}

func (f *Refs) Read(names []string) (map[string]object.ID, error) {
	reading, err := f.open()
	if err != nil {
		return nil, err
	}
	defer reading.close()

	ids := map[string]object.ID{}
	for _, name := range names {
		_, id, err := reading.resolve(name)
		if err != nil {
			return nil, err
		}

		if !id.IsZero() {
			ids[name] = id
		}
	}

	return ids, nil
}

// Head returns what HEAD points to: a branch, and its commit unless it is unborn, or a commit
// alone.
func (f *Refs) Head() (ref string, id object.ID, err error) {
	reading, err := f.open()
	if err != nil {
		return "", object.ID{}, err
	}
	defer reading.close()

	target, id, err := reading.loose("HEAD")
	switch {
	case err != nil:
		return "", object.ID{}, err
	case target != "":
		return reading.resolve(target)
	case id.IsZero():
		return "", object.ID{}, fmt.Errorf("%w: it has no HEAD", giterr.ErrNotRepository)
	}

	return "", id, nil
}

// maxSymbolic is how many symbolic refs are followed, as in git.
const maxSymbolic = 5

// resolve follows symbolic refs to the last name and its ID, which is zero if the ref does not
// exist.
func (r *refReading) resolve(name string) (string, object.ID, error) {
	for range maxSymbolic {
		if !object.ValidRef(name) {
			return name, object.ID{}, fmt.Errorf("%w: %s", giterr.ErrRef, giterr.Quote([]byte(name)))
		}

		target, id, err := r.loose(name)
		if err == nil && target == "" && id.IsZero() {
			id, err = r.files.fromPacked(r.common, name)
		}

		if err != nil || target == "" {
			return name, id, err
		}

		name = target
	}

	return name, object.ID{}, fmt.Errorf("%w: symbolic refs more than %d deep", giterr.ErrLimit, maxSymbolic)
}

// loose reads a ref's own file: another name, an ID, or nothing if there is no such file.
func (r *refReading) loose(name string) (target string, id object.ID, err error) {
	b, err := readIn(r.root(name), name, maxLine)
	if err != nil || b == nil {
		return "", object.ID{}, err
	}

	text := strings.TrimSpace(string(b))
	if target, ok := strings.CutPrefix(text, "ref:"); ok {
		return strings.TrimSpace(target), object.ID{}, nil
	}

	// Other content is not repeated in the error: it may be any file.
	if id, err = object.ParseID(text); err != nil && !errors.Is(err, giterr.ErrSHA256) {
		err = fmt.Errorf("%w: %s holds no object id", giterr.ErrNotRepository, giterr.Quote([]byte(name)))
	}

	return "", id, err
}

// root returns the folder of a ref.
func (r *refReading) root(name string) *os.Root {
	for _, prefix := range []string{"refs/bisect/", "refs/worktree/", "refs/rewritten/"} {
		if strings.HasPrefix(name, prefix) {
			return r.own
		}
	}
	if name == "HEAD" {
		return r.own
	}
	return r.common
}

// readIn reads a small file; nil if it does not exist.
func readIn(root *os.Root, name string, limit int64) ([]byte, error) {
	file, err := root.OpenFile(name, readNonblock, 0)
	if errors.Is(err, fs.ErrNotExist) || isNotFolder(err) {
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("%w: %w", giterr.ErrNotRepository, err)
	}
	defer file.Close()

	if info, err := file.Stat(); err == nil && info.IsDir() {
		return nil, nil // refs/heads/a, if there is refs/heads/a/b
	}

	return readSmall(file, limit)
}

// fromPacked returns a ref of packed-refs, which is read again only when it was replaced. It is
// called after loose, because git writes packed-refs first when it packs a ref.
func (f *Refs) fromPacked(common *os.Root, name string) (object.ID, error) {
	f.mu.Lock()
	defer f.mu.Unlock()

	info, err := common.Stat("packed-refs")
	if errors.Is(err, fs.ErrNotExist) {
		return object.ID{}, nil
	}
	if err != nil {
		return object.ID{}, fmt.Errorf("%w: %w", giterr.ErrNotRepository, err)
	}

	if f.info == nil || !os.SameFile(f.info, info) || !f.info.ModTime().Equal(info.ModTime()) ||
		f.info.Size() != info.Size() {
		b, err := readIn(common, "packed-refs", f.limit)
		if err != nil {
			return object.ID{}, err
		}

		packed, err := parsePacked(b)
		if err != nil {
			return object.ID{}, err
		}

		f.packed, f.info = packed, info
	}

	return f.packed[name], nil
}

// parsePacked parses lines of "<id> <name>". Lines that begin with # are about the file, lines
// that begin with ^ are the targets of tags.
func parsePacked(b []byte) (map[string]object.ID, error) {
	packed := make(map[string]object.ID, bytes.Count(b, []byte("\n")))
	for line := range bytes.Lines(b) {
		line = bytes.TrimRight(line, "\r\n")
		if len(line) == 0 || line[0] == '#' || line[0] == '^' {
			continue
		}

		hex, name, ok := strings.Cut(string(line), " ")
		id, err := object.ParseID(hex)
		if err != nil || !ok {
			if errors.Is(err, giterr.ErrSHA256) {
				return nil, err
			}
			return nil, fmt.Errorf("%w: a bad line in packed-refs", giterr.ErrNotRepository)
		}

		packed[name] = id
	}

	return packed, nil
}
