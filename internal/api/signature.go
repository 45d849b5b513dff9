package api

import (
	"context"

	"github.com/lockstephq/lockstep"
	"github.com/lockstephq/lockstep/internal/access"
	"github.com/lockstephq/lockstep/internal/api/conversion"
	"github.com/lockstephq/lockstep/internal/db"
	"github.com/lockstephq/lockstep/internal/policy"
	"github.com/lockstephq/lockstep/internal/signature"
	"github.com/lockstephq/lockstep/internal/store"
	"github.com/lockstephq/lockstep/internal/wire"
)

// CreateSignedSyncConfiguration creates a sync configuration together with its
// signature policy. Without it, a commit could be synced before PutSignaturePolicy.
// The caller must be allowed CreateSyncConfiguration and PutSignaturePolicy too.
func (s *Service) CreateSignedSyncConfiguration(
	ctx context.Context, caller access.Caller, input *wire.CreateSignedSyncConfigurationInput,
) (*wire.CreateSignedSyncConfigurationOutput, error) {
	if _, err := signature.Parse(input.AllowedSigners, input.PublicKeys); err != nil {
		return nil, err
	}

	cfg := fromWireConfiguration(caller, wire.CreateSyncConfigurationInput{
		Branch:                  input.Branch,
		ConfigFile:              input.ConfigFile,
		RepositoryLinkId:        input.RepositoryLinkId,
		ResourceName:            input.ResourceName,
		RoleArn:                 input.RoleArn,
		SyncType:                input.SyncType,
		PublishDeploymentStatus: input.PublishDeploymentStatus,
		TriggerResourceUpdateOn: input.TriggerResourceUpdateOn,
		PullRequestComment:      input.PullRequestComment,
	})
	if err := s.checkConfiguration(cfg); err != nil {
		return nil, err
	}

	err := s.options.DB.Update(ctx, func(tx *db.Tx) error {
		err := s.createConfiguration(tx, caller, &cfg, "lockstep:CreateSignedSyncConfiguration",
			"codeconnections:CreateSyncConfiguration", "lockstep:PutSignaturePolicy")
		if err != nil {
			return err
		}
		return store.PutSignaturePolicy(tx, cfg.ID, lockstep.SignaturePolicy{
			AllowedSigners: input.AllowedSigners,
			PublicKeys:     input.PublicKeys,
		})
	})

	return &wire.CreateSignedSyncConfigurationOutput{SyncConfiguration: conversion.ToWireConfiguration(cfg)}, err
}

// PutSignaturePolicy sets who may sign the commits of a resource. A running attempt
// is not stopped.
func (s *Service) PutSignaturePolicy(
	ctx context.Context, caller access.Caller, input *wire.PutSignaturePolicyInput,
) (*wire.PutSignaturePolicyOutput, error) {
	if _, err := signature.Parse(input.AllowedSigners, input.PublicKeys); err != nil {
		return nil, err
	}

	err := s.options.DB.Update(ctx, func(tx *db.Tx) error {
		cfg, err := lockConfiguration(tx, caller, "lockstep:PutSignaturePolicy", input.SyncType, input.ResourceName)
		if err != nil {
			return err
		}

		return store.PutSignaturePolicy(tx, cfg.ID, lockstep.SignaturePolicy{
			AllowedSigners: input.AllowedSigners,
			PublicKeys:     input.PublicKeys,
		})
	})

	return &wire.PutSignaturePolicyOutput{}, err
}

// GetSignaturePolicy returns the signature policy of a resource.
func (s *Service) GetSignaturePolicy(
	ctx context.Context, caller access.Caller, input *wire.GetSignaturePolicyInput,
) (*wire.GetSignaturePolicyOutput, error) {
	cfg, err := s.readConfiguration(ctx, caller, "lockstep:GetSignaturePolicy", input.SyncType, input.ResourceName)
	if err != nil {
		return nil, err
	}
	out := &wire.GetSignaturePolicyOutput{}
	err = s.options.DB.View(ctx, func(tx *db.Tx) error {
		p, err := store.SignaturePolicy(tx, cfg.ID)
		out.AllowedSigners, out.PublicKeys, out.UpdatedAt = p.AllowedSigners, p.PublicKeys, wire.Time{Time: p.UpdatedAt}
		return err
	})
	return out, err
}

// ListSignaturePolicies returns the signature policies that the caller may get, by
// resource name.
func (s *Service) ListSignaturePolicies(
	ctx context.Context, caller access.Caller, input *wire.ListSignaturePoliciesInput,
) (*wire.ListSignaturePoliciesOutput, error) {
	if err := caller.AuthorizeAccount("lockstep:ListSignaturePolicies"); err != nil {
		return nil, err
	}

	list := access.NewList(s.options.Seal, caller, "signature policies")
	page, err := list.Page(input.MaxResults, input.NextToken)
	if err != nil {
		return nil, err
	}

	out := &wire.ListSignaturePoliciesOutput{}
	err = s.view(ctx, caller, "lockstep:GetSignaturePolicy", policy.SyncConfiguration, func(tx *db.Tx) error {
		policies, next, err := readableSignaturePolicies(tx, caller, page)
		if err != nil {
			return err
		}

		for _, signed := range policies {
			out.SignaturePolicies = append(out.SignaturePolicies, wire.ResourceSignaturePolicy{
				SyncType:       string(signed.Configuration.SyncType),
				ResourceName:   signed.Configuration.ResourceName,
				AllowedSigners: signed.AllowedSigners,
				PublicKeys:     signed.PublicKeys,
				UpdatedAt:      wire.Time{Time: signed.UpdatedAt},
			})
		}

		out.NextToken, err = list.Token(next)
		return err
	})

	return out, err
}

// readableSignaturePolicies returns a page of the policies that the caller may get.
// Being allowed to read a configuration is not enough.
func readableSignaturePolicies(
	tx *db.Tx, caller access.Caller, page db.Page,
) ([]store.SignedConfiguration, db.Cursor, error) {
	const action = "lockstep:GetSignaturePolicy"
	read := func(page db.Page) ([]store.SignedConfiguration, db.Cursor, error) {
		return store.SignaturePolicies(tx, caller.Account, caller.Region, page)
	}
	if caller.AllowsAll(action, policy.SyncConfiguration) {
		return read(page)
	}
	subjectOf := access.ConfigurationSubjects()
	return access.Filter(page, read, func(one store.SignedConfiguration) (bool, error) {
		return caller.Allows(tx, action, subjectOf(one.Configuration))
	})
}

// DeleteSignaturePolicy removes the signature policy of a resource. Commits need no
// signature any more.
func (s *Service) DeleteSignaturePolicy(
	ctx context.Context, caller access.Caller, input *wire.DeleteSignaturePolicyInput,
) (*wire.DeleteSignaturePolicyOutput, error) {
	err := s.options.DB.Update(ctx, func(tx *db.Tx) error {
		cfg, err := lockConfiguration(tx, caller, "lockstep:DeleteSignaturePolicy", input.SyncType, input.ResourceName)
		if err != nil {
			return err
		}
		return store.DeleteSignaturePolicy(tx, cfg.ID)
	})
	return &wire.DeleteSignaturePolicyOutput{}, err
}
