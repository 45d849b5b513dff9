package gitwire

import (
	"fmt"

	"github.com/lockstephq/lockstep/internal/gitwire/object"
)

// Changed returns the paths that differ between two commits, sorted by their bytes: files,
// links and submodules that were added, deleted, or changed in content or mode. A moved file is
// two paths. It compares only object IDs and modes, never history, so the commits need not be
// related. A nil snapshot has no files.
//
// Paths are as in Git: they may contain any byte but NUL.
func Changed(a, b *Snapshot) ([]string, error) {
	var compared comparison
	if err := compared.folders(root(a), root(b), ""); err != nil {
		return nil, fmt.Errorf("compare trees: %w", err)
	}
	return compared.paths, nil
}

func root(snapshot *Snapshot) *folder {
	if snapshot == nil {
		return &folder{}
	}
	return snapshot.root
}

type comparison struct{ paths []string }

// A side is one of two folders that are read in parallel.
type side struct {
	rest    []byte
	folders []*folder
	entry   object.Entry
	sub     *folder
	ok      bool
}

func (s *side) next() error {
	s.sub = nil
	if s.ok = len(s.rest) > 0; !s.ok {
		return nil
	}
	var err error
	if s.entry, s.rest, err = object.NextEntry(s.rest); err == nil && s.entry.IsTree() {
		s.sub, s.folders = s.folders[0], s.folders[1:]
	}
	return err
}

// folders compares two folders. Both are sorted like their full paths, a file before a folder
// of the same name, so one pass is enough.
func (c *comparison) folders(a, b *folder, prefix string) error {
	if a.id == b.id {
		return nil
	}

	left, right := side{rest: a.raw, folders: a.folders}, side{rest: b.raw, folders: b.folders}
	if err := left.next(); err != nil {
		return err
	}
	if err := right.next(); err != nil {
		return err
	}

	for left.ok || right.ok {
		order := 0
		switch {
		case !right.ok:
			order = -1
		case !left.ok:
			order = 1
		default:
			order = object.CompareEntries(left.entry, right.entry)
		}

		if err := c.pair(&left, &right, order, prefix); err != nil {
			return err
		}
	}

	return nil
}

// pair handles the entry that comes first on either side, or the entries of the same name and
// kind.
func (c *comparison) pair(left, right *side, order int, prefix string) error {
	var err error
	empty := &folder{}
	switch {
	case order < 0:
		if err = c.entry(*left, left.sub, empty, prefix); err == nil {
			err = left.next()
		}
		return err
	case order > 0:
		if err = c.entry(*right, empty, right.sub, prefix); err == nil {
			err = right.next()
		}
		return err
	}

	if left.entry.ID != right.entry.ID || left.entry.Mode != right.entry.Mode {
		err = c.entry(*left, left.sub, right.sub, prefix)
	}

	if err == nil {
		err = left.next()
	}

	if err == nil {
		err = right.next()
	}

	return err
}

// entry adds what differs at one name: the path itself, or the paths below.
func (c *comparison) entry(s side, a, b *folder, prefix string) error {
	path := prefix + string(s.entry.Name)
	if s.entry.IsTree() {
		return c.folders(a, b, path+"/")
	}
	c.paths = append(c.paths, path)
	return nil
}
