package deploymentfile

import (
	"io/fs"
	"path"
	"strings"

	"github.com/lockstephq/lockstep"
)

// maxSearched is how many files and folders are searched for one that may be meant.
const maxSearched = 20_000

// missingError is the error of a missing file. It names a file that was probably
// meant. Paths begin at the root of the repository; folder is another place where the
// author may have begun.
func missingError(files lockstep.Tree, what, name, folder string) error {
	meant := similarFile(files, name, folder)
	if meant == "" && what == deploymentFile {
		return lockstep.Wrapf(lockstep.NotFound, fs.ErrNotExist, "%s %q is not in the commit. If it was removed on purpose, "+
			"stop syncing the stack with `lockstep sync delete`; the stack is not touched.", what, name)
	}
	if meant == "" {
		return lockstep.Wrapf(lockstep.NotFound, fs.ErrNotExist, "%s %q is not in the commit.", what, name)
	}
	return lockstep.Wrapf(lockstep.NotFound, fs.ErrNotExist, "%s %q is not in the commit, but %q is.", what, name, meant)
}

// similarFile returns the path of the file that is meant by a path that does not
// exist: with another extension, relative to folder, or in another case. It is "" if
// there is none.
func similarFile(files lockstep.Tree, name, folder string) string {
	base := strings.TrimSuffix(name, path.Ext(name))
	candidates := []string{base + ".yaml", base + ".yml", base + ".json", base + ".template", path.Join(folder, name)}
	for _, candidate := range candidates {
		if _, err := files.ObjectID(candidate); err == nil && candidate != name {
			return candidate
		}
	}

	found := ""
	searched := 0
	err := fs.WalkDir(files, ".", func(at string, _ fs.DirEntry, err error) error {
		if searched++; err != nil || searched > maxSearched {
			return fs.SkipAll
		}
		if strings.EqualFold(at, name) {
			found = at
			return fs.SkipAll
		}
		return nil
	})
	if err != nil {
		return ""
	}

	return found
}
