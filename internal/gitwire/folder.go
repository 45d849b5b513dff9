package gitwire

import (
	"fmt"
	"io/fs"
	"math"

	"github.com/lockstephq/lockstep/internal/gitwire/giterr"
	"github.com/lockstephq/lockstep/internal/gitwire/object"
)

// A folder is one tree with the folders in it. Equal trees are one folder,
// within a snapshot and between a snapshot and its base, so that memory and work
// follow what is different, not what is there.
type folder struct {
	id      object.ID
	raw     []byte    // as git stores it: parsed anew by every reader
	folders []*folder // in the order of raw

	// What walking everything below would meet. A tree may hold another many
	// times, so these numbers can be large where little was sent.
	depth     int
	paths     int64
	pathBytes int64 // summed lengths, from this folder on
}

// builder makes folders of objects.
type builder struct {
	limits  Limits
	objects map[object.ID]object.Object
	base    map[object.ID]*folder
	made    map[object.ID]*folder
	missing bool
}

// folder makes the folder of a tree that lies level folders deep. That is also
// the depth of recursion.
func (b *builder) folder(id object.ID, level int) (*folder, error) {
	f, ok := b.made[id]
	if !ok {
		f, ok = b.base[id]
	}

	if !ok {
		var err error
		if f, err = b.read(id, level); err != nil {
			return nil, err
		}

		b.made[id] = f
	}

	if level+f.depth > b.limits.Depth {
		return nil, fmt.Errorf("%w: folders more than %d deep", giterr.ErrLimit, b.limits.Depth)
	}

	return f, nil
}

func (b *builder) read(id object.ID, level int) (*folder, error) {
	o, ok := b.objects[id]
	if !ok || o.Kind != object.Tree {
		b.missing = b.missing || !ok
		return nil, fmt.Errorf("%w: the server sent no tree %s", giterr.ErrProtocol, id)
	}

	if level > b.limits.Depth {
		return nil, fmt.Errorf("%w: folders more than %d deep", giterr.ErrLimit, b.limits.Depth)
	}

	f := &folder{id: id, raw: o.Data}
	var order object.OrderChecker
	for rest := f.raw; len(rest) > 0; {
		var e object.Entry
		var err error
		if e, rest, err = object.NextEntry(rest); err != nil {
			return nil, err
		}

		if err := order.Check(e); err != nil {
			return nil, err
		}

		paths, pathBytes := int64(1), int64(len(e.Name))
		if e.IsTree() {
			sub, err := b.folder(e.ID, level+1)
			if err != nil {
				return nil, err
			}

			f.folders = append(f.folders, sub)
			f.depth = max(f.depth, sub.depth+1)
			paths = plus(paths, sub.paths)
			pathBytes = plus(plus(pathBytes, times(sub.paths, int64(len(e.Name)+1))), sub.pathBytes)
		}

		f.paths, f.pathBytes = plus(f.paths, paths), plus(f.pathBytes, pathBytes)
	}

	return f, nil
}

// plus and times stop at the largest number instead of wrapping around.
func plus(a, b int64) int64 {
	if a > math.MaxInt64-b {
		return math.MaxInt64
	}
	return a + b
}

func times(a, b int64) int64 {
	if b != 0 && a > math.MaxInt64/b {
		return math.MaxInt64
	}
	return a * b
}

// find gives the entry of a name, and the folder if it is one.
func (f *folder) find(name string) (object.Entry, *folder, error) {
	k := 0
	for rest := f.raw; len(rest) > 0; {
		var e object.Entry
		var err error
		if e, rest, err = object.NextEntry(rest); err != nil {
			return e, nil, err
		}

		if string(e.Name) == name {
			if e.IsTree() {
				return e, f.folders[k], nil
			}
			return e, nil, nil
		}

		if e.IsTree() {
			k++
		}
	}

	return object.Entry{}, nil, fs.ErrNotExist
}
