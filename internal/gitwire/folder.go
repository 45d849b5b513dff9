package gitwire

import (
	"fmt"
	"io/fs"
	"math"

	"github.com/lockstephq/lockstep/internal/gitwire/giterr"
	"github.com/lockstephq/lockstep/internal/gitwire/object"
)

// A folder is a tree with the folders in it. Equal trees are one folder, within a snapshot and
// between a snapshot and its base, so that memory and work are proportional to the differences.
type folder struct {
	id      object.ID
	raw     []byte    // as git stores it, parsed at each read
	folders []*folder // in the order of raw

	// What a walk over everything below meets. A tree may contain another many times, so these
	// numbers can be large for little input.
	depth     int
	paths     int64
	pathBytes int64 // sum of the lengths, relative to this folder
}

// A builder builds folders from objects.
type builder struct {
	limits  Limits
	objects map[object.ID]object.Object
	base    map[object.ID]*folder
	made    map[object.ID]*folder
	missing bool
}

// folder returns the folder of a tree that is level folders deep, which is also the depth of
// recursion.
func (b *builder) folder(id object.ID, level int) (*folder, error) {
	made, ok := b.made[id]
	if !ok {
		made, ok = b.base[id]
	}

	if !ok {
		var err error
		if made, err = b.read(id, level); err != nil {
			return nil, err
		}

		b.made[id] = made
	}

	if level+made.depth > b.limits.Depth {
		return nil, fmt.Errorf("%w: folders more than %d deep", giterr.ErrLimit, b.limits.Depth)
	}

	return made, nil
}

func (b *builder) read(id object.ID, level int) (*folder, error) {
	obj, ok := b.objects[id]
	if !ok || obj.Kind != object.Tree {
		b.missing = b.missing || !ok
		return nil, fmt.Errorf("%w: the server sent no tree %s", giterr.ErrProtocol, id)
	}

	if level > b.limits.Depth {
		return nil, fmt.Errorf("%w: folders more than %d deep", giterr.ErrLimit, b.limits.Depth)
	}

	made := &folder{id: id, raw: obj.Data}
	var order object.OrderChecker
	for rest := made.raw; len(rest) > 0; {
		var entry object.Entry
		var err error
		if entry, rest, err = object.NextEntry(rest); err != nil {
			return nil, err
		}

		if err := order.Check(entry); err != nil {
			return nil, err
		}

		paths, pathBytes := int64(1), int64(len(entry.Name))
		if entry.IsTree() {
			sub, err := b.folder(entry.ID, level+1)
			if err != nil {
				return nil, err
			}

			made.folders = append(made.folders, sub)
			made.depth = max(made.depth, sub.depth+1)
			paths = addSaturated(paths, sub.paths)
			prefixBytes := multiplySaturated(sub.paths, int64(len(entry.Name)+1))
			pathBytes = addSaturated(addSaturated(pathBytes, prefixBytes), sub.pathBytes)
		}

		made.paths, made.pathBytes = addSaturated(made.paths, paths), addSaturated(made.pathBytes, pathBytes)
	}

	return made, nil
}

// addSaturated and multiplySaturated return at most the largest number, without overflow.
func addSaturated(a, b int64) int64 {
	if a > math.MaxInt64-b {
		return math.MaxInt64
	}
	return a + b
}

func multiplySaturated(a, b int64) int64 {
	if b != 0 && a > math.MaxInt64/b {
		return math.MaxInt64
	}
	return a * b
}

// find returns the entry of a name, and the folder if it is one.
func (f *folder) find(name string) (object.Entry, *folder, error) {
	next := 0
	for rest := f.raw; len(rest) > 0; {
		var entry object.Entry
		var err error
		if entry, rest, err = object.NextEntry(rest); err != nil {
			return entry, nil, err
		}

		if string(entry.Name) == name {
			if entry.IsTree() {
				return entry, f.folders[next], nil
			}
			return entry, nil, nil
		}

		if entry.IsTree() {
			next++
		}
	}

	return object.Entry{}, nil, fs.ErrNotExist
}
