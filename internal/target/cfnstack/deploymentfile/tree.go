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

// cleanPath returns the path of a file in a tree, or the problem of the path. It
// accepts what [lockstep.TreePath] accepts and refuses other paths that are not clean.
func cleanPath(name string) (clean, problem string) {
	name = lockstep.TreePath(name)
	switch {
	case name == "" || name == ".":
		return "", "a path is empty"
	case strings.ContainsRune(name, 0):
		return "", "a path contains a NUL byte"
	case strings.Contains(name, `\`):
		return "", "a path contains a backslash; separate folders by /"
	}

	for part := range strings.SplitSeq(name, "/") {
		if part == ".." {
			return "", "a path cannot contain `..`"
		}
	}

	if !fs.ValidPath(name) {
		return "", "a path is not clean; write " + path.Clean(name)
	}

	return name, ""
}

// prefetch reads files ahead. Their errors appear when they are opened.
func prefetch(ctx context.Context, files lockstep.Tree, paths ...string) error {
	err := lockstep.Prefetch(ctx, files, paths...)
	if lockstep.KindOf(err) == lockstep.Unavailable || ctx.Err() != nil {
		return err
	}
	return nil
}

// readFile reads a file of at most limit bytes. It reports whether the file is
// larger.
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

// objectID returns the object id of a file, or NoObject for a missing file.
func objectID(files lockstep.Tree, name string) (string, error) {
	id, err := files.ObjectID(name)
	if errors.Is(err, fs.ErrNotExist) {
		return lockstep.NoObject, nil
	}
	return id, err
}

// readError converts an error of a tree into one for the attempt's owner.
func readError(what, name string, err error) error {
	if errors.Is(err, fs.ErrNotExist) {
		return lockstep.Wrapf(lockstep.NotFound, err, "%s %q is not in the commit.", what, name)
	}
	if e, ok := errors.AsType[*lockstep.Error](err); ok {
		return lockstep.Wrapf(e.Kind, err, "%s %q cannot be read: %s", what, name, e.Message)
	}
	return lockstep.Wrapf(lockstep.Invalid, err, "%s %q cannot be read: it is not a regular file.", what, name)
}
