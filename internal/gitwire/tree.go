package gitwire

import (
	"bytes"
	"context"
	"errors"
	"io"
	"io/fs"
	"slices"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/lockstephq/lockstep/internal/gitwire/giterr"
	"github.com/lockstephq/lockstep/internal/gitwire/object"
)

// A Tree is a Snapshot as a read-only file system: fs.FS, fs.ReadDirFS, fs.ReadFileFS,
// fs.StatFS. Folders and object IDs are in memory. The bytes of a file, and so its size, are
// fetched at first use, each in a request of its own unless Prefetch has fetched them.
//
// Symbolic links and submodules are listed but never followed: opening one, or a path through
// one, is ErrSymlink or ErrSubmodule. Names that cannot be part of a path (not UTF-8, or with a
// backslash) are not listed. Every error is an *fs.PathError around fs.ErrNotExist,
// fs.ErrInvalid or a *giterr.Error.
type Tree struct {
	// Methods without a context fetch bytes, so it is kept here.
	ctx  context.Context
	snap *Snapshot
}

// Tree returns the commit's files. Fetches end with ctx.
func (s *Snapshot) Tree(ctx context.Context) *Tree { return &Tree{ctx, s} }

// Commit returns the ID of the commit.
func (t *Tree) Commit() object.ID { return t.snap.commit }

// ObjectID returns the ID, in 40 hexadecimal digits, of the blob or tree at a path, of a link
// itself, and of the commit of a submodule. Equal IDs are equal content.
func (t *Tree) ObjectID(name string) (string, error) {
	entry, _, err := t.lookup("objectid", name)
	if err != nil {
		return "", err
	}
	return entry.ID.String(), nil
}

// Prefetch fetches files in one request, unless they are in memory, as far as they fit there.
// It is a hint: it ignores paths that are not files, and files that are too large fail when
// they are opened.
func (t *Tree) Prefetch(ctx context.Context, paths ...string) error {
	var ids []object.ID
	for _, path := range paths {
		e, _, err := t.lookup("open", path)
		if err == nil && e.FSMode().IsRegular() {
			ids = append(ids, e.ID)
		}
	}
	return t.snap.remote.prefetch(ctx, t.snap.commit, ids)
}

// Open opens a file, whose bytes it fetches, or a folder.
func (t *Tree) Open(name string) (fs.File, error) {
	entry, dir, err := t.lookup("open", name)
	if err != nil {
		return nil, err
	}

	if dir != nil {
		list, err := t.list(name, dir)
		return &openFolder{info: t.info(name, entry), list: list}, err
	}

	data, err := t.read("open", name, entry)
	if err != nil {
		return nil, err
	}

	info := t.info(name, entry)
	info.size = int64(len(data))
	return &openFile{*bytes.NewReader(data), info}, nil
}

// ReadFile returns the bytes of a file.
func (t *Tree) ReadFile(name string) ([]byte, error) {
	entry, dir, err := t.lookup("read", name)
	if err != nil {
		return nil, err
	}
	if dir != nil {
		return nil, &fs.PathError{Op: "read", Path: name, Err: errIsFolder}
	}
	data, err := t.read("read", name, entry)
	return bytes.Clone(data), err
}

// ReadDir returns the entries of a folder, sorted by name.
func (t *Tree) ReadDir(name string) ([]fs.DirEntry, error) {
	_, dir, err := t.lookup("readdir", name)
	if err != nil {
		return nil, err
	}
	if dir == nil {
		return nil, &fs.PathError{Op: "readdir", Path: name, Err: errNoFolder}
	}
	return t.list(name, dir)
}

// Stat describes a file or folder, and a link or submodule itself. It fetches the bytes of a
// file, because they determine its size; ObjectID is the cheap way to find out whether a path
// exists.
func (t *Tree) Stat(name string) (fs.FileInfo, error) {
	entry, _, err := t.lookup("stat", name)
	if err != nil {
		return nil, err
	}
	return t.stat(name, entry)
}

func (t *Tree) stat(name string, entry object.Entry) (fs.FileInfo, error) {
	info := t.info(name, entry)
	if !info.mode.IsRegular() {
		return info, nil
	}
	data, err := t.read("stat", name, entry)
	info.size = int64(len(data))
	return info, err
}

var (
	errIsFolder = errors.New("is a folder")
	errNoFolder = errors.New("is no folder")
)

