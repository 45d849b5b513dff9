package lockstep

import (
	"io/fs"
	"regexp"
)

// A SHA is a commit's object id in 40 lower-case hexadecimal digits.
type SHA string

var sha = regexp.MustCompile(`^[0-9a-f]{40}$`)

// Valid says whether s is a whole object id.
func (s SHA) Valid() bool { return sha.MatchString(string(s)) }

// Short gives the first eight digits, as people read them.
func (s SHA) Short() string { return string(s[:min(8, len(s))]) }

// A Revision is a commit of a branch, seen from one sync configuration.
type Revision struct {
	Branch         string
	Directory      string // the path of the configuration's file
	OwnerID        string
	RepositoryName string
	ProviderType   ProviderType
	SHA            SHA
}

// A Tree is the files of one commit. Besides reading it tells object ids, by
// which two commits are compared without reading anything.
//
// Symbolic links and submodules are not followed; opening one is an error.
// Errors are *fs.PathError around an *Error or around fs.ErrNotExist.
type Tree interface {
	fs.FS
	// ObjectID gives the id of the file or folder at a path in the form of
	// fs.ValidPath; an error that is fs.ErrNotExist where there is none.
	ObjectID(name string) (string, error)
}

// NoObject stands for a missing file among a plan's inputs.
const NoObject = "0000000000000000000000000000000000000000"
