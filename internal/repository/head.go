package repository

import (
	"context"
	"errors"
	"fmt"

	"github.com/lockstephq/lockstep"
	"github.com/lockstephq/lockstep/internal/provider"
)

// ErrNoBranch is wrapped by the NotFound error of a branch that does not exist, which
// distinguishes it from that of a repository.
var ErrNoBranch = errors.New("no such branch")

// Head returns the commit at the tip of a branch. If the branch does not exist, the
// error is NotFound and wraps ErrNoBranch.
func (r *Repository) Head(ctx context.Context, branch string) (lockstep.SHA, error) {
	heads, err := r.Client.Heads(ctx, []string{branch})
	if err != nil {
		return "", err
	}

	sha, ok := heads[branch]
	if !ok {
		return "", lockstep.Wrapf(lockstep.NotFound, ErrNoBranch,
			"Branch %s was not found in repository %s.", branch, r.Link.Path())
	}

	return sha, nil
}

// DefaultBranch returns the branch that HEAD stands for. If the Git host does not
// say, the error is Invalid.
func (r *Repository) DefaultBranch(ctx context.Context) (string, error) {
	brancher, ok := r.Client.(provider.Brancher)
	if !ok {
		return "", lockstep.Errorf(lockstep.Invalid,
			"The default branch of %s is not known: this kind of Git host does not say. Name a branch.", r.Link.Path())
	}

	branch, _, err := brancher.DefaultBranch(ctx)
	return branch, err
}

// Tree returns the files of a commit.
func (r *Repository) Tree(ctx context.Context, sha lockstep.SHA) (lockstep.Tree, error) {
	files, err := r.Client.Files(ctx, sha)
	if err != nil {
		return nil, fmt.Errorf("read commit %s: %w", sha, err)
	}
	return files, nil
}

// ReadHead opens a link's repository and returns the commit at the tip of a branch.
func (r *Repositories) ReadHead(ctx context.Context, linkID, branch string) (lockstep.SHA, error) {
	repository, err := r.Open(ctx, linkID)
	if err != nil {
		return "", err
	}
	defer repository.Release()

	return repository.Head(ctx, branch)
}

// A TreeOpener opens trees of one link's repository on demand: most steps of an
// attempt read no files, and must not fail while the Git host is unavailable. It
// is for one goroutine.
type TreeOpener struct {
	repositories *Repositories
	linkID       string
	inSlot       bool        // take a slot of the Git host
	repository   *Repository // nil until a tree is opened
}

// TreeOpener returns a TreeOpener of a link. The caller must call Release when done
// with all its trees.
func (r *Repositories) TreeOpener(linkID string) *TreeOpener {
	return &TreeOpener{repositories: r, linkID: linkID}
}

// TreeOpenerInSlot is [Repositories.TreeOpener] for a job. It takes a slot of the Git host
// when a tree is opened, as [Repositories.OpenInSlot] does.
func (r *Repositories) TreeOpenerInSlot(linkID string) *TreeOpener {
	return &TreeOpener{repositories: r, linkID: linkID, inSlot: true}
}

// Open returns the files of a commit.
func (o *TreeOpener) Open(ctx context.Context, sha lockstep.SHA) (lockstep.Tree, error) {
	if o.repository == nil {
		open := o.repositories.Open
		if o.inSlot {
			open = o.repositories.OpenInSlot
		}

		repository, err := open(ctx, o.linkID)
		if err != nil {
			return nil, err
		}
		o.repository = repository
	}
	return o.repository.Client.Files(ctx, sha)
}

// Release ends the use of all trees that were opened.
func (o *TreeOpener) Release() {
	if o.repository != nil {
		o.repository.Release()
	}
}
