package iam

import (
	"context"
	"strings"
	"time"

	"github.com/lockstephq/lockstep/internal/access"
	"github.com/lockstephq/lockstep/internal/db"
	"github.com/lockstephq/lockstep/internal/identity"
	"github.com/lockstephq/lockstep/internal/wire"
)

// CreateAccessKey creates an access key in the caller's account. The secret is
// returned only once.
func (s *Service) CreateAccessKey(
	ctx context.Context, caller access.Caller, input *wire.CreateAccessKeyInput,
) (*wire.CreateAccessKeyOutput, error) {
	if err := caller.AuthorizeAccount("lockstep:CreateAccessKey"); err != nil {
		return nil, err
	}

	var accessKey identity.AccessKey
	err := s.options.DB.Update(ctx, func(tx *db.Tx) (err error) {
		if err := s.checkKeyQuota(tx, caller); err != nil {
			return err
		}

		accessKey, err = identity.CreateKey(tx, s.options.Seal, identity.CreateKeyInput{
			Account:   string(caller.Account),
			Principal: input.PrincipalName,
			Role:      identity.Role(strings.ToLower(input.Role)),
		})
		return err
	})

	return &wire.CreateAccessKeyOutput{AccessKey: toWireKey(accessKey), SecretAccessKey: accessKey.Secret.Reveal()}, err
}

// ListAccessKeys returns the access keys of the account, oldest first, including
// disabled ones.
func (s *Service) ListAccessKeys(
	ctx context.Context, caller access.Caller, input *wire.ListAccessKeysInput,
) (*wire.ListAccessKeysOutput, error) {
	if err := caller.AuthorizeAccount("lockstep:ListAccessKeys"); err != nil {
		return nil, err
	}

	list := s.list(caller, "access keys")
	page, err := list.Page(input.MaxResults, input.NextToken)
	if err != nil {
		return nil, err
	}

	out := &wire.ListAccessKeysOutput{}
	err = s.options.DB.ViewOnce(ctx, func(tx *db.Tx) error {
		keys, next, err := identity.KeysOfAccount(tx, string(caller.Account), page)
		if err != nil {
			return err
		}

		for _, k := range keys {
			out.AccessKeys = append(out.AccessKeys, toWireKey(k))
		}

		out.NextToken, err = list.Token(next)
		return err
	})

	return out, err
}

// UpdateAccessKey disables or enables an access key. All nodes apply it within
// seconds.
func (s *Service) UpdateAccessKey(
	ctx context.Context, caller access.Caller, input *wire.UpdateAccessKeyInput,
) (*wire.UpdateAccessKeyOutput, error) {
	if err := caller.AuthorizeAccount("lockstep:UpdateAccessKey"); err != nil {
		return nil, err
	}
	err := s.options.DB.Update(ctx, func(tx *db.Tx) error {
		return identity.SetKeyStatus(tx, string(caller.Account), input.AccessKeyId, input.Status == wire.KeyActive)
	})
	return &wire.UpdateAccessKeyOutput{}, err
}

// RotateAccessKey replaces an access key by a new one for the same principal and
// role.
func (s *Service) RotateAccessKey(
	ctx context.Context, caller access.Caller, input *wire.RotateAccessKeyInput,
) (*wire.RotateAccessKeyOutput, error) {
	if err := caller.AuthorizeAccount("lockstep:RotateAccessKey"); err != nil {
		return nil, err
	}

	var keep time.Duration
	if input.KeepOldFor != nil {
		keep = time.Duration(*input.KeepOldFor) * time.Second
	}

	var accessKey identity.AccessKey
	err := s.options.DB.Update(ctx, func(tx *db.Tx) (err error) {
		if err := s.checkKeyQuota(tx, caller); err != nil {
			return err
		}

		accessKey, err = identity.RotateKey(tx, s.options.Seal, string(caller.Account), input.AccessKeyId, keep)
		return err
	})

	return &wire.RotateAccessKeyOutput{AccessKey: toWireKey(accessKey), SecretAccessKey: accessKey.Secret.Reveal()}, err
}

// DeleteAccessKey deletes an access key. All nodes apply it within seconds.
func (s *Service) DeleteAccessKey(
	ctx context.Context, caller access.Caller, input *wire.DeleteAccessKeyInput,
) (*wire.DeleteAccessKeyOutput, error) {
	if err := caller.AuthorizeAccount("lockstep:DeleteAccessKey"); err != nil {
		return nil, err
	}
	err := s.options.DB.Update(ctx, func(tx *db.Tx) error {
		return identity.DeleteKey(tx, string(caller.Account), input.AccessKeyId)
	})
	return &wire.DeleteAccessKeyOutput{}, err
}

func toWireKey(accessKey identity.AccessKey) wire.AccessKey {
	shown := wire.AccessKey{
		AccessKeyId:   accessKey.AccessKeyID,
		PrincipalName: accessKey.Name,
		Role:          strings.ToUpper(string(accessKey.Role)),
		Status:        wire.KeyActive,
		CreatedAt:     wire.Time{Time: accessKey.CreatedAt},
		ExpiresAt:     wire.Time{Time: accessKey.ExpiresAt},
	}
	if accessKey.Disabled {
		shown.Status = wire.KeyDisabled
	}

	return shown
}
