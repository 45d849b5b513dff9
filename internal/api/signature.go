package api

import (
	"context"

	"github.com/lockstephq/lockstep"
	"github.com/lockstephq/lockstep/internal/access"
	"github.com/lockstephq/lockstep/internal/db"
	"github.com/lockstephq/lockstep/internal/policy"
	"github.com/lockstephq/lockstep/internal/signature"
	"github.com/lockstephq/lockstep/internal/store"
	"github.com/lockstephq/lockstep/internal/wire"
)

// CreateSignedSyncConfiguration is CreateSyncConfiguration and PutSignaturePolicy
// in one: between the two a commit could be synced that nobody signed. The caller
// must be allowed both beside.
func (s *Service) CreateSignedSyncConfiguration(ctx context.Context, caller access.Caller, input *wire.CreateSignedSyncConfigurationInput) (*wire.CreateSignedSyncConfigurationOutput, error) {
	if _, err := signature.Parse(input.AllowedSigners, input.PublicKeys); err != nil {
		return nil, err
	}

	cfg := lockstep.SyncConfiguration{
		Account:                 caller.Account,
		Region:                  caller.Region,
		SyncType:                lockstep.SyncType(input.SyncType),
		ResourceName:            input.ResourceName,
		LinkID:                  linkID(input.RepositoryLinkId),
		Branch:                  input.Branch,
		ConfigFile:              input.ConfigFile,
		RoleARN:                 input.RoleArn,
		TriggerResourceUpdateOn: lockstep.TriggerResourceUpdateOn(input.TriggerResourceUpdateOn),
		PublishDeploymentStatus: lockstep.Switch(input.PublishDeploymentStatus),
		PullRequestComment:      lockstep.Switch(input.PullRequestComment),
	}
	if err := s.checkConfiguration(cfg); err != nil {
		return nil, err
	}

	err := s.o.DB.Update(ctx, func(tx *db.Tx) error {
		err := s.configure(tx, caller, &cfg, "lockstep:CreateSignedSyncConfiguration", "codeconnections:CreateSyncConfiguration", "lockstep:PutSignaturePolicy")
		if err != nil {
			return err
		}
		return store.PutSignaturePolicy(tx, cfg.ID, lockstep.SignaturePolicy{AllowedSigners: input.AllowedSigners, PublicKeys: input.PublicKeys})
	})

	return &wire.CreateSignedSyncConfigurationOutput{SyncConfiguration: showConfiguration(cfg)}, err
}

// PutSignaturePolicy says who may sign the commits of a resource. An attempt that
// is under way was begun before and goes on.
func (s *Service) PutSignaturePolicy(ctx context.Context, caller access.Caller, input *wire.PutSignaturePolicyInput) (*wire.PutSignaturePolicyOutput, error) {
	if _, err := signature.Parse(input.AllowedSigners, input.PublicKeys); err != nil {
		return nil, err
	}
	err := s.o.DB.Update(ctx, func(tx *db.Tx) error {
		cfg, err := lockConfiguration(tx, caller, "lockstep:PutSignaturePolicy", input.SyncType, input.ResourceName)
		if err != nil {
			return err
		}
		return store.PutSignaturePolicy(tx, cfg.ID, lockstep.SignaturePolicy{AllowedSigners: input.AllowedSigners, PublicKeys: input.PublicKeys})
	})
	return &wire.PutSignaturePolicyOutput{}, err
}

// GetSignaturePolicy reads who may sign the commits of a resource.
func (s *Service) GetSignaturePolicy(ctx context.Context, caller access.Caller, in *wire.GetSignaturePolicyInput) (*wire.GetSignaturePolicyOutput, error) {
	cfg, err := s.configuration(ctx, caller, "lockstep:GetSignaturePolicy", in.SyncType, in.ResourceName)
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

// ListSignaturePolicies reads who may sign the commits of all resources, by name:
// the policies that GetSignaturePolicy would give.
func (s *Service) ListSignaturePolicies(ctx context.Context, caller access.Caller, input *wire.ListSignaturePoliciesInput) (*wire.ListSignaturePoliciesOutput, error) {
	if err := caller.AuthorizeAccount("lockstep:ListSignaturePolicies"); err != nil {
		return nil, err
	}

	list := access.NewList(s.o.Seal, caller, "signature policies")
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

		for _, p := range policies {
			out.SignaturePolicies = append(out.SignaturePolicies, wire.ResourceSignaturePolicy{
				SyncType: string(p.Configuration.SyncType), ResourceName: p.Configuration.ResourceName,
				AllowedSigners: p.AllowedSigners, PublicKeys: p.PublicKeys, UpdatedAt: wire.Time{Time: p.UpdatedAt},
			})
		}

		out.NextToken, err = list.Token(next)
		return err
	})

	return out, err
}

// readableSignaturePolicies reads a page of the policies that the caller may get. That it
// sees a configuration does not do: who may sign for it is asked for by itself.
func readableSignaturePolicies(tx *db.Tx, caller access.Caller, page db.Page) ([]store.SignedConfiguration, db.Cursor, error) {
	const action = "lockstep:GetSignaturePolicy"
	read := func(page db.Page) ([]store.SignedConfiguration, db.Cursor, error) {
		return store.SignaturePolicies(tx, caller.Account, caller.Region, page)
	}
	if caller.AllowsAll(action, policy.SyncConfiguration) {
		return read(page)
	}
	the := access.ConfigurationSubjects()
	return access.Filter(page, read, func(one store.SignedConfiguration) (bool, error) {
		return caller.Allows(tx, action, the(one.Configuration))
	})
}

// DeleteSignaturePolicy lets all commits of the branch be synced again.
func (s *Service) DeleteSignaturePolicy(ctx context.Context, caller access.Caller, in *wire.DeleteSignaturePolicyInput) (*wire.DeleteSignaturePolicyOutput, error) {
	err := s.o.DB.Update(ctx, func(tx *db.Tx) error {
		cfg, err := lockConfiguration(tx, caller, "lockstep:DeleteSignaturePolicy", in.SyncType, in.ResourceName)
		if err != nil {
			return err
		}
		return store.DeleteSignaturePolicy(tx, cfg.ID)
	})
	return &wire.DeleteSignaturePolicyOutput{}, err
}
