package server

import (
	"crypto/sha1"
	"encoding/hex"
	"fmt"
	"io/fs"
)

// workTree is the files of a working copy as a tree, to be compared with a
// commit's.
type workTree struct{ fs.FS }

// ObjectID gives the id that git would give a file's bytes.
func (t workTree) ObjectID(name string) (string, error) {
	b, err := fs.ReadFile(t.FS, name)
	if err != nil {
		return "", err
	}
	h := sha1.New()
	fmt.Fprintf(h, "blob %d\x00", len(b))
	h.Write(b)
	return hex.EncodeToString(h.Sum(nil)), nil
}
