package api

import (
	"context"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/lockstephq/lockstep"
	"github.com/lockstephq/lockstep/internal/db"
	"github.com/lockstephq/lockstep/internal/identity"
	"github.com/lockstephq/lockstep/internal/store"
	"github.com/lockstephq/lockstep/internal/wire"
)

// PutWebIdentityRole makes a role of the account, or replaces it, which ends its
// sessions within seconds.
func (s *Service) PutWebIdentityRole(ctx context.Context, c Caller, in *wire.PutWebIdentityRoleInput) (*wire.PutWebIdentityRoleOutput, error) {
	if err := c.onAccount("lockstep:PutWebIdentityRole"); err != nil {
		return nil, err
	}
	role, err := webIdentityRole(in.WebIdentityRole)
	if err != nil {
		return nil, err
	}
	err = s.o.DB.Update(ctx, func(tx *db.Tx) error {
		return identity.PutWebIdentityRole(tx, s.o.Seal, string(c.Account), role, s.o.WebIdentityIssuers)
	})
	return &wire.PutWebIdentityRoleOutput{RoleArn: role.ARN(string(c.Account))}, err
}

// ListWebIdentityRoles reads the account's roles, by name.
func (s *Service) ListWebIdentityRoles(ctx context.Context, c Caller, in *wire.ListWebIdentityRolesInput) (*wire.ListWebIdentityRolesOutput, error) {
	if err := c.onAccount("lockstep:ListWebIdentityRoles"); err != nil {
		return nil, err
	}

	list := s.listing(c, "web identity roles")
	page, err := list.page(in.MaxResults, in.NextToken)
	if err != nil {
		return nil, err
	}

	out := &wire.ListWebIdentityRolesOutput{}
	err = s.o.DB.Peek(ctx, func(tx *db.Tx) error {
		roles, next, err := identity.WebIdentityRoles(tx, s.o.Seal, string(c.Account), identityPage(page))
		if err != nil {
			return err
		}

		for _, r := range roles {
			out.WebIdentityRoles = append(out.WebIdentityRoles, showRole(r))
		}

		out.NextToken, err = list.token(store.Cursor(next))
		return err
	})

	return out, err
}

// DeleteWebIdentityRole removes a role, which ends its sessions within seconds.
func (s *Service) DeleteWebIdentityRole(ctx context.Context, c Caller, in *wire.DeleteWebIdentityRoleInput) (*wire.DeleteWebIdentityRoleOutput, error) {
	if err := c.onAccount("lockstep:DeleteWebIdentityRole"); err != nil {
		return nil, err
	}
	err := s.o.DB.Update(ctx, func(tx *db.Tx) error {
		return identity.DeleteWebIdentityRole(tx, string(c.Account), in.RoleName)
	})
	return &wire.DeleteWebIdentityRoleOutput{}, err
}

func webIdentityRole(in wire.WebIdentityRole) (identity.WebIdentityRole, error) {
	r := identity.WebIdentityRole{
		Name:      in.RoleName,
		Issuer:    in.Issuer,
		Audiences: in.Audiences,
		Subjects:  in.Subjects,
		Claims:    map[string]string{},
		Grants:    identity.Role(strings.ToLower(in.Role)),
		JWKS:      in.Jwks,
	}
	for _, c := range in.Claims {
		if _, twice := r.Claims[c.Name]; twice {
			return r, lockstep.Errorf(lockstep.Invalid, "Claim %q is given twice.", c.Name)
		}
		r.Claims[c.Name] = c.Pattern
	}

	if in.MaxSessionDuration != nil {
		r.MaxSession = time.Duration(*in.MaxSessionDuration) * time.Second
	}

	return r, nil
}

func showRole(r identity.WebIdentityRole) wire.WebIdentityRole {
	shown := wire.WebIdentityRole{
		RoleName:  r.Name,
		Role:      strings.ToUpper(string(r.Grants)),
		Issuer:    r.Issuer,
		Audiences: r.Audiences,
		Subjects:  r.Subjects,
		Jwks:      r.JWKS,
	}
	for _, name := range slices.Sorted(maps.Keys(r.Claims)) {
		shown.Claims = append(shown.Claims, wire.ClaimPattern{Name: name, Pattern: r.Claims[name]})
	}

	if seconds := int(r.MaxSession / time.Second); seconds > 0 {
		shown.MaxSessionDuration = &seconds
	}

	return shown
}