// lookup walks a path from the root. The folder is nil if the entry is not one.
func (t *Tree) lookup(op, name string) (object.Entry, *folder, error) {
	fail := func(err error) (object.Entry, *folder, error) {
		return object.Entry{}, nil, &fs.PathError{Op: op, Path: name, Err: err}
	}
	if !fs.ValidPath(name) || strings.ContainsAny(name, "\x00\\") {
		return fail(fs.ErrInvalid)
	}

	dir := t.snap.root
	entry := object.Entry{Mode: object.ModeTree, ID: dir.id}
	if name == "." {
		return entry, dir, nil
	}

	for part := range strings.SplitSeq(name, "/") {
		if dir == nil {
			return fail(t.notFolder(entry))
		}

		var err error
		if entry, dir, err = dir.find(part); err != nil {
			return fail(err)
		}
	}

	return entry, dir, nil
}

// notFolder returns why a path cannot continue after an entry.
func (t *Tree) notFolder(e object.Entry) error {
	if err := t.unreadable(e); err != nil {
		return err
	}
	return fs.ErrNotExist
}

// unreadable returns why an entry has no bytes, if it is a link or a submodule.
func (t *Tree) unreadable(e object.Entry) error {
	switch e.Mode {
	case object.ModeSymlink:
		return &giterr.Error{Repository: t.snap.remote.name, Err: giterr.ErrSymlink}
	case object.ModeSubmodule:
		return &giterr.Error{Repository: t.snap.remote.name, Err: giterr.ErrSubmodule}
	}
	return nil
}

func (t *Tree) read(op, name string, entry object.Entry) ([]byte, error) {
	err := t.unreadable(entry)
	var data []byte
	if err == nil {
		data, err = t.snap.remote.blob(t.ctx, t.snap.commit, entry.ID)
	}
	if err != nil {
		return nil, &fs.PathError{Op: op, Path: name, Err: err}
	}
	return data, nil
}

func (t *Tree) list(name string, f *folder) ([]fs.DirEntry, error) {
	var list []fs.DirEntry
	for rest := f.raw; len(rest) > 0; {
		var entry object.Entry
		var err error
		if entry, rest, err = object.NextEntry(rest); err != nil {
			return nil, &fs.PathError{Op: "readdir", Path: name, Err: err}
		}

		if !utf8.Valid(entry.Name) || bytes.IndexByte(entry.Name, '\\') >= 0 {
			continue
		}

		path := string(entry.Name)
		if name != "." {
			path = name + "/" + path
		}

		list = append(list, dirEntry{t, path, entry})
	}

	slices.SortFunc(list, func(a, b fs.DirEntry) int { return strings.Compare(a.Name(), b.Name()) })
	return list, nil
}

func (t *Tree) info(path string, e object.Entry) fileInfo {
	return fileInfo{name: path[strings.LastIndexByte(path, '/')+1:], mode: e.FSMode()}
}

// A fileInfo has no time: Git has none for files.
type fileInfo struct {
	name string
	mode fs.FileMode
	size int64
}

func (i fileInfo) Name() string       { return i.name }
func (i fileInfo) Size() int64        { return i.size }
func (i fileInfo) Mode() fs.FileMode  { return i.mode }
func (i fileInfo) ModTime() time.Time { return time.Time{} }
func (i fileInfo) IsDir() bool        { return i.mode.IsDir() }
func (i fileInfo) Sys() any           { return nil }

type openFile struct {
	bytes.Reader
	info fileInfo
}

func (f *openFile) Stat() (fs.FileInfo, error) { return f.info, nil }
func (f *openFile) Close() error               { return nil }

type openFolder struct {
	info fileInfo
	list []fs.DirEntry
}

func (f *openFolder) Stat() (fs.FileInfo, error) { return f.info, nil }
func (f *openFolder) Close() error               { return nil }

func (f *openFolder) Read([]byte) (int, error) {
	return 0, &fs.PathError{Op: "read", Path: f.info.name, Err: errIsFolder}
}

func (f *openFolder) ReadDir(count int) ([]fs.DirEntry, error) {
	if count > 0 && len(f.list) == 0 {
		return nil, io.EOF
	}
	if count <= 0 {
		count = len(f.list)
	}
	list := f.list[:min(count, len(f.list))]
	f.list = f.list[len(list):]
	return list, nil
}

// A dirEntry fetches a file's size only if Info is called.
type dirEntry struct {
	tree  *Tree
	path  string
	entry object.Entry
}

func (d dirEntry) Name() string               { return string(d.entry.Name) }
func (d dirEntry) IsDir() bool                { return d.entry.IsTree() }
func (d dirEntry) Type() fs.FileMode          { return d.entry.FSMode().Type() }
func (d dirEntry) Info() (fs.FileInfo, error) { return d.tree.stat(d.path, d.entry) }
