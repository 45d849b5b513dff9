package lockstep

import (
	"context"
	"io/fs"
	"regexp"
)

// A SHA is the object id of a commit: 40 lower-case hexadecimal digits.
type SHA string

var sha = regexp.MustCompile(`^[0-9a-f]{40}$`)

// Valid reports whether s is a complete object id.
func (s SHA) Valid() bool { return sha.MatchString(string(s)) }

// Short returns the first eight digits of s.
func (s SHA) Short() string { return string(s[:min(8, len(s))]) }

// A Revision is a commit together with the branch, file and repository that a sync
// configuration reads it with. It is stored as JSON; the names are part of the stored
// format.
type Revision struct {
	Branch         string       `json:"branch"`
	Directory      string       `json:"directory"` // the path of the configuration's file; AWS's name for it
	OwnerID        string       `json:"owner_id"`
	RepositoryName string       `json:"repository_name"`
	ProviderType   ProviderType `json:"provider_type"`
	SHA            SHA          `json:"sha"`
}

// A Tree is the files of one commit. Object ids allow two commits to be compared
// without reading file contents.
//
// Symbolic links and submodules are not followed; opening one is an error. Errors
// are *fs.PathError that wrap an [*Error] or fs.ErrNotExist.
type Tree interface {
	fs.FS
	// ObjectID returns the id of the file or folder at a path that is valid by
	// fs.ValidPath. The error is fs.ErrNotExist if there is none.
	ObjectID(name string) (string, error)
}

// A Prefetcher is a Tree that reads many files for the price of one.
type Prefetcher interface {
	Prefetch(ctx context.Context, names ...string) error
}

// Prefetch reads files of a tree ahead, if the tree is a Prefetcher.
func Prefetch(ctx context.Context, tree Tree, names ...string) error {
	prefetcher, ok := tree.(Prefetcher)
	if !ok || len(names) == 0 {
		return nil
	}
	return prefetcher.Prefetch(ctx, names...)
}

// NoObject is the object id of a missing file among the inputs of a sync
// configuration.
const NoObject = "0000000000000000000000000000000000000000"
