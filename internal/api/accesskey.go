package api

import (
	"context"
	"strings"
	"time"

	"github.com/lockstephq/lockstep/internal/db"
	"github.com/lockstephq/lockstep/internal/identity"
	"github.com/lockstephq/lockstep/internal/store"
	"github.com/lockstephq/lockstep/internal/wire"
)

// CreateAccessKey makes a key in the caller's account. The secret is in the
// answer and can never be had again.
func (s *Service) CreateAccessKey(ctx context.Context, c Caller, in *wire.CreateAccessKeyInput) (*wire.CreateAccessKeyOutput, error) {
	if err := c.onAccount("lockstep:CreateAccessKey"); err != nil {
		return nil, err
	}

	var k identity.AccessKey
	err := s.o.DB.Update(ctx, func(tx *db.Tx) (err error) {
		if err := c.room(tx, store.CountKeys, s.o.Quotas.Keys, "access keys"); err != nil {
			return err
		}

		k, err = identity.Create(tx, s.o.Seal, identity.NewKey{
			Account: string(c.Account), Principal: in.PrincipalName, Role: identity.Role(strings.ToLower(in.Role)),
		})
		return err
	})

	return &wire.CreateAccessKeyOutput{AccessKey: showKey(k), SecretAccessKey: k.Secret.Reveal()}, err
}

// ListAccessKeys reads the account's keys, oldest first, disabled ones included.
func (s *Service) ListAccessKeys(ctx context.Context, c Caller, in *wire.ListAccessKeysInput) (*wire.ListAccessKeysOutput, error) {
	if err := c.onAccount("lockstep:ListAccessKeys"); err != nil {
		return nil, err
	}

	list := s.listing(c, "access keys")
	page, err := list.page(in.MaxResults, in.NextToken)
	if err != nil {
		return nil, err
	}

	out := &wire.ListAccessKeysOutput{}
	err = s.o.DB.Peek(ctx, func(tx *db.Tx) error {
		keys, next, err := identity.KeysOf(tx, string(c.Account), identityPage(page))
		if err != nil {
			return err
		}

		for _, k := range keys {
			out.AccessKeys = append(out.AccessKeys, showKey(k))
		}

		out.NextToken, err = list.token(store.Cursor(next))
		return err
	})

	return out, err
}

// UpdateAccessKey disables a key, or lets it work again. It takes effect on all
// nodes within seconds.
func (s *Service) UpdateAccessKey(ctx context.Context, c Caller, in *wire.UpdateAccessKeyInput) (*wire.UpdateAccessKeyOutput, error) {
	if err := c.onAccount("lockstep:UpdateAccessKey"); err != nil {
		return nil, err
	}
	err := s.o.DB.Update(ctx, func(tx *db.Tx) error {
		return identity.SetKeyStatus(tx, string(c.Account), in.AccessKeyId, in.Status == wire.KeyActive)
	})
	return &wire.UpdateAccessKeyOutput{}, err
}

// RotateAccessKey makes a new key in the place of an old one, for the same
// principal and role.
func (s *Service) RotateAccessKey(ctx context.Context, c Caller, in *wire.RotateAccessKeyInput) (*wire.RotateAccessKeyOutput, error) {
	if err := c.onAccount("lockstep:RotateAccessKey"); err != nil {
		return nil, err
	}

	var keep time.Duration
	if in.KeepOldFor != nil {
		keep = time.Duration(*in.KeepOldFor) * time.Second
	}

	var k identity.AccessKey
	err := s.o.DB.Update(ctx, func(tx *db.Tx) (err error) {
		if err := c.room(tx, store.CountKeys, s.o.Quotas.Keys, "access keys"); err != nil {
			return err
		}

		k, err = identity.Rotate(tx, s.o.Seal, string(c.Account), in.AccessKeyId, keep)
		return err
	})

	return &wire.RotateAccessKeyOutput{AccessKey: showKey(k), SecretAccessKey: k.Secret.Reveal()}, err
}

// DeleteAccessKey removes a key. It takes effect on all nodes within seconds.
func (s *Service) DeleteAccessKey(ctx context.Context, c Caller, in *wire.DeleteAccessKeyInput) (*wire.DeleteAccessKeyOutput, error) {
	if err := c.onAccount("lockstep:DeleteAccessKey"); err != nil {
		return nil, err
	}
	err := s.o.DB.Update(ctx, func(tx *db.Tx) error {
		return identity.DeleteKey(tx, string(c.Account), in.AccessKeyId)
	})
	return &wire.DeleteAccessKeyOutput{}, err
}

func identityPage(p store.Page) identity.Page {
	return identity.Page{Limit: p.Limit, After: identity.Cursor(p.After)}
}

func showKey(k identity.AccessKey) wire.AccessKey {
	shown := wire.AccessKey{
		AccessKeyId:   k.AccessKeyID,
		PrincipalName: k.Name,
		Role:          strings.ToUpper(string(k.Role)),
		Status:        wire.KeyActive,
		CreatedAt:     wire.Time{Time: k.CreatedAt},
		ExpiresAt:     wire.Time{Time: k.ExpiresAt},
	}
	if k.Disabled {
		shown.Status = wire.KeyDisabled
	}

	return shown
}
