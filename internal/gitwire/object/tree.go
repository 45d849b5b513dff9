package object

import (
	"bytes"
	"fmt"
	"io/fs"
	"strings"

	"github.com/lockstephq/lockstep/internal/gitwire/giterr"
)

// The canonical modes of entries in trees.
const (
	ModeTree       = 0o040000
	ModeFile       = 0o100644
	ModeExecutable = 0o100755
	ModeSymlink    = 0o120000
	ModeSubmodule  = 0o160000
)

// An Entry is an entry of a tree.
type Entry struct {
	Mode int
	Name []byte // shares the tree's memory
	ID   ID
}

func (e Entry) IsTree() bool { return e.Mode == ModeTree }

// FSMode returns the mode in the terms of io/fs. A submodule is irregular.
func (e Entry) FSMode() fs.FileMode {
	switch e.Mode {
	case ModeTree:
		return fs.ModeDir | 0o555
	case ModeExecutable:
		return 0o555
	case ModeSymlink:
		return fs.ModeSymlink | 0o444
	case ModeSubmodule:
		return fs.ModeIrregular | 0o444
	}
	return 0o444
}

// maxName is the length of the longest name in a tree, as git fsck has it.
const maxName = 4096

// NextEntry returns the first entry of a tree, "<mode> <name>\0<20 bytes>", and the rest.
func NextEntry(tree []byte) (Entry, []byte, error) {
	var entry Entry
	digits, rest, ok := bytes.Cut(tree, []byte(" "))
	name, rest, ok2 := bytes.Cut(rest, []byte{0})
	if !ok || !ok2 || len(rest) < len(entry.ID) {
		return entry, nil, fmt.Errorf("%w: a tree is cut off", giterr.ErrProtocol)
	}

	mode, err := canonicalMode(digits)
	if err != nil {
		return entry, nil, err
	}
	if err := checkName(name); err != nil {
		return entry, nil, err
	}

	entry.Mode, entry.Name = mode, name
	copy(entry.ID[:], rest)
	return entry, rest[len(entry.ID):], nil
}

// canonicalMode parses a mode as git does: of a file's permissions only the owner's execute bit
// counts, because old repositories have others.
func canonicalMode(digits []byte) (int, error) {
	mode := 0
	for _, c := range digits {
		if c < '0' || c > '7' || len(digits) > 7 {
			return 0, fmt.Errorf("%w: bad mode in a tree: %s", giterr.ErrProtocol, giterr.Quote(digits))
		}
		mode = mode<<3 | int(c-'0')
	}

	const kind = 0o170000
	switch mode & kind {
	case ModeTree, ModeSymlink, ModeSubmodule:
		return mode & kind, nil
	case ModeFile & kind:
		if mode&0o100 != 0 {
			return ModeExecutable, nil
		}
		return ModeFile, nil
	}

	return 0, fmt.Errorf("%w: bad mode in a tree: %s", giterr.ErrProtocol, giterr.Quote(digits))
}

// checkName returns an error for names with which a path would mean another place.
func checkName(name []byte) error {
	switch {
	case len(name) == 0, bytes.IndexByte(name, '/') >= 0, len(name) > maxName,
		string(name) == ".", string(name) == "..", strings.EqualFold(string(name), ".git"):
		return fmt.Errorf("%w: bad name in a tree: %s", giterr.ErrProtocol, giterr.Quote(name))
	}
	return nil
}

// CompareEntries orders two entries as git sorts trees: a folder as if its name ended in a
// slash. That is also the order of full paths.
func CompareEntries(a, b Entry) int {
	common := min(len(a.Name), len(b.Name))
	if c := bytes.Compare(a.Name[:common], b.Name[:common]); c != 0 {
		return c
	}
	return int(a.after(common)) - int(b.after(common))
}

// after returns the byte that follows the first n of the name.
func (e Entry) after(n int) byte {
	if n < len(e.Name) {
		return e.Name[n]
	}
	if e.IsTree() {
		return '/'
	}
	return 0
}

// An OrderChecker checks that a tree is sorted and contains no name twice, so that a path has
// one meaning. A file and a folder of the same name need not be neighbours: what sorts between
// them begins with that name.
type OrderChecker struct {
	last      Entry
	openFiles []Entry // files that a folder of the same name may still follow
}

func (c *OrderChecker) Check(entry Entry) error {
	if c.last.Name != nil && CompareEntries(c.last, entry) >= 0 {
		return fmt.Errorf("%w: a tree that is not in order at %s", giterr.ErrProtocol, giterr.Quote(entry.Name))
	}

	for len(c.openFiles) > 0 && !bytes.HasPrefix(entry.Name, c.openFiles[len(c.openFiles)-1].Name) {
		c.openFiles = c.openFiles[:len(c.openFiles)-1]
	}

	if !entry.IsTree() {
		c.openFiles = append(c.openFiles, entry)
	} else if n := len(c.openFiles); n > 0 && len(c.openFiles[n-1].Name) == len(entry.Name) {
		return fmt.Errorf("%w: a tree that holds %s twice", giterr.ErrProtocol, giterr.Quote(entry.Name))
	}

	c.last = entry
	return nil
}
