package repository

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"path"

	"github.com/lockstephq/lockstep"
	"github.com/lockstephq/lockstep/internal/provider"
	"github.com/lockstephq/lockstep/internal/target"
	"github.com/lockstephq/lockstep/internal/worker"
)

// A Proposal asks for a pull request that adds the deployment file of a resource.
type Proposal struct {
	SyncType lockstep.SyncType
	Resource string
	Branch   string // "" is the repository's default branch
	File     string // path of the deployment file; "" is deployments/RESOURCE.yaml
	target.Deployment
}

// Propose opens a pull request that adds the deployment file of a resource, and
// returns it with the branch it is for. If the branch has an equal file, there is
// nothing to propose and the pull request is zero.
//
// The error is Exists if the branch has another file at that path, or the proposal
// is open already. The file is read as a sync would read it: the error is Invalid
// if it could not be synced, and NotFound if its template does not exist.
func (r *Repositories) Propose(ctx context.Context, linkID string, proposal Proposal) (
	pullRequest provider.PullRequest, branch string, err error,
) {
	driver, encoder, err := r.encoder(proposal.SyncType)
	if err != nil {
		return pullRequest, "", err
	}

	err = worker.Call(ctx, 2*hostTimeout, "The Git host", func(ctx context.Context) error {
		repository, err := r.Open(ctx, linkID)
		if err != nil {
			return err
		}
		defer repository.Release()

		requester, err := As[provider.PullRequester](repository, "opening pull requests")
		if err != nil {
			return err
		}

		if branch = proposal.Branch; branch == "" {
			if branch, err = repository.DefaultBranch(ctx); err != nil {
				return err
			}
		}

		head, err := repository.Head(ctx, branch)
		if err != nil {
			return err
		}

		files, err := repository.Tree(ctx, head)
		if err != nil {
			return err
		}

		file, needed, err := encode(encoder, files, proposal)
		if err != nil || !needed {
			return err
		}

		cfg := lockstep.SyncConfiguration{
			SyncType:     proposal.SyncType,
			ResourceName: proposal.Resource,
			LinkID:       linkID,
			Branch:       branch,
			ConfigFile:   file.Path,
		}
		if _, err := driver.ReadInputs(ctx, cfg, OverlayText(files, file.Path, file.Content)); err != nil {
			return err
		}

		pullRequest, err = requester.Propose(ctx, describe(proposal, branch, head, file))
		return err
	})

	return pullRequest, branch, r.recordFailure(ctx, linkID, err)
}

// encoder returns the target driver of a sync type, also as one that writes
// deployment files.
func (r *Repositories) encoder(syncType lockstep.SyncType) (target.Driver, target.Encoder, error) {
	driver, ok := r.targets[syncType]
	if !ok {
		return nil, nil, lockstep.Errorf(lockstep.Invalid, "This server has no target for sync type %s.", syncType)
	}

	encoder, ok := driver.(target.Encoder)
	if !ok {
		return nil, nil, lockstep.Errorf(lockstep.Invalid,
			"Lockstep cannot write deployment files of sync type %s.", syncType)
	}

	return driver, encoder, nil
}

// encode returns the deployment file of a proposal, and reports whether it is
// needed: it is not if files has an equal one.
func encode(encoder target.Encoder, files lockstep.Tree, proposal Proposal) (provider.ProposedFile, bool, error) {
	name := path.Clean(cmp.Or(proposal.File, path.Join("deployments", proposal.Resource+".yaml")))
	if !fs.ValidPath(name) || name == "." {
		return provider.ProposedFile{}, false, lockstep.Errorf(lockstep.Invalid,
			"%q is not the path of a file from the root of a repository.", name)
	}

	text, err := encoder.Encode(proposal.Deployment)
	if err != nil {
		return provider.ProposedFile{}, false, err
	}

	file := provider.ProposedFile{Path: name, Content: text}
	existing, err := fs.ReadFile(files, name)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return file, true, nil
	case err != nil:
		return file, false, err
	case encoder.Equal(existing, text):
		return file, false, nil
	}

	return file, false, lockstep.Errorf(lockstep.Exists,
		"%s is on the branch already and asks for something else. It is not overwritten: change it there.", name)
}

// describe returns a proposal in the words that people read at the Git host.
func describe(proposal Proposal, branch string, head lockstep.SHA, file provider.ProposedFile) provider.Proposal {
	return provider.Proposal{
		Base:    branch,
		BaseSHA: head,
		Branch:  "lockstep/" + proposal.Resource,
		Files:   []provider.ProposedFile{file},
		Message: "Add deployment file for " + proposal.Resource,
		Title:   fmt.Sprintf("Sync %s from Git", proposal.Resource),
		Body: fmt.Sprintf("Adds the deployment file `%s`: Lockstep then syncs `%s` with the template `%s`.\n\n"+
			"Once this pull request is merged, the resource follows branch `%s`.",
			file.Path, proposal.Resource, proposal.Template, branch),
	}
}
