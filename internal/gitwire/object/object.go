package object

import (
	"bytes"
	"fmt"
	"hash"
	"strconv"

	"github.com/pjbgf/sha1cd"

	"github.com/lockstephq/lockstep/internal/gitwire/giterr"
)

// A Kind is the type of an object, with the number that packs use.
type Kind byte

const (
	Commit Kind = 1
	Tree   Kind = 2
	Blob   Kind = 3
	Tag    Kind = 4
)

func (k Kind) String() string {
	switch k {
	case Commit:
		return "commit"
	case Tree:
		return "tree"
	case Blob:
		return "blob"
	case Tag:
		return "tag"
	}
	return strconv.Itoa(int(k))
}

// An Object is a Git object without its header.
type Object struct {
	Kind Kind
	Data []byte
}

// NewHash returns a hash whose sum, after the data is written, is the ID of an object.
func NewHash(kind Kind, size int64) hash.Hash {
	h := sha1cd.New()
	fmt.Fprintf(h, "%s %d\x00", kind, size)
	return h
}

// Sum returns the ID from a hash. It returns an error for data that was made to collide.
func Sum(h hash.Hash) (ID, error) {
	var id ID
	sum, collision := h.(sha1cd.CollisionResistantHash).CollisionResistantSum(nil)
	if collision {
		return id, fmt.Errorf("%w: an object is part of a SHA-1 collision", giterr.ErrProtocol)
	}
	copy(id[:], sum)
	return id, nil
}

func (o Object) ID() (ID, error) {
	h := NewHash(o.Kind, int64(len(o.Data)))
	h.Write(o.Data)
	return Sum(h)
}

// ParseCommit returns the tree and the parents of a commit.
func ParseCommit(data []byte) (tree ID, parents []ID, err error) {
	line, rest, _ := bytes.Cut(data, []byte("\n"))
	id, ok := bytes.CutPrefix(line, []byte("tree "))
	if !ok {
		return tree, nil, fmt.Errorf("%w: a commit without a tree", giterr.ErrProtocol)
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
