package targettest

import (
	"crypto/sha1"
	"encoding/hex"
	"errors"
	"fmt"
	"io/fs"
	"testing/fstest"

	"github.com/lockstephq/lockstep"
)

// A Tree is a commit's tree in memory. As in a real tree, a symbolic link cannot be
// opened.
type Tree struct{ fstest.MapFS }

// Files returns a tree of paths and contents.
func Files(contents map[string]string) Tree {
	files := make(fstest.MapFS, len(contents))
	for name, text := range contents {
		files[name] = &fstest.MapFile{Data: []byte(text), Mode: 0o644}
	}
	return Tree{files}
}

// Open opens a file or a folder.
func (t Tree) Open(name string) (fs.File, error) {
	if f, ok := t.MapFS[name]; ok && f.Mode&fs.ModeSymlink != 0 {
		err := lockstep.Errorf(lockstep.Invalid, "it is a symbolic link")
		return nil, &fs.PathError{Op: "open", Path: name, Err: err}
	}
	return t.MapFS.Open(name)
}

// ObjectID returns a hash of a file's content, or of all files below a folder.
func (t Tree) ObjectID(name string) (string, error) {
	if f, ok := t.MapFS[name]; ok && !f.Mode.IsDir() {
		return hash(f.Mode.String(), string(f.Data)), nil
	}
	if _, err := t.MapFS.Stat(name); err != nil {
		return "", err
	}

	all := ""
	err := fs.WalkDir(t.MapFS, name, func(entryPath string, e fs.DirEntry, err error) error {
		if err != nil || e.IsDir() {
			return err
		}

		id, err := t.ObjectID(entryPath)
		all += fmt.Sprintln(id, entryPath)
		return err
	})
	if err != nil {
		return "", errors.Join(fs.ErrNotExist, err)
	}

	return hash("folder", all), nil
}

func hash(kind, text string) string {
	sum := sha1.Sum([]byte(kind + "\x00" + text))
	return hex.EncodeToString(sum[:])
}
