package deploymentfile

import (
	"context"
	"errors"
	"io"
	"io/fs"
	"path"
	"strings"

	"github.com/lockstephq/lockstep"
)

// cleanPath gives the path of a file in a tree as it was meant, or what is
// wrong with it. Only ./ in front is forgiven: a path that has to be cleaned
// to stay in the repository is refused, not cleaned.
func cleanPath(name string) (clean, problem string) {
	for strings.HasPrefix(name, "./") {
		name = name[2:]
	}

	switch {
	case name == "" || name == ".":
		return "", "a path is empty"
	case strings.ContainsRune(name, 0):
		return "", "a path holds a NUL byte"
	case strings.Contains(name, `\`):
		return "", "a path holds a backslash; folders are divided by /"
	case strings.HasPrefix(name, "/"):
		return "", "a path begins at the repository's root, without a leading /"
	}

	for part := range strings.SplitSeq(name, "/") {
		if part == ".." {
			return "", "a path cannot lead upwards with `..`"
		}
	}

	if !fs.ValidPath(name) {
		return "", "a path is not in its plain form; write " + path.Clean(name)
	}

	return name, ""
}

// A prefetcher reads many files at once, where a tree can do so more cheaply
// than one after the other.
type prefetcher interface {
	Prefetch(ctx context.Context, paths ...string) error
}

// prefetch warms a tree. What cannot be had shows when the file is opened.
func prefetch(ctx context.Context, files lockstep.Tree, paths ...string) error {
	prefetcher, ok := files.(prefetcher)
	if !ok || len(paths) == 0 {
		return nil
	}
	err := prefetcher.Prefetch(ctx, paths...)
	if lockstep.KindOf(err) == lockstep.Unavailable || ctx.Err() != nil {
		return err
	}
	return nil
}

// readFile reads a file of at most limit bytes; large says that there are
// more.
func readFile(files fs.FS, name string, limit int64) (data []byte, large bool, err error) {
	file, err := files.Open(name)
	if err != nil {
		return nil, false, err
	}

	data, err = io.ReadAll(io.LimitReader(file, limit+1))
	if closeErr := file.Close(); err == nil {
		err = closeErr
	}

	if err != nil {
		return nil, false, err
	}
	if int64(len(data)) > limit {
		return nil, true, nil
	}

	return data, false, nil
}

// objectID is the tree's own, with NoObject for a missing file.
func objectID(files lockstep.Tree, name string) (string, error) {
	id, err := files.ObjectID(name)
	if errors.Is(err, fs.ErrNotExist) {
		return lockstep.NoObject, nil
	}
	return id, err
}

// readError turns an error of a tree into one for the attempt's owner.
func readError(what, name string, err error) error {
	if errors.Is(err, fs.ErrNotExist) {
		return lockstep.Wrapf(lockstep.NotFound, err, "%s %q is not in the commit.", what, name)
	}
	if e, ok := errors.AsType[*lockstep.Error](err); ok {
		return lockstep.Wrapf(e.Kind, err, "%s %q cannot be read: %s", what, name, e.Message)
	}
	return lockstep.Wrapf(lockstep.Invalid, err, "%s %q cannot be read: it is not an ordinary file.", what, name)
}
