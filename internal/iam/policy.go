package iam

import (
	"context"

	"github.com/lockstephq/lockstep/internal/access"
	"github.com/lockstephq/lockstep/internal/db"
	"github.com/lockstephq/lockstep/internal/identity"
	"github.com/lockstephq/lockstep/internal/wire"
)

// PutPolicy creates or replaces a policy of the account. All nodes apply it within
// seconds.
func (s *Service) PutPolicy(
	ctx context.Context, caller access.Caller, input *wire.PutPolicyInput,
) (*wire.PutPolicyOutput, error) {
	if err := caller.AuthorizeAccount("lockstep:PutPolicy"); err != nil {
		return nil, err
	}
	err := s.options.DB.Update(ctx, func(tx *db.Tx) error {
		return identity.PutPolicy(tx, s.options.Seal, string(caller.Account), input.Name, input.Document)
	})
	s.options.Directory.InvalidatePolicies(string(caller.Account))
	return &wire.PutPolicyOutput{}, err
}

// GetPolicy returns a policy.
func (s *Service) GetPolicy(
	ctx context.Context, caller access.Caller, input *wire.GetPolicyInput,
) (*wire.GetPolicyOutput, error) {
	if err := caller.AuthorizeAccount("lockstep:GetPolicy"); err != nil {
		return nil, err
	}
	out := &wire.GetPolicyOutput{}
	err := s.options.DB.ViewOnce(ctx, func(tx *db.Tx) error {
		p, err := identity.PolicyOf(tx, s.options.Seal, string(caller.Account), input.Name)
		out.Policy = toWirePolicy(p)
		return err
	})
	return out, err
}

// ListPolicies returns the policies of the account, by name.
func (s *Service) ListPolicies(
	ctx context.Context, caller access.Caller, input *wire.ListPoliciesInput,
) (*wire.ListPoliciesOutput, error) {
	if err := caller.AuthorizeAccount("lockstep:ListPolicies"); err != nil {
		return nil, err
	}

	list := s.list(caller, "policies")
	page, err := list.Page(input.MaxResults, input.NextToken)
	if err != nil {
		return nil, err
	}

	out := &wire.ListPoliciesOutput{}
	err = s.options.DB.ViewOnce(ctx, func(tx *db.Tx) error {
		policies, next, err := identity.Policies(tx, s.options.Seal, string(caller.Account), page)
		if err != nil {
			return err
		}

		for _, p := range policies {
			out.Policies = append(out.Policies, toWirePolicy(p))
		}

		out.NextToken, err = list.Token(next)
		return err
	})

	return out, err
}

// DeletePolicy deletes a policy. All nodes apply it within seconds.
func (s *Service) DeletePolicy(
	ctx context.Context, caller access.Caller, input *wire.DeletePolicyInput,
) (*wire.DeletePolicyOutput, error) {
	if err := caller.AuthorizeAccount("lockstep:DeletePolicy"); err != nil {
		return nil, err
	}
	err := s.options.DB.Update(ctx, func(tx *db.Tx) error {
		return identity.DeletePolicy(tx, string(caller.Account), input.Name)
	})
	s.options.Directory.InvalidatePolicies(string(caller.Account))
	return &wire.DeletePolicyOutput{}, err
}

func toWirePolicy(stored identity.Policy) wire.Policy {
	return wire.Policy{
		Name:      stored.Name,
		Document:  stored.Text,
		CreatedAt: wire.Time{Time: stored.CreatedAt},
		UpdatedAt: wire.Time{Time: stored.UpdatedAt},
	}
}
