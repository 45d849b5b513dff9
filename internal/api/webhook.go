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

// PutRepositoryWebhook makes a link's webhook, or gives the one it has another
// kind and secret. The secret is in the answer and can never be had again.
func (s *Service) PutRepositoryWebhook(ctx context.Context, caller access.Caller, input *wire.PutRepositoryWebhookInput) (*wire.PutRepositoryWebhookOutput, error) {
	kind, secret := lockstep.WebhookKind(input.Kind), seal.NewSecret(input.Secret)
	if input.Secret == "" {
		secret = store.NewWebhookSecret(kind)
	}

	out := &wire.PutRepositoryWebhookOutput{}
	err := s.o.DB.Update(ctx, func(tx *db.Tx) error {
		link, err := lockedLink(tx, caller, input.RepositoryLinkId, "lockstep:PutRepositoryWebhook")
		if err != nil {
			return err
		}

		w := lockstep.Webhook{LinkID: link.ID, Kind: kind}
		if err := store.PutWebhook(tx, s.o.Seal, &w, secret); err != nil {
			return err
		}

		out.Path, out.Secret = w.Path(), secret.Reveal()
		return nil
	})

	return out, err
}

// GetRepositoryWebhook reads a link's webhook.
func (s *Service) GetRepositoryWebhook(ctx context.Context, caller access.Caller, in *wire.GetRepositoryWebhookInput) (*wire.GetRepositoryWebhookOutput, error) {
	out := &wire.GetRepositoryWebhookOutput{}
	err := s.o.DB.View(ctx, func(tx *db.Tx) error {
		link, err := store.Link(tx, caller.Account, caller.Region, linkID(in.RepositoryLinkId))
		if err != nil {
			return err
		}
		if err := caller.Authorize(tx, "lockstep:GetRepositoryWebhook", access.LinkSubject(link)); err != nil {
			return err
		}

		w, err := store.WebhookOf(tx, link.ID)
		out.RepositoryLinkId, out.Kind, out.Path = w.LinkID, string(w.Kind), w.Path()
		out.CreatedAt, out.LastDeliveredAt = wire.Time{Time: w.CreatedAt}, wire.Time{Time: w.DeliveredAt}

		return err
	})

	return out, err
}

// RegisterRepositoryWebhook makes a link's webhook and has the Git host call it.
// The webhook is there before the host is told, so that its first delivery is
// answered, and stays when the host refuses: it may be told by hand.
func (s *Service) RegisterRepositoryWebhook(ctx context.Context, caller access.Caller, input *wire.RegisterRepositoryWebhookInput) (*wire.RegisterRepositoryWebhookOutput, error) {
	link, err := s.readLink(ctx, caller, input.RepositoryLinkId, "lockstep:RegisterRepositoryWebhook")
	if err != nil {
		return nil, err
	}

	base, err := publicURL(cmp.Or(input.Url, s.o.PublicURL))
	if err != nil {
		return nil, err
	}

	kind, err := s.o.Repositories.WebhookKind(ctx, link.ID)
	if err != nil {
		return nil, asHostFailure(err)
	}

	w, secret := lockstep.Webhook{LinkID: link.ID, Kind: kind}, store.NewWebhookSecret(kind)
	err = s.o.DB.Update(ctx, func(tx *db.Tx) error {
		if _, err := lockedLink(tx, caller, link.ID, "lockstep:RegisterRepositoryWebhook"); err != nil {
			return err
		}
		return store.PutWebhook(tx, s.o.Seal, &w, secret)
	})
	if err != nil {
		return nil, err
	}

	out := &wire.RegisterRepositoryWebhookOutput{Kind: string(kind), Url: base + w.Path()}
	if err := s.o.Repositories.RegisterWebhook(ctx, link.ID, out.Url, secret.Reveal()); err != nil {
		return nil, asHostFailure(err)
	}

	return out, s.o.DB.Update(ctx, func(tx *db.Tx) error { return store.SetRegisteredURL(tx, w, out.Url) })
}

// publicURL looks at where a Git host is to reach this server.
func publicURL(text string) (string, error) {
	address, err := url.Parse(text)
	switch {
	case text == "":
		return "", lockstep.Errorf(lockstep.Invalid, "At which Url the Git host reaches this server is not known: say it, or let the administrator set public-url.")
	case err != nil || address.Host == "" || address.User != nil || address.RawQuery != "" || address.Fragment != "" || address.Scheme != "https" && address.Scheme != "http":
		return "", lockstep.Errorf(lockstep.Invalid, "Url must be https://HOST or http://HOST, with a path perhaps and nothing more.")
	}
	return strings.TrimRight(text, "/"), nil
}

// DeleteRepositoryWebhook removes a link's webhook, and has the Git host forget it
// that was told of it by the server. Pushes are noticed by looking again. That the
// host cannot be told keeps nobody from deleting it; the answer says so.
func (s *Service) DeleteRepositoryWebhook(ctx context.Context, caller access.Caller, in *wire.DeleteRepositoryWebhookInput) (*wire.DeleteRepositoryWebhookOutput, error) {
	var w lockstep.Webhook
	err := s.o.DB.Update(ctx, func(tx *db.Tx) error {
		link, err := lockedLink(tx, caller, in.RepositoryLinkId, "lockstep:DeleteRepositoryWebhook")
		if err != nil {
			return err
		}
		if w, err = store.WebhookOf(tx, link.ID); err != nil {
			return err
		}

		return store.DeleteWebhook(tx, link.ID)
	})

	out := &wire.DeleteRepositoryWebhookOutput{}
	if err != nil || w.RegisteredURL == "" {
		return out, err
	}

	if err := s.o.Repositories.RemoveWebhook(ctx, w.LinkID, w.RegisteredURL); err != nil {
		out.StillRegistered = lockstep.Truncate(lockstep.Shown(err), 600)
	}

	return out, nil
}

// readLink reads a link for an action that the caller may do to it, and that
// takes a Git host's time.
func (s *Service) readLink(ctx context.Context, caller access.Caller, id, action string) (link lockstep.RepositoryLink, err error) {
	err = s.o.DB.View(ctx, func(tx *db.Tx) error {
		if link, err = store.Link(tx, caller.Account, caller.Region, linkID(id)); err != nil {
			return err
		}
		return caller.Authorize(tx, action, access.LinkSubject(link))
	})
	return link, err
}

// lockedLink locks a link for an action that the caller may do to it.
func lockedLink(tx *db.Tx, caller access.Caller, id, action string) (lockstep.RepositoryLink, error) {
	link, err := store.LockLink(tx, caller.Account, caller.Region, linkID(id))
	if err != nil {
		return link, err
	}
	return link, caller.Authorize(tx, action, access.LinkSubject(link))
}
