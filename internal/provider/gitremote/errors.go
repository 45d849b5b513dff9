package gitremote

import (
	"context"
	"errors"
	"io/fs"

	"github.com/lockstephq/lockstep"
	"github.com/lockstephq/lockstep/internal/gitwire"
	"github.com/lockstephq/lockstep/internal/gitwire/giterr"
	"github.com/lockstephq/lockstep/internal/provider"
)

// kinds says who has to act on what gitwire met, in the order in which it is
// asked.
var kinds = []struct {
	err  error
	kind lockstep.Kind
}{
	{giterr.ErrUnavailable, lockstep.Unavailable},
	{giterr.ErrUnauthorized, lockstep.Denied},
	{giterr.ErrNotFound, lockstep.NotFound},
	{giterr.ErrMissing, lockstep.NotFound},
	{giterr.ErrNotRepository, lockstep.NotFound},
	{giterr.ErrLimit, lockstep.Limit},
	{giterr.ErrRoot, lockstep.Denied},
	{giterr.ErrOwner, lockstep.Denied},
	{giterr.ErrAddress, lockstep.Denied},
	{giterr.ErrProxy, lockstep.Denied},
	{giterr.ErrHostKey, lockstep.Denied},
	{giterr.ErrProtocol, lockstep.Unavailable},
	{giterr.ErrGit, lockstep.Unavailable},
}

// Translate gives an error of gitwire as one of ours. Its text is safe to show.
func Translate(err error) error {
	if errors.Is(err, context.Canceled) {
		return err
	}
	if errors.Is(err, context.DeadlineExceeded) {
		return &lockstep.Error{Kind: lockstep.Unavailable, Message: err.Error()}
	}
	if ours, ok := errors.AsType[*lockstep.Error](err); ok { // of whoever gives the credential
		return ours
	}

	for _, k := range kinds {
		if errors.Is(err, k.err) {
			return &lockstep.Error{Kind: k.kind, Message: err.Error(), Err: behind(err)}
		}
	}

	return &lockstep.Error{Kind: lockstep.Invalid, Message: err.Error()}
}

// notShown are the errors of a host that was not shown the credential.
var notShown = []error{giterr.ErrRoot, giterr.ErrOwner, giterr.ErrAddress, giterr.ErrHostKey, giterr.ErrProxy}

// behind gives the cause that an error's message does not say: that the host was
// not shown the credential, or how long it asked us to stay away.
func behind(err error) error {
	for _, unseen := range notShown {
		if errors.Is(err, unseen) {
			return provider.ErrNotShown
		}
	}
	if fault, ok := errors.AsType[*giterr.Error](err); ok && fault.RetryAfter > 0 {
		return &provider.Later{Wait: fault.RetryAfter}
	}
	return nil
}

// tree gives the errors of a snapshot's files as ours.
type tree struct{ *gitwire.Tree }

func (t tree) Open(name string) (fs.File, error) {
	f, err := t.Tree.Open(name)
	return f, translatePath(err)
}

func (t tree) ReadDir(name string) ([]fs.DirEntry, error) {
	list, err := t.Tree.ReadDir(name)
	return list, translatePath(err)
}

func (t tree) ReadFile(name string) ([]byte, error) {
	b, err := t.Tree.ReadFile(name)
	return b, translatePath(err)
}

func (t tree) Stat(name string) (fs.FileInfo, error) {
	info, err := t.Tree.Stat(name)
	return info, translatePath(err)
}

func (t tree) ObjectID(name string) (string, error) {
	id, err := t.Tree.ObjectID(name)
	return id, translatePath(err)
}

// Prefetch reads files in one request.
func (t tree) Prefetch(ctx context.Context, names ...string) error {
	if err := t.Tree.Prefetch(ctx, names...); err != nil {
		return Translate(err)
	}
	return nil
}

// translatePath keeps what fs knows (a missing file, a bad path) and translates
// what gitwire met on the way.
func translatePath(err error) error {
	if err == nil || errors.Is(err, fs.ErrNotExist) || errors.Is(err, fs.ErrInvalid) {
		return err
	}
	if p, ok := errors.AsType[*fs.PathError](err); ok {
		return &fs.PathError{Op: p.Op, Path: p.Path, Err: Translate(p.Err)}
	}
	return Translate(err)
}
