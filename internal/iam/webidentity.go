package iam

import (
	"context"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/lockstephq/lockstep"
	"github.com/lockstephq/lockstep/internal/access"
	"github.com/lockstephq/lockstep/internal/db"
	"github.com/lockstephq/lockstep/internal/identity"
	"github.com/lockstephq/lockstep/internal/wire"
)

// PutWebIdentityRole creates or replaces a role of the account. The sessions of a
// replaced role end within seconds.
func (s *Service) PutWebIdentityRole(
	ctx context.Context, caller access.Caller, input *wire.PutWebIdentityRoleInput,
) (*wire.PutWebIdentityRoleOutput, error) {
	if err := caller.AuthorizeAccount("lockstep:PutWebIdentityRole"); err != nil {
		return nil, err
	}
	role, err := webIdentityRole(input.WebIdentityRole)
	if err != nil {
		return nil, err
	}
	err = s.options.DB.Update(ctx, func(tx *db.Tx) error {
		return identity.PutWebIdentityRole(tx, s.options.Seal, string(caller.Account), role,
			s.options.WebIdentityIssuers)
	})
	return &wire.PutWebIdentityRoleOutput{RoleArn: role.ARN(string(caller.Account))}, err
}

// ListWebIdentityRoles returns the web identity roles of the account, by name.
func (s *Service) ListWebIdentityRoles(
	ctx context.Context, caller access.Caller, input *wire.ListWebIdentityRolesInput,
) (*wire.ListWebIdentityRolesOutput, error) {
	if err := caller.AuthorizeAccount("lockstep:ListWebIdentityRoles"); err != nil {
		return nil, err
	}

	list := s.list(caller, "web identity roles")
	page, err := list.Page(input.MaxResults, input.NextToken)
	if err != nil {
		return nil, err
	}

	out := &wire.ListWebIdentityRolesOutput{}
	err = s.options.DB.ViewOnce(ctx, func(tx *db.Tx) error {
		roles, next, err := identity.WebIdentityRoles(tx, s.options.Seal, string(caller.Account), page)
		if err != nil {
			return err
		}

		for _, r := range roles {
			out.WebIdentityRoles = append(out.WebIdentityRoles, toWireRole(r))
		}

		out.NextToken, err = list.Token(next)
		return err
	})

	return out, err
}

// DeleteWebIdentityRole deletes a role. Its sessions end within seconds.
func (s *Service) DeleteWebIdentityRole(
	ctx context.Context, caller access.Caller, input *wire.DeleteWebIdentityRoleInput,
) (*wire.DeleteWebIdentityRoleOutput, error) {
	if err := caller.AuthorizeAccount("lockstep:DeleteWebIdentityRole"); err != nil {
		return nil, err
	}
	err := s.options.DB.Update(ctx, func(tx *db.Tx) error {
		return identity.DeleteWebIdentityRole(tx, string(caller.Account), input.RoleName)
	})
	return &wire.DeleteWebIdentityRoleOutput{}, err
}

func webIdentityRole(shape wire.WebIdentityRole) (identity.WebIdentityRole, error) {
	webRole := identity.WebIdentityRole{
		Name:      shape.RoleName,
		Issuer:    shape.Issuer,
		Audiences: shape.Audiences,
		Subjects:  shape.Subjects,
		Claims:    map[string]string{},
		Grants:    identity.Role(strings.ToLower(shape.Role)),
		JWKS:      shape.Jwks,
	}
	for _, claim := range shape.Claims {
		if _, twice := webRole.Claims[claim.Name]; twice {
			return webRole, lockstep.Errorf(lockstep.Invalid, "Claim %q is given twice.", claim.Name)
		}
		webRole.Claims[claim.Name] = claim.Pattern
	}

	if shape.MaxSessionDuration != nil {
		webRole.MaxSession = time.Duration(*shape.MaxSessionDuration) * time.Second
	}

	return webRole, nil
}

func toWireRole(webRole identity.WebIdentityRole) wire.WebIdentityRole {
	shown := wire.WebIdentityRole{
		RoleName:  webRole.Name,
		Role:      strings.ToUpper(string(webRole.Grants)),
		Issuer:    webRole.Issuer,
		Audiences: webRole.Audiences,
		Subjects:  webRole.Subjects,
		Jwks:      webRole.JWKS,
	}
	for _, name := range slices.Sorted(maps.Keys(webRole.Claims)) {
		shown.Claims = append(shown.Claims, wire.ClaimPattern{Name: name, Pattern: webRole.Claims[name]})
	}

	if seconds := int(webRole.MaxSession / time.Second); seconds > 0 {
		shown.MaxSessionDuration = &seconds
	}

	return shown
}
