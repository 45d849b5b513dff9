package engine

import (
	"bytes"
	"cmp"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"path"
	"time"

	"github.com/lockstephq/lockstep"
	"github.com/lockstephq/lockstep/internal/db"
	"github.com/lockstephq/lockstep/internal/provider"
	"github.com/lockstephq/lockstep/internal/store"
	"github.com/lockstephq/lockstep/internal/target"
	"github.com/lockstephq/lockstep/internal/worker"
)

// What a person has a Git host do through its API, beside the flow. None of it is
// to be called within a transaction.

// hostTimeout bounds what is asked of a host's API for one call of ours.
const hostTimeout = 30 * time.Second

// able opens a link's repository as one that has an ability. Invalid, wrapping
// provider.ErrNoAbility, where the kind of host has it not; what says what that
// is.
func able[A any](ctx context.Context, e *Engine, linkID, what string) (a A, release func(), err error) {
	client, release, err := e.Open(ctx, linkID)
	if err != nil {
		return a, nil, err
	}
	a, ok := client.(A)
	if !ok {
		release()
		return a, nil, lockstep.Wrapf(lockstep.Invalid, provider.ErrNoAbility, "This kind of Git host cannot be asked to %s.", what)
	}
	return a, release, nil
}

// WebhookKind gives how the webhooks prove where they come from that a link's
// host can be told to send. Invalid where it cannot be told.
func (e *Engine) WebhookKind(ctx context.Context, linkID string) (lockstep.WebhookKind, error) {
	w, release, err := able[provider.WebhookRegistrar](ctx, e, linkID, "send webhooks")
	if err != nil {
		return "", err
	}
	defer release()
	return w.WebhookKind(), nil
}

// RegisterWebhook has a link's host call a URL when the repository moves.
func (e *Engine) RegisterWebhook(ctx context.Context, linkID, url, secret string) error {
	w, release, err := able[provider.WebhookRegistrar](ctx, e, linkID, "send webhooks")
	if err != nil {
		return err
	}
	defer release()
	ctx, cancel := context.WithTimeout(ctx, hostTimeout)
	defer cancel()
	return worker.Guard(func() error { return w.RegisterWebhook(ctx, url, secret) })
}

// RemoveWebhook ends that.
func (e *Engine) RemoveWebhook(ctx context.Context, linkID, url string) error {
	w, release, err := able[provider.WebhookRegistrar](ctx, e, linkID, "send webhooks")
	if err != nil {
		return err
	}
	defer release()
	ctx, cancel := context.WithTimeout(ctx, hostTimeout)
	defer cancel()
	return worker.Guard(func() error { return w.RemoveWebhook(ctx, url) })
}

// A Proposed is a resource that is to be synced from a repository, once a person
// has merged the file that asks for it.
type Proposed struct {
	SyncType lockstep.SyncType
	Resource string
	Branch   string // "" is the repository's default branch
	File     string // path of the configuration's file; "" is deployments/RESOURCE.yaml
	target.Deployment
}

// Propose opens a pull request that adds the configuration file of a resource.
// Where the branch has a file that asks for the same, there is nothing to propose
// and the pull request is zero; one that asks for something else is Exists, and so
// is a proposal that is open already. What the file asks for is looked at as a
// sync would: Invalid where it could not be synced, NotFound where there is no
// such template. branch is the one it is for.
func (e *Engine) Propose(ctx context.Context, linkID string, p Proposed) (pr provider.PullRequest, branch string, err error) {
	ctx, cancel := context.WithTimeout(ctx, 2*hostTimeout)
	defer cancel()

	writer, err := e.writer(p.SyncType)
	if err != nil {
		return pr, "", err
	}

	opener, release, err := able[provider.PullRequester](ctx, e, linkID, "open pull requests")
	if err != nil {
		return pr, "", err
	}
	defer release()

	base, sha, files, err := e.baseOf(ctx, opener.(provider.Client), linkID, p.Branch)
	if err != nil {
		return pr, base, err
	}

	p.File = path.Clean(cmp.Or(p.File, path.Join("deployments", p.Resource+".yaml")))
	if !fs.ValidPath(p.File) || p.File == "." {
		return pr, base, lockstep.Errorf(lockstep.Invalid, "%q is not the path of a file from the root of a repository.", p.File)
	}

	text, err := writer.Encode(p.Deployment)
	if err != nil {
		return pr, base, err
	}
	if wanted, err := isWanted(writer, files, p.File, text); err != nil || !wanted {
		return pr, base, err
	}

	cfg := lockstep.SyncConfiguration{SyncType: p.SyncType, ResourceName: p.Resource, LinkID: linkID, Branch: base, ConfigFile: p.File}
	err = worker.Guard(func() error {
		_, err := e.targets[p.SyncType].ReadInputs(ctx, cfg, with{files, p.File, text})
		return err
	})
	if err != nil {
		return pr, base, err
	}

	err = worker.Guard(func() (err error) {
		pr, err = opener.Propose(ctx, provider.Proposal{
			Base: base, BaseSHA: sha, Branch: "lockstep/" + p.Resource, Files: []provider.ProposedFile{{Path: p.File, Content: text}},
			Message: fmt.Sprintf("Add deployment file for %s", p.Resource), Title: fmt.Sprintf("Sync %s from Git", p.Resource),
			Body: fmt.Sprintf("Adds `%s`, by which Lockstep brings `%s` to what `%s` says.\n\nOnce this is merged, the resource follows branch `%s`.",
				p.File, p.Resource, p.Template, base),
		})

		return err
	})

	return pr, base, err
}

