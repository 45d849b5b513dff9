package repository

import (
	"context"
	"time"

	"github.com/lockstephq/lockstep"
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

func (r *Repositories) callRegistrar(
	ctx context.Context, linkID string, f func(context.Context, provider.WebhookRegistrar) error,
) error {
	repository, err := r.Open(ctx, linkID)
	if err != nil {
		return err
	}
	defer repository.Release()

	registrar, err := As[provider.WebhookRegistrar](repository, "registering webhooks")
	if err != nil {
		return err
	}

	return worker.Call(ctx, hostTimeout, "The Git host", func(ctx context.Context) error { return f(ctx, registrar) })
}
