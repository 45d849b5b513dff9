package api

import (
	"context"

	"github.com/lockstephq/lockstep"
	"github.com/lockstephq/lockstep/internal/db"
	"github.com/lockstephq/lockstep/internal/seal"
	"github.com/lockstephq/lockstep/internal/store"
	"github.com/lockstephq/lockstep/internal/wire"
)

// PutRepositoryWebhook makes a link's webhook, or gives the one it has another
// kind and secret. The secret is in the answer and can never be had again.
func (s *Service) PutRepositoryWebhook(ctx context.Context, c Caller, in *wire.PutRepositoryWebhookInput) (*wire.PutRepositoryWebhookOutput, error) {
	kind, secret := lockstep.WebhookKind(in.Kind), seal.NewSecret(in.Secret)
	if in.Secret == "" {
		secret = store.NewWebhookSecret(kind)
	}
	out := &wire.PutRepositoryWebhookOutput{}
	err := s.o.DB.Update(ctx, func(tx *db.Tx) error {
		l, err := c.lockedLink(tx, in.RepositoryLinkId, "lockstep:PutRepositoryWebhook")
		if err != nil {
			return err
		}
		w := lockstep.Webhook{LinkID: l.ID, Kind: kind}
		if err := store.PutWebhook(tx, s.o.Seal, &w, secret); err != nil {
			return err
		}
		out.Path, out.Secret = w.Path(), secret.Reveal()
		return nil
	})
	return out, err
}

// GetRepositoryWebhook reads a link's webhook.
func (s *Service) GetRepositoryWebhook(ctx context.Context, c Caller, in *wire.GetRepositoryWebhookInput) (*wire.GetRepositoryWebhookOutput, error) {
	out := &wire.GetRepositoryWebhookOutput{}
	err := s.o.DB.View(ctx, func(tx *db.Tx) error {
		l, err := store.Link(tx, c.Account, c.Region, linkID(in.RepositoryLinkId))
		if err != nil {
			return err
		}
		if err := c.on(tx, "lockstep:GetRepositoryWebhook", theLink(l)); err != nil {
			return err
		}
		w, err := store.WebhookOf(tx, l.ID)
		out.RepositoryLinkId, out.Kind, out.Path = w.LinkID, string(w.Kind), w.Path()
		out.CreatedAt, out.LastDeliveredAt = wire.Time{Time: w.CreatedAt}, wire.Time{Time: w.DeliveredAt}
		return err
	})
	return out, err
}

// DeleteRepositoryWebhook removes a link's webhook. Pushes are noticed by looking
// again.
func (s *Service) DeleteRepositoryWebhook(ctx context.Context, c Caller, in *wire.DeleteRepositoryWebhookInput) (*wire.DeleteRepositoryWebhookOutput, error) {
	err := s.o.DB.Update(ctx, func(tx *db.Tx) error {
		l, err := c.lockedLink(tx, in.RepositoryLinkId, "lockstep:DeleteRepositoryWebhook")
		if err != nil {
			return err
		}
		return store.DeleteWebhook(tx, l.ID)
	})
	return &wire.DeleteRepositoryWebhookOutput{}, err
}

// lockedLink locks a link for an action that the caller may do to it.
func (c Caller) lockedLink(tx *db.Tx, id, action string) (lockstep.RepositoryLink, error) {
	l, err := store.LockLink(tx, c.Account, c.Region, linkID(id))
	if err != nil {
		return l, err
	}
	return l, c.on(tx, action, theLink(l))
}
