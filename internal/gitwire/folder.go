package gitwire

import (
	"bytes"
	"fmt"
	"io/fs"
	"math"
)

// A folder is one tree with the folders in it. Equal trees are one folder,
// within a snapshot and between a snapshot and its base, so that memory and work
// follow what is different, not what is there.
type folder struct {
	id      ID
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
	objects map[ID]object
	base    map[ID]*folder
	made    map[ID]*folder
	missing bool
}

// folder makes the folder of a tree that lies level folders deep. That is also
// the depth of recursion.
func (b *builder) folder(id ID, level int) (*folder, error) {
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
		return nil, fmt.Errorf("%w: folders more than %d deep", ErrLimit, b.limits.Depth)
	}

	return f, nil
}

func (b *builder) read(id ID, level int) (*folder, error) {
	o, ok := b.objects[id]
	if !ok || o.kind != treeObject {
		b.missing = b.missing || !ok
		return nil, fmt.Errorf("%w: the server sent no tree %s", ErrProtocol, id)
	}

	if level > b.limits.Depth {
		return nil, fmt.Errorf("%w: folders more than %d deep", ErrLimit, b.limits.Depth)
	}

	f := &folder{id: id, raw: o.data}
	var order orderCheck
	for rest := f.raw; len(rest) > 0; {
		var e entry
		var err error
		if e, rest, err = nextEntry(rest); err != nil {
			return nil, err
		}

		if err := order.next(e); err != nil {
			return nil, err
		}

		paths, pathBytes := int64(1), int64(len(e.name))
		if e.isFolder() {
			sub, err := b.folder(e.id, level+1)
			if err != nil {
				return nil, err
			}

			f.folders = append(f.folders, sub)
			f.depth = max(f.depth, sub.depth+1)
			paths = plus(paths, sub.paths)
			pathBytes = plus(plus(pathBytes, times(sub.paths, int64(len(e.name)+1))), sub.pathBytes)
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

// orderCheck sees that a tree is sorted and holds no name twice, so that a path
// means one thing. A file and a folder of one name need not be neighbours: what
// sorts between them begins with that name.
type orderCheck struct {
	last entry
	open []entry // files that a folder of the same name could still follow
}

func (c *orderCheck) next(e entry) error {
	if c.last.name != nil && compareNames(c.last, e) >= 0 {
		return fmt.Errorf("%w: a tree that is not in order at %s", ErrProtocol, quote(e.name))
	}

	for len(c.open) > 0 && !bytes.HasPrefix(e.name, c.open[len(c.open)-1].name) {
		c.open = c.open[:len(c.open)-1]
	}

	if !e.isFolder() {
		c.open = append(c.open, e)
	} else if n := len(c.open); n > 0 && len(c.open[n-1].name) == len(e.name) {
		return fmt.Errorf("%w: a tree that holds %s twice", ErrProtocol, quote(e.name))
	}

	c.last = e
	return nil
}

// find gives the entry of a name, and the folder if it is one.
func (f *folder) find(name string) (entry, *folder, error) {
	k := 0
	for rest := f.raw; len(rest) > 0; {
		var e entry
		var err error
		if e, rest, err = nextEntry(rest); err != nil {
			return e, nil, err
		}

		if string(e.name) == name {
			if e.isFolder() {
				return e, f.folders[k], nil
			}
			return e, nil, nil
		}

		if e.isFolder() {
			k++
		}
	}

	return entry{}, nil, fs.ErrNotExist
}
