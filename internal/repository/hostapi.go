package repository

import (
	"context"
	"errors"
	"log/slog"
	"time"

	"github.com/lockstephq/lockstep"
	"github.com/lockstephq/lockstep/internal/db"
	"github.com/lockstephq/lockstep/internal/provider"
	"github.com/lockstephq/lockstep/internal/worker"
)

// hostTimeout bounds one call of a Git host's API.
const hostTimeout = 30 * time.Second

// As returns the repository's client as a T, one of the optional interfaces of
// package provider. If the kind of Git host lacks it, the error is Invalid and wraps
// provider.ErrUnsupported; capability names what it lacks.
func As[T any](repository *Repository, capability string) (T, error) {
	client, ok := repository.Client.(T)
	if !ok {
		return client, lockstep.Wrapf(lockstep.Invalid, provider.ErrUnsupported,
			"This kind of Git host does not support %s.", capability)
	}
	return client, nil
}

// WebhookKind returns how webhooks that a link's Git host sends prove their origin.
// If the host cannot register webhooks, the error is Invalid.
func (r *Repositories) WebhookKind(ctx context.Context, linkID string) (kind lockstep.WebhookKind, err error) {
	err = r.callRegistrar(ctx, linkID, func(_ context.Context, registrar provider.WebhookRegistrar) error {
		kind = registrar.WebhookKind()
		return nil
	})
	return kind, err
}

// RegisterWebhook makes a link's Git host call a URL when the repository changes.
func (r *Repositories) RegisterWebhook(ctx context.Context, linkID, url, secret string) error {
	return r.callRegistrar(ctx, linkID, func(ctx context.Context, registrar provider.WebhookRegistrar) error {
		return registrar.RegisterWebhook(ctx, url, secret)
	})
}

// RemoveWebhook removes the webhook with a URL from a link's Git host.
func (r *Repositories) RemoveWebhook(ctx context.Context, linkID, url string) error {
	return r.callRegistrar(ctx, linkID, func(ctx context.Context, registrar provider.WebhookRegistrar) error {
		return registrar.RemoveWebhook(ctx, url)
	})
}

// DeleteWithWebhook deletes a link and then removes its webhook from the Git host. delete
// deletes the link from the database, and returns the URL that was registered, "" for none.
// Its error is returned. If the webhook cannot be removed, the link is deleted nevertheless, and
// a line in the log says why.
func (r *Repositories) DeleteWithWebhook(
	ctx context.Context, linkID string, delete func() (url string, err error),
) error {
	// The client outlives the link.
	repository, openErr := r.Open(ctx, linkID)
	if openErr == nil {
		defer repository.Release()
	}

	url, err := delete()
	if err != nil {
		return err
	}

	r.forget(linkID)
	if url == "" {
		return nil
	}

	cause := openErr
	if cause == nil {
		cause = callRegistrarOf(ctx, repository, func(ctx context.Context, registrar provider.WebhookRegistrar) error {
			return registrar.RemoveWebhook(ctx, url)
		})
	}
	if cause != nil {
		r.log.LogAttrs(ctx, slog.LevelWarn, "webhook still registered", slog.String("link", linkID),
			slog.String("url", url), slog.Any("err", cause))
	}

	return nil
}

func (r *Repositories) callRegistrar(
	ctx context.Context, linkID string, f func(context.Context, provider.WebhookRegistrar) error,
) error {
	repository, err := r.Open(ctx, linkID)
	if err != nil {
		return err
	}
	defer repository.Release()

	return r.recordFailure(ctx, linkID, callRegistrarOf(ctx, repository, f))
}

// recordFailure calls OnFailure if a call has failed, and returns the call's error.
func (r *Repositories) recordFailure(ctx context.Context, linkID string, cause error) error {
	if cause == nil || r.onFailure == nil || ctx.Err() != nil {
		return cause
	}
	err := r.db.Update(ctx, func(tx *db.Tx) error { return r.onFailure(tx, linkID, cause) })
	if err != nil {
		return errors.Join(cause, err)
	}
	return cause
}

func callRegistrarOf(
	ctx context.Context, repository *Repository, f func(context.Context, provider.WebhookRegistrar) error,
) error {
	registrar, err := As[provider.WebhookRegistrar](repository, "registering webhooks")
	if err != nil {
		return err
	}

	return worker.Call(ctx, hostTimeout, "The Git host", func(ctx context.Context) error { return f(ctx, registrar) })
}
