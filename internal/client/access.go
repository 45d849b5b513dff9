package client

import (
	"context"

	"github.com/lockstephq/lockstep/internal/wire"
)

// CreateAccessKey makes a key. Its secret is in the answer, this once.
func (c *Client) CreateAccessKey(ctx context.Context, in *wire.CreateAccessKeyInput) (*wire.CreateAccessKeyOutput, error) {
	return call[wire.CreateAccessKeyInput, wire.CreateAccessKeyOutput](ctx, c, "CreateAccessKey", in)
}

// ListAccessKeys reads one page of the account's keys, without secrets.
func (c *Client) ListAccessKeys(ctx context.Context, in *wire.ListAccessKeysInput) (*wire.ListAccessKeysOutput, error) {
	return call[wire.ListAccessKeysInput, wire.ListAccessKeysOutput](ctx, c, "ListAccessKeys", in)
}

// UpdateAccessKey disables a key, or lets it work again.
func (c *Client) UpdateAccessKey(ctx context.Context, in *wire.UpdateAccessKeyInput) (*wire.UpdateAccessKeyOutput, error) {
	return call[wire.UpdateAccessKeyInput, wire.UpdateAccessKeyOutput](ctx, c, "UpdateAccessKey", in)
}

// RotateAccessKey makes a key in the place of another. Its secret is in the
// answer, this once.
func (c *Client) RotateAccessKey(ctx context.Context, in *wire.RotateAccessKeyInput) (*wire.RotateAccessKeyOutput, error) {
	return call[wire.RotateAccessKeyInput, wire.RotateAccessKeyOutput](ctx, c, "RotateAccessKey", in)
}

// DeleteAccessKey deletes a key.
func (c *Client) DeleteAccessKey(ctx context.Context, in *wire.DeleteAccessKeyInput) (*wire.DeleteAccessKeyOutput, error) {
	return call[wire.DeleteAccessKeyInput, wire.DeleteAccessKeyOutput](ctx, c, "DeleteAccessKey", in)
}

// PutPolicy makes a policy or replaces it.
func (c *Client) PutPolicy(ctx context.Context, in *wire.PutPolicyInput) (*wire.PutPolicyOutput, error) {
	return call[wire.PutPolicyInput, wire.PutPolicyOutput](ctx, c, "PutPolicy", in)
}

// GetPolicy reads a policy.
func (c *Client) GetPolicy(ctx context.Context, in *wire.GetPolicyInput) (*wire.GetPolicyOutput, error) {
	return call[wire.GetPolicyInput, wire.GetPolicyOutput](ctx, c, "GetPolicy", in)
}

// ListPolicies reads one page of the account's policies.
func (c *Client) ListPolicies(ctx context.Context, in *wire.ListPoliciesInput) (*wire.ListPoliciesOutput, error) {
	return call[wire.ListPoliciesInput, wire.ListPoliciesOutput](ctx, c, "ListPolicies", in)
}

// DeletePolicy deletes a policy.
func (c *Client) DeletePolicy(ctx context.Context, in *wire.DeletePolicyInput) (*wire.DeletePolicyOutput, error) {
	return call[wire.DeletePolicyInput, wire.DeletePolicyOutput](ctx, c, "DeletePolicy", in)
}

// PutWebIdentityRole makes a role for holders of another issuer's tokens, or
// replaces it.
func (c *Client) PutWebIdentityRole(ctx context.Context, in *wire.PutWebIdentityRoleInput) (*wire.PutWebIdentityRoleOutput, error) {
	return call[wire.PutWebIdentityRoleInput, wire.PutWebIdentityRoleOutput](ctx, c, "PutWebIdentityRole", in)
}

// ListWebIdentityRoles reads one page of the account's roles.
func (c *Client) ListWebIdentityRoles(ctx context.Context, in *wire.ListWebIdentityRolesInput) (*wire.ListWebIdentityRolesOutput, error) {
	return call[wire.ListWebIdentityRolesInput, wire.ListWebIdentityRolesOutput](ctx, c, "ListWebIdentityRoles", in)
}

// DeleteWebIdentityRole deletes a role.
func (c *Client) DeleteWebIdentityRole(ctx context.Context, in *wire.DeleteWebIdentityRoleInput) (*wire.DeleteWebIdentityRoleOutput, error) {
	return call[wire.DeleteWebIdentityRoleInput, wire.DeleteWebIdentityRoleOutput](ctx, c, "DeleteWebIdentityRole", in)
}
