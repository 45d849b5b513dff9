package repository

import (
	"bytes"
	"context"
	"io/fs"
	"path"
	"time"

	"github.com/lockstephq/lockstep"
)

// An overlay is a tree in which one file comes from another tree.
type overlay struct {
	lockstep.Tree
	file  string
	above lockstep.Tree
}

// Overlay returns tree with one file as it is in above.
func Overlay(tree, above lockstep.Tree, file string) lockstep.Tree {
	return overlay{Tree: tree, file: path.Clean(file), above: above}
}

// OverlayText returns tree with one file that has the given text. The file has no
// object id of Git.
func OverlayText(tree lockstep.Tree, file string, text []byte) lockstep.Tree {
	return Overlay(tree, memoryTree{text: text}, file)
}

func (o overlay) treeOf(name string) lockstep.Tree {
	if name == o.file {
		return o.above
	}
	return o.Tree
}

// Open opens the file of that name.
func (o overlay) Open(name string) (fs.File, error) { return o.treeOf(name).Open(name) }

// ObjectID returns the id of what Open opens.
func (o overlay) ObjectID(name string) (string, error) { return o.treeOf(name).ObjectID(name) }

// Prefetch prefetches files of the tree below.
func (o overlay) Prefetch(ctx context.Context, names ...string) error {
	return lockstep.Prefetch(ctx, o.Tree, names...)
}

// A memoryTree has the same text under every name.
type memoryTree struct{ text []byte }

func (t memoryTree) Open(name string) (fs.File, error) {
	return &memoryFile{bytes.NewReader(t.text), path.Base(name)}, nil
}

func (t memoryTree) ObjectID(string) (string, error) { return "added", nil }

// A memoryFile is a regular file that is its own description.
type memoryFile struct {
	*bytes.Reader
	name string
}

func (f *memoryFile) Stat() (fs.FileInfo, error) { return f, nil }
func (f *memoryFile) Close() error               { return nil }
func (f *memoryFile) Name() string               { return f.name }
func (f *memoryFile) Mode() fs.FileMode          { return 0o444 }
func (f *memoryFile) ModTime() time.Time         { return time.Time{} }
func (f *memoryFile) IsDir() bool                { return false }
func (f *memoryFile) Sys() any                   { return nil }
