package api

import (
	"context"

	"github.com/lockstephq/lockstep/internal/db"
	"github.com/lockstephq/lockstep/internal/identity"
	"github.com/lockstephq/lockstep/internal/store"
	"github.com/lockstephq/lockstep/internal/wire"
)

// PutPolicy makes a policy of the account, or replaces it. It takes effect on all
// nodes within seconds, on this one at once.
func (s *Service) PutPolicy(ctx context.Context, c Caller, in *wire.PutPolicyInput) (*wire.PutPolicyOutput, error) {
	if err := c.onAccount("lockstep:PutPolicy"); err != nil {
		return nil, err
	}
	err := s.o.DB.Update(ctx, func(tx *db.Tx) error {
		return identity.PutPolicy(tx, s.o.Seal, string(c.Account), in.Name, in.Document)
	})
	s.o.Directory.Forget(string(c.Account))
	return &wire.PutPolicyOutput{}, err
}

// GetPolicy reads a policy.
func (s *Service) GetPolicy(ctx context.Context, c Caller, in *wire.GetPolicyInput) (*wire.GetPolicyOutput, error) {
	if err := c.onAccount("lockstep:GetPolicy"); err != nil {
		return nil, err
	}
	out := &wire.GetPolicyOutput{}
	err := s.o.DB.Peek(ctx, func(tx *db.Tx) error {
		p, err := identity.PolicyOf(tx, s.o.Seal, string(c.Account), in.Name)
		out.Policy = showPolicy(p)
		return err
	})
	return out, err
}

// ListPolicies reads the account's policies, by name.
func (s *Service) ListPolicies(ctx context.Context, c Caller, in *wire.ListPoliciesInput) (*wire.ListPoliciesOutput, error) {
	if err := c.onAccount("lockstep:ListPolicies"); err != nil {
		return nil, err
	}

	list := s.listing(c, "policies")
	page, err := list.page(in.MaxResults, in.NextToken)
	if err != nil {
		return nil, err
	}

	out := &wire.ListPoliciesOutput{}
	err = s.o.DB.Peek(ctx, func(tx *db.Tx) error {
		policies, next, err := identity.Policies(tx, s.o.Seal, string(c.Account), identityPage(page))
		if err != nil {
			return err
		}

		for _, p := range policies {
			out.Policies = append(out.Policies, showPolicy(p))
		}

		out.NextToken, err = list.token(store.Cursor(next))
		return err
	})

	return out, err
}

// DeletePolicy removes a policy. It takes effect as PutPolicy does.
func (s *Service) DeletePolicy(ctx context.Context, c Caller, in *wire.DeletePolicyInput) (*wire.DeletePolicyOutput, error) {
	if err := c.onAccount("lockstep:DeletePolicy"); err != nil {
		return nil, err
	}
	err := s.o.DB.Update(ctx, func(tx *db.Tx) error {
		return identity.DeletePolicy(tx, string(c.Account), in.Name)
	})
	s.o.Directory.Forget(string(c.Account))
	return &wire.DeletePolicyOutput{}, err
}

func showPolicy(p identity.Policy) wire.Policy {
	return wire.Policy{
		Name:      p.Name,
		Document:  p.Text,
		CreatedAt: wire.Time{Time: p.CreatedAt},
		UpdatedAt: wire.Time{Time: p.UpdatedAt},
	}
}
