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

// kinds maps the errors of gitwire to those of the domain. The first match counts.
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

// Translate returns an error of gitwire as one of the domain. Its text is safe to show.
func Translate(err error) error {
	if errors.Is(err, context.Canceled) {
		return err
	}
	if errors.Is(err, context.DeadlineExceeded) {
		return &lockstep.Error{Kind: lockstep.Unavailable, Message: err.Error()}
	}
	if translated, ok := errors.AsType[*lockstep.Error](err); ok { // from the credential
		return translated
	}

	for _, entry := range kinds {
		if errors.Is(err, entry.err) {
			return &lockstep.Error{Kind: entry.kind, Message: err.Error(), Err: cause(err)}
		}
	}

	return &lockstep.Error{Kind: lockstep.Invalid, Message: err.Error()}
}

// notSent are the errors after which the host has not seen the credential.
var notSent = []error{giterr.ErrRoot, giterr.ErrOwner, giterr.ErrAddress, giterr.ErrHostKey, giterr.ErrProxy}

// cause returns what the message of an error does not say: that the credential was
// not sent, or how long the host wants no requests.
func cause(err error) error {
	for _, refusal := range notSent {
		if errors.Is(err, refusal) {
			return provider.ErrCredentialNotSent
		}
	}
	if fault, ok := errors.AsType[*giterr.Error](err); ok && fault.RetryAfter > 0 {
		return &provider.RetryAfterError{Wait: fault.RetryAfter}
	}
	return nil
}

// tree translates the errors of a snapshot's files.
type tree struct{ *gitwire.Tree }

func (t tree) Open(name string) (fs.File, error) {
	file, err := t.Tree.Open(name)
	return file, translatePath(err)
}

func (t tree) ReadDir(name string) ([]fs.DirEntry, error) {
	entries, err := t.Tree.ReadDir(name)
	return entries, translatePath(err)
}

func (t tree) ReadFile(name string) ([]byte, error) {
	content, err := t.Tree.ReadFile(name)
	return content, translatePath(err)
}

func (t tree) Stat(name string) (fs.FileInfo, error) {
	info, err := t.Tree.Stat(name)
	return info, translatePath(err)
}

func (t tree) ObjectID(name string) (string, error) {
	id, err := t.Tree.ObjectID(name)
	return id, translatePath(err)
}

// Prefetch fetches files in one request.
func (t tree) Prefetch(ctx context.Context, names ...string) error {
	if err := t.Tree.Prefetch(ctx, names...); err != nil {
		return Translate(err)
	}
	return nil
}

// translatePath keeps the errors of package fs (a missing file, a bad path) and
// translates those of gitwire.
func translatePath(err error) error {
	if err == nil || errors.Is(err, fs.ErrNotExist) || errors.Is(err, fs.ErrInvalid) {
		return err
	}
	if pathErr, ok := errors.AsType[*fs.PathError](err); ok {
		return &fs.PathError{Op: pathErr.Op, Path: pathErr.Path, Err: Translate(pathErr.Err)}
	}
	return Translate(err)
}
