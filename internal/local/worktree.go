package local

import (
	"crypto/sha1"
	"encoding/hex"
	"fmt"
	"io/fs"
)

// A workTree is the files of a working copy as a [lockstep.Tree], to compare them with a commit's.
type workTree struct{ fs.FS }

// ObjectID returns the object id that git computes for the content of a file.
func (t workTree) ObjectID(name string) (string, error) {
	content, err := fs.ReadFile(t.FS, name)
	if err != nil {
		return "", err
	}

	hash := sha1.New()
	fmt.Fprintf(hash, "blob %d\x00", len(content))
	hash.Write(content)

	return hex.EncodeToString(hash.Sum(nil)), nil
}
