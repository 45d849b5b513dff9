package gitremote

import (
	"context"
	"errors"
	"io/fs"

	"github.com/lockstephq/lockstep"
	"github.com/lockstephq/lockstep/internal/provider"
)

// Absent says whether the files of a proposal are new: Exists where one is in the
// commit that it stands on, Invalid where a path is none of a file.
func (c *Client) Absent(ctx context.Context, p provider.Proposal) error {
	tree, err := c.Files(ctx, p.BaseSHA)
	if err != nil {
		return err
	}

	for _, f := range p.Files {
		if !fs.ValidPath(f.Path) || f.Path == "." {
			return lockstep.Errorf(lockstep.Invalid, "%q is not the path of a file in a repository.", f.Path)
		}

		_, err := tree.ObjectID(f.Path)
		switch {
		case err == nil:
			return lockstep.Errorf(lockstep.Exists, "%s is already there in commit %s.", f.Path, p.BaseSHA.Short())
		case !errors.Is(err, fs.ErrNotExist):
			return err
		}
	}

	return nil
}
