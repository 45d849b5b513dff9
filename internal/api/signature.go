package api

import (
	"context"

	"github.com/lockstephq/lockstep"
	"github.com/lockstephq/lockstep/internal/db"
	"github.com/lockstephq/lockstep/internal/signature"
	"github.com/lockstephq/lockstep/internal/store"
	"github.com/lockstephq/lockstep/internal/wire"
)

// PutSignaturePolicy says who may sign the commits of a resource. An attempt that
// is under way was begun before and goes on.
func (s *Service) PutSignaturePolicy(ctx context.Context, c Caller, in *wire.PutSignaturePolicyInput) (*wire.PutSignaturePolicyOutput, error) {
	if _, err := signature.Parse(in.AllowedSigners, in.PublicKeys); err != nil {
		return nil, err
	}
	err := s.o.DB.Update(ctx, func(tx *db.Tx) error {
		cfg, err := c.lockConfiguration(tx, "lockstep:PutSignaturePolicy", in.SyncType, in.ResourceName)
		if err != nil {
			return err
		}
		return store.PutSignaturePolicy(tx, cfg.ID, lockstep.SignaturePolicy{AllowedSigners: in.AllowedSigners, PublicKeys: in.PublicKeys})
	})
	return &wire.PutSignaturePolicyOutput{}, err
}

// GetSignaturePolicy reads who may sign the commits of a resource.
func (s *Service) GetSignaturePolicy(ctx context.Context, c Caller, in *wire.GetSignaturePolicyInput) (*wire.GetSignaturePolicyOutput, error) {
	cfg, err := s.configuration(ctx, c, "lockstep:GetSignaturePolicy", in.SyncType, in.ResourceName)
	if err != nil {
		return nil, err
	}
	out := &wire.GetSignaturePolicyOutput{}
	err = s.o.DB.View(ctx, func(tx *db.Tx) error {
		p, err := store.SignaturePolicy(tx, cfg.ID)
		out.AllowedSigners, out.PublicKeys, out.UpdatedAt = p.AllowedSigners, p.PublicKeys, wire.Time{Time: p.UpdatedAt}
		return err
	})
	return out, err
}

// DeleteSignaturePolicy lets all commits of the branch be synced again.
func (s *Service) DeleteSignaturePolicy(ctx context.Context, c Caller, in *wire.DeleteSignaturePolicyInput) (*wire.DeleteSignaturePolicyOutput, error) {
	err := s.o.DB.Update(ctx, func(tx *db.Tx) error {
		cfg, err := c.lockConfiguration(tx, "lockstep:DeleteSignaturePolicy", in.SyncType, in.ResourceName)
		if err != nil {
			return err
		}
		return store.DeleteSignaturePolicy(tx, cfg.ID)
	})
	return &wire.DeleteSignaturePolicyOutput{}, err
}