// isWanted says whether a file is to be proposed: not where the same is asked for
// already. Exists where the file is there and asks for something else.
func isWanted(writer target.Encoder, files lockstep.Tree, name string, text []byte) (bool, error) {
	there, err := fs.ReadFile(files, name)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return true, nil
	case err != nil:
		return false, err
	case writer.Equal(there, text):
		return false, nil
	}
	return false, lockstep.Errorf(lockstep.Exists, "%s is on the branch already and asks for something else. It is not overwritten: change it there.", name)
}

// writer gives the target that writes the files of a sync type.
func (e *Engine) writer(t lockstep.SyncType) (target.Encoder, error) {
	driver, err := e.driver(t)
	if err != nil {
		return nil, err
	}
	w, ok := driver.(target.Encoder)
	if !ok {
		return nil, lockstep.Errorf(lockstep.Invalid, "The files of sync type %s are not written by Lockstep.", t)
	}
	return w, nil
}

// baseOf gives a branch, the default one where none is named, with its head and
// files.
func (e *Engine) baseOf(ctx context.Context, client provider.Client, linkID, branch string) (string, lockstep.SHA, lockstep.Tree, error) {
	var link lockstep.RepositoryLink
	if err := e.db.View(ctx, func(tx *db.Tx) (err error) {
		link, err = store.LinkByID(tx, linkID)
		return err
	}); err != nil {
		return branch, "", nil, err
	}

	if branch == "" {
		brancher, ok := client.(provider.Brancher)
		if !ok {
			return "", "", nil, lockstep.Errorf(lockstep.Invalid, "The Git host does not tell the default branch of %s. Name a branch.", link.Path())
		}

		var err error
		if branch, _, err = brancher.DefaultBranch(ctx); err != nil {
			return "", "", nil, err
		}
	}

	heads, err := client.Heads(ctx, []string{branch})
	if err != nil {
		return branch, "", nil, err
	}

	sha, ok := heads[branch]
	if !ok {
		return branch, "", nil, noBranch(branch, link.Path())
	}

	files, err := client.Files(ctx, sha)
	return branch, sha, files, err
}

// with is a tree and one file more.
type with struct {
	lockstep.Tree
	name string
	text []byte
}

// Open opens the file, or one of the tree.
func (w with) Open(name string) (fs.File, error) {
	if name == w.name {
		return &added{bytes.NewReader(w.text), path.Base(name)}, nil
	}
	return w.Tree.Open(name)
}

// ObjectID gives that of the tree's file; the one that is added has not one yet.
func (w with) ObjectID(name string) (string, error) {
	if name == w.name {
		return "added", nil
	}
	return w.Tree.ObjectID(name)
}

// An added file is read from memory.
type added struct {
	*bytes.Reader
	name string
}

func (a *added) Stat() (fs.FileInfo, error) { return a, nil }
func (a *added) Close() error               { return nil }
func (a *added) Name() string               { return a.name }
func (a *added) Mode() fs.FileMode          { return 0o444 }
func (a *added) ModTime() time.Time         { return time.Time{} }
func (a *added) IsDir() bool                { return false }
func (a *added) Sys() any                   { return nil }
