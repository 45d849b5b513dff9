package api

import (
	"cmp"
	"context"
	"net/url"
	"strings"

	"github.com/lockstephq/lockstep"
	"github.com/lockstephq/lockstep/internal/access"
	"github.com/lockstephq/lockstep/internal/db"
	"github.com/lockstephq/lockstep/internal/seal"
	"github.com/lockstephq/lockstep/internal/store"
	"github.com/lockstephq/lockstep/internal/wire"
)

// PutRepositoryWebhook creates the webhook of a repository link, or replaces its
// kind and secret. The secret is returned only once.
func (s *Service) PutRepositoryWebhook(
	ctx context.Context, caller access.Caller, input *wire.PutRepositoryWebhookInput,
) (*wire.PutRepositoryWebhookOutput, error) {
	kind, secret := lockstep.WebhookKind(input.Kind), seal.NewSecret(input.Secret)
	if input.Secret == "" {
		secret = store.NewWebhookSecret(kind)
	}

	out := &wire.PutRepositoryWebhookOutput{}
	err := s.options.DB.Update(ctx, func(tx *db.Tx) error {
		link, err := lockLink(tx, caller, "lockstep:PutRepositoryWebhook", input.RepositoryLinkId)
		if err != nil {
			return err
		}

		w := lockstep.Webhook{LinkID: link.ID, Kind: kind}
		if err := store.PutWebhook(tx, s.options.Seal, &w, secret); err != nil {
			return err
		}

		out.Path, out.Secret = w.Path(), secret.Reveal()
		return nil
	})

	return out, err
}

// GetRepositoryWebhook returns the webhook of a repository link.
func (s *Service) GetRepositoryWebhook(
	ctx context.Context, caller access.Caller, input *wire.GetRepositoryWebhookInput,
) (*wire.GetRepositoryWebhookOutput, error) {
	out := &wire.GetRepositoryWebhookOutput{}
	err := s.options.DB.View(ctx, func(tx *db.Tx) error {
		link, err := store.Link(tx, caller.Account, caller.Region, linkID(input.RepositoryLinkId))
		if err != nil {
			return err
		}
		if err := caller.Authorize(tx, "lockstep:GetRepositoryWebhook", access.LinkSubject(link)); err != nil {
			return err
		}

		w, err := store.WebhookOfLink(tx, link.ID)
		out.RepositoryLinkId, out.Kind, out.Path = w.LinkID, string(w.Kind), w.Path()
		out.CreatedAt, out.LastDeliveredAt = wire.Time{Time: w.CreatedAt}, wire.Time{Time: w.DeliveredAt}

		return err
	})

	return out, err
}

// RegisterRepositoryWebhook creates the webhook of a repository link and registers
// it with the Git host.
//
// The webhook is stored first, so that the first delivery is accepted, and stays if
// the host refuses: it may be registered by hand.
func (s *Service) RegisterRepositoryWebhook(
	ctx context.Context, caller access.Caller, input *wire.RegisterRepositoryWebhookInput,
) (*wire.RegisterRepositoryWebhookOutput, error) {
	link, err := s.readLink(ctx, caller, "lockstep:RegisterRepositoryWebhook", input.RepositoryLinkId)
	if err != nil {
		return nil, err
	}

	base, err := publicURL(cmp.Or(input.Url, s.options.PublicURL))
	if err != nil {
		return nil, err
	}

	kind, err := s.options.Repositories.WebhookKind(ctx, link.ID)
	if err != nil {
		return nil, asHostFailure(err)
	}

	w, secret := lockstep.Webhook{LinkID: link.ID, Kind: kind}, store.NewWebhookSecret(kind)
	err = s.options.DB.Update(ctx, func(tx *db.Tx) error {
		if _, err := lockLink(tx, caller, "lockstep:RegisterRepositoryWebhook", link.ID); err != nil {
			return err
		}
		return store.PutWebhook(tx, s.options.Seal, &w, secret)
	})
	if err != nil {
		return nil, err
	}

	out := &wire.RegisterRepositoryWebhookOutput{Kind: string(kind), Url: base + w.Path()}
	if err := s.options.Repositories.RegisterWebhook(ctx, link.ID, out.Url, secret.Reveal()); err != nil {
		return nil, asHostFailure(err)
	}

	return out, s.options.DB.Update(ctx, func(tx *db.Tx) error { return store.SetRegisteredURL(tx, w, out.Url) })
}

// publicURL returns the URL at which a Git host reaches the server, without a
// trailing slash.
func publicURL(text string) (string, error) {
	address, err := url.Parse(text)
	switch {
	case text == "":
		return "", lockstep.Errorf(lockstep.Invalid,
			"The URL at which the Git host reaches this server is not known. Give Url, or set public-url on the "+
				"server.")
	case err != nil || address.Host == "" || address.Scheme != "https" && address.Scheme != "http",
		address.User != nil || address.RawQuery != "" || address.Fragment != "":
		return "", lockstep.Errorf(lockstep.Invalid,
			"Url must be https://HOST or http://HOST, optionally with a path.")
	}
	return strings.TrimRight(text, "/"), nil
}

// DeleteRepositoryWebhook deletes the webhook of a repository link. Pushes are then
// noticed by polling. If the server registered the webhook, it removes it from the
// Git host too; StillRegistered says why that failed.
func (s *Service) DeleteRepositoryWebhook(
	ctx context.Context, caller access.Caller, input *wire.DeleteRepositoryWebhookInput,
) (*wire.DeleteRepositoryWebhookOutput, error) {
	var w lockstep.Webhook
	err := s.options.DB.Update(ctx, func(tx *db.Tx) error {
		link, err := lockLink(tx, caller, "lockstep:DeleteRepositoryWebhook", input.RepositoryLinkId)
		if err != nil {
			return err
		}
		if w, err = store.WebhookOfLink(tx, link.ID); err != nil {
			return err
		}

		return store.DeleteWebhook(tx, link.ID)
	})

	out := &wire.DeleteRepositoryWebhookOutput{}
	if err != nil || w.RegisteredURL == "" {
		return out, err
	}

	if err := s.options.Repositories.RemoveWebhook(ctx, w.LinkID, w.RegisteredURL); err != nil {
		out.StillRegistered = lockstep.Truncate(lockstep.Shown(err), 600)
	}

	return out, nil
}
