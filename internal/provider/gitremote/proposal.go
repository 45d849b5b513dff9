package gitremote

import (
	"context"
	"errors"
	"io/fs"
	"path"

	"github.com/lockstephq/lockstep"
	"github.com/lockstephq/lockstep/internal/provider"
)

// RequireNew returns an Exists error if the branch of a proposal exists, or one of its
// files in the commit below it, and Invalid if a path cannot be that of a file.
func (c *Client) RequireNew(ctx context.Context, proposal provider.Proposal) error {
	files, err := c.Files(ctx, proposal.BaseSHA)
	if err != nil {
		return err
	}

	for _, file := range proposal.Files {
		if err := c.requireNewFile(files, file.Path, proposal.BaseSHA); err != nil {
			return err
		}
	}

	heads, err := c.Heads(ctx, []string{proposal.Branch})
	if err == nil && heads[proposal.Branch] != "" {
		err = c.BranchExists(proposal.Branch)
	}

	return err
}

// BranchExists returns the error of a proposal whose branch exists.
func (c *Client) BranchExists(branch string) error {
	return lockstep.Errorf(lockstep.Exists, "Branch %s already exists in %s.", branch, c.remote.Name())
}

func (c *Client) requireNewFile(files lockstep.Tree, name string, sha lockstep.SHA) error {
	if !fs.ValidPath(name) || name == "." {
		return lockstep.Errorf(lockstep.Invalid, "%q is not the path of a file in a repository.", name)
	}

	_, err := files.ObjectID(name)
	if err == nil {
		return lockstep.Errorf(lockstep.Exists, "%s already exists in commit %s of %s.", name, sha.Short(),
			c.remote.Name())
	}
	if !errors.Is(err, fs.ErrNotExist) {
		return err
	}

	// A file in the place of a folder would be replaced by it.
	for folder := path.Dir(name); folder != "."; folder = path.Dir(folder) {
		info, err := fs.Stat(files, folder)
		if err == nil && !info.IsDir() {
			return lockstep.Errorf(lockstep.Exists, "%s is a file in commit %s of %s and cannot contain %s.",
				folder, sha.Short(), c.remote.Name(), name)
		}
		if err != nil && !errors.Is(err, fs.ErrNotExist) {
			return err
		}
	}

	return nil
}
