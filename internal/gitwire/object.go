package gitwire

import (
	"bytes"
	"fmt"
	"hash"
	"io/fs"
	"strconv"
	"strings"

	"github.com/pjbgf/sha1cd"
)

// An objectKind is the number that a pack gives it.
type objectKind byte

const (
	commitObject objectKind = 1
	treeObject   objectKind = 2
	blobObject   objectKind = 3
	tagObject    objectKind = 4
	offsetDelta  objectKind = 6
	refDelta     objectKind = 7
)

func (k objectKind) String() string {
	switch k {
	case commitObject:
		return "commit"
	case treeObject:
		return "tree"
	case blobObject:
		return "blob"
	case tagObject:
		return "tag"
	}
	return strconv.Itoa(int(k))
}

// An object is what git stores under an id.
type object struct {
	kind objectKind
	data []byte
}

// newObjectHash begins the hash whose sum is the id of an object.
func newObjectHash(kind objectKind, size int64) hash.Hash {
	h := sha1cd.New()
	fmt.Fprintf(h, "%s %d\x00", kind, size)
	return h
}

// objectID ends the hash. Bytes that look made to collide with others have no id
// that could be trusted.
func objectID(h hash.Hash) (ID, error) {
	var id ID
	sum, collision := h.(sha1cd.CollisionResistantHash).CollisionResistantSum(nil)
	if collision {
		return id, fmt.Errorf("%w: an object is part of a SHA-1 collision", ErrProtocol)
	}
	copy(id[:], sum)
	return id, nil
}

func (o object) id() (ID, error) {
	h := newObjectHash(o.kind, int64(len(o.data)))
	h.Write(o.data)
	return objectID(h)
}

// parseCommit reads the tree and the parents, with which every commit begins.
func parseCommit(data []byte) (tree ID, parents []ID, err error) {
	line, rest, _ := bytes.Cut(data, []byte("\n"))
	id, ok := bytes.CutPrefix(line, []byte("tree "))
	if !ok {
		return tree, nil, fmt.Errorf("%w: a commit without a tree", ErrProtocol)
	}

	if tree, err = ParseID(string(id)); err != nil {
		return tree, nil, err
	}

	for {
		line, rest, _ = bytes.Cut(rest, []byte("\n"))
		id, ok := bytes.CutPrefix(line, []byte("parent "))
		if !ok {
			return tree, parents, nil
		}

		parent, err := ParseID(string(id))
		if err != nil {
			return tree, nil, err
		}

		parents = append(parents, parent)
	}
}

// The modes that git gives to entries of a tree.
const (
	folderMode     = 0o040000
	fileMode       = 0o100644
	executableMode = 0o100755
	symlinkMode    = 0o120000
	submoduleMode  = 0o160000
)

// An entry is one name in a tree.
type entry struct {
	mode int
	name []byte // shares the tree's memory
	id   ID
}

func (e entry) isFolder() bool { return e.mode == folderMode }

// fsMode gives the mode in the terms of io/fs. A submodule is neither file nor
// folder.
func (e entry) fsMode() fs.FileMode {
	switch e.mode {
	case folderMode:
		return fs.ModeDir | 0o555
	case executableMode:
		return 0o555
	case symlinkMode:
		return fs.ModeSymlink | 0o444
	case submoduleMode:
		return fs.ModeIrregular | 0o444
	}
	return 0o444
}

// maxName is the longest name that a tree may hold, as git fsck has it.
const maxName = 4096

// nextEntry cuts the first entry off a tree: "<mode> <name>\0<20 bytes>".
func nextEntry(tree []byte) (entry, []byte, error) {
	var e entry
	digits, rest, ok := bytes.Cut(tree, []byte(" "))
	name, rest, ok2 := bytes.Cut(rest, []byte{0})
	if !ok || !ok2 || len(rest) < len(e.id) {
		return e, nil, fmt.Errorf("%w: a tree is cut off", ErrProtocol)
	}

	mode, err := canonicalMode(digits)
	if err != nil {
		return e, nil, err
	}
	if err := checkName(name); err != nil {
		return e, nil, err
	}

	e.mode, e.name = mode, name
	copy(e.id[:], rest)
	return e, rest[len(e.id):], nil
}

// canonicalMode reads a mode as git does: of a file only its owner's execute bit
// counts, which old repositories write in other ways.
func canonicalMode(digits []byte) (int, error) {
	mode := 0
	for _, c := range digits {
		if c < '0' || c > '7' || len(digits) > 7 {
			return 0, fmt.Errorf("%w: bad mode in a tree: %s", ErrProtocol, quote(digits))
		}
		mode = mode<<3 | int(c-'0')
	}

	const kind = 0o170000
	switch mode & kind {
	case folderMode, symlinkMode, submoduleMode:
		return mode & kind, nil
	case fileMode & kind:
		if mode&0o100 != 0 {
			return executableMode, nil
		}
		return fileMode, nil
	}

	return 0, fmt.Errorf("%w: bad mode in a tree: %s", ErrProtocol, quote(digits))
}

// checkName refuses what no honest tree holds, since a path made of such names
// would mean another place.
func checkName(name []byte) error {
	switch {
	case len(name) == 0, bytes.IndexByte(name, '/') >= 0, len(name) > maxName,
		string(name) == ".", string(name) == "..", strings.EqualFold(string(name), ".git"):
		return fmt.Errorf("%w: bad name in a tree: %s", ErrProtocol, quote(name))
	}
	return nil
}

// compareNames orders two entries as git sorts trees: a folder as if its name
// ended in a slash. That is also the order of full paths.
func compareNames(a, b entry) int {
	n := min(len(a.name), len(b.name))
	if c := bytes.Compare(a.name[:n], b.name[:n]); c != 0 {
		return c
	}
	return int(a.after(n)) - int(b.after(n))
}

// after gives the byte that follows the first n of the name.
func (e entry) after(n int) byte {
	if n < len(e.name) {
		return e.name[n]
	}
	if e.isFolder() {
		return '/'
	}
	return 0
}
