package client

import (
	"context"

	"github.com/lockstephq/lockstep/internal/wire"
)

// CreateAccessKey creates an access key. Only this response has its secret.
func (c *Client) CreateAccessKey(
	ctx context.Context, in *wire.CreateAccessKeyInput,
) (*wire.CreateAccessKeyOutput, error) {
	return call[wire.CreateAccessKeyOutput](ctx, c, "CreateAccessKey", in)
}

// ListAccessKeys returns a page of the account's access keys, without secrets.
func (c *Client) ListAccessKeys(
	ctx context.Context, in *wire.ListAccessKeysInput,
) (*wire.ListAccessKeysOutput, error) {
	return call[wire.ListAccessKeysOutput](ctx, c, "ListAccessKeys", in)
}

// UpdateAccessKey enables or disables an access key.
func (c *Client) UpdateAccessKey(
	ctx context.Context, in *wire.UpdateAccessKeyInput,
) (*wire.UpdateAccessKeyOutput, error) {
	return call[wire.UpdateAccessKeyOutput](ctx, c, "UpdateAccessKey", in)
}

// RotateAccessKey replaces an access key. Only this response has the new secret.
func (c *Client) RotateAccessKey(
	ctx context.Context, in *wire.RotateAccessKeyInput,
) (*wire.RotateAccessKeyOutput, error) {
	return call[wire.RotateAccessKeyOutput](ctx, c, "RotateAccessKey", in)
}

// DeleteAccessKey deletes an access key.
func (c *Client) DeleteAccessKey(
	ctx context.Context, in *wire.DeleteAccessKeyInput,
) (*wire.DeleteAccessKeyOutput, error) {
	return call[wire.DeleteAccessKeyOutput](ctx, c, "DeleteAccessKey", in)
}

// PutPolicy creates or replaces a policy.
func (c *Client) PutPolicy(ctx context.Context, in *wire.PutPolicyInput) (*wire.PutPolicyOutput, error) {
	return call[wire.PutPolicyOutput](ctx, c, "PutPolicy", in)
}

// GetPolicy returns a policy.
func (c *Client) GetPolicy(ctx context.Context, in *wire.GetPolicyInput) (*wire.GetPolicyOutput, error) {
	return call[wire.GetPolicyOutput](ctx, c, "GetPolicy", in)
}

// ListPolicies returns a page of the account's policies.
func (c *Client) ListPolicies(ctx context.Context, in *wire.ListPoliciesInput) (*wire.ListPoliciesOutput, error) {
	return call[wire.ListPoliciesOutput](ctx, c, "ListPolicies", in)
}

// DeletePolicy deletes a policy.
func (c *Client) DeletePolicy(ctx context.Context, in *wire.DeletePolicyInput) (*wire.DeletePolicyOutput, error) {
	return call[wire.DeletePolicyOutput](ctx, c, "DeletePolicy", in)
}

// PutWebIdentityRole creates or replaces a role that is assumed with another
// issuer's tokens.
func (c *Client) PutWebIdentityRole(
	ctx context.Context, in *wire.PutWebIdentityRoleInput,
) (*wire.PutWebIdentityRoleOutput, error) {
	return call[wire.PutWebIdentityRoleOutput](ctx, c, "PutWebIdentityRole", in)
}

// ListWebIdentityRoles returns a page of the account's roles.
func (c *Client) ListWebIdentityRoles(
	ctx context.Context, in *wire.ListWebIdentityRolesInput,
) (*wire.ListWebIdentityRolesOutput, error) {
	return call[wire.ListWebIdentityRolesOutput](ctx, c, "ListWebIdentityRoles", in)
}

// DeleteWebIdentityRole deletes a role.
func (c *Client) DeleteWebIdentityRole(
	ctx context.Context, in *wire.DeleteWebIdentityRoleInput,
) (*wire.DeleteWebIdentityRoleOutput, error) {
	return call[wire.DeleteWebIdentityRoleOutput](ctx, c, "DeleteWebIdentityRole", in)
}

// CompleteConnection sets the credential of a connection.
func (c *Client) CompleteConnection(
	ctx context.Context, in *wire.CompleteConnectionInput,
) (*wire.CompleteConnectionOutput, error) {
	return call[wire.CompleteConnectionOutput](ctx, c, "CompleteConnection", in)
}

// StartConnectionHandshake starts an OAuth authorization of a connection.
func (c *Client) StartConnectionHandshake(
	ctx context.Context, in *wire.StartConnectionHandshakeInput,
) (*wire.StartConnectionHandshakeOutput, error) {
	return call[wire.StartConnectionHandshakeOutput](ctx, c, "StartConnectionHandshake", in)
}

// GetConnectionHandshake returns the state of a connection's credential.
func (c *Client) GetConnectionHandshake(
	ctx context.Context, in *wire.GetConnectionHandshakeInput,
) (*wire.GetConnectionHandshakeOutput, error) {
	return call[wire.GetConnectionHandshakeOutput](ctx, c, "GetConnectionHandshake", in)
}

// PutHostCertificate sets the TLS certificate of a host.
func (c *Client) PutHostCertificate(
	ctx context.Context, in *wire.PutHostCertificateInput,
) (*wire.PutHostCertificateOutput, error) {
	return call[wire.PutHostCertificateOutput](ctx, c, "PutHostCertificate", in)
}

// PutRepositoryWebhook creates a link's webhook or replaces its secret. Only this
// response has the secret.
func (c *Client) PutRepositoryWebhook(
	ctx context.Context, in *wire.PutRepositoryWebhookInput,
) (*wire.PutRepositoryWebhookOutput, error) {
	return call[wire.PutRepositoryWebhookOutput](ctx, c, "PutRepositoryWebhook", in)
}

// GetRepositoryWebhook returns a link's webhook, without its secret.
func (c *Client) GetRepositoryWebhook(
	ctx context.Context, in *wire.GetRepositoryWebhookInput,
) (*wire.GetRepositoryWebhookOutput, error) {
	return call[wire.GetRepositoryWebhookOutput](ctx, c, "GetRepositoryWebhook", in)
}

// DeleteRepositoryWebhook deletes a link's webhook.
func (c *Client) DeleteRepositoryWebhook(
	ctx context.Context, in *wire.DeleteRepositoryWebhookInput,
) (*wire.DeleteRepositoryWebhookOutput, error) {
	return call[wire.DeleteRepositoryWebhookOutput](ctx, c, "DeleteRepositoryWebhook", in)
}

// RegisterRepositoryWebhook creates a link's webhook and registers it at the Git
// host.
func (c *Client) RegisterRepositoryWebhook(
	ctx context.Context, in *wire.RegisterRepositoryWebhookInput,
) (*wire.RegisterRepositoryWebhookOutput, error) {
	return call[wire.RegisterRepositoryWebhookOutput](ctx, c, "RegisterRepositoryWebhook", in)
}

// ProposeDeploymentFile opens a pull request that adds a deployment file.
func (c *Client) ProposeDeploymentFile(
	ctx context.Context, in *wire.ProposeDeploymentFileInput,
) (*wire.ProposeDeploymentFileOutput, error) {
	return call[wire.ProposeDeploymentFileOutput](ctx, c, "ProposeDeploymentFile", in)
}

// CreateSignedSyncConfiguration creates a sync configuration together with its
// signature policy.
func (c *Client) CreateSignedSyncConfiguration(
	ctx context.Context, in *wire.CreateSignedSyncConfigurationInput,
) (*wire.CreateSignedSyncConfigurationOutput, error) {
	return call[wire.CreateSignedSyncConfigurationOutput](ctx, c, "CreateSignedSyncConfiguration", in)
}

// PutSignaturePolicy creates or replaces the signature policy of a resource.
func (c *Client) PutSignaturePolicy(
	ctx context.Context, in *wire.PutSignaturePolicyInput,
) (*wire.PutSignaturePolicyOutput, error) {
	return call[wire.PutSignaturePolicyOutput](ctx, c, "PutSignaturePolicy", in)
}

// GetSignaturePolicy returns the signature policy of a resource.
func (c *Client) GetSignaturePolicy(
	ctx context.Context, in *wire.GetSignaturePolicyInput,
) (*wire.GetSignaturePolicyOutput, error) {
	return call[wire.GetSignaturePolicyOutput](ctx, c, "GetSignaturePolicy", in)
}

// ListSignaturePolicies returns a page of the signature policies.
func (c *Client) ListSignaturePolicies(
	ctx context.Context, in *wire.ListSignaturePoliciesInput,
) (*wire.ListSignaturePoliciesOutput, error) {
	return call[wire.ListSignaturePoliciesOutput](ctx, c, "ListSignaturePolicies", in)
}

// DeleteSignaturePolicy deletes the signature policy of a resource.
func (c *Client) DeleteSignaturePolicy(
	ctx context.Context, in *wire.DeleteSignaturePolicyInput,
) (*wire.DeleteSignaturePolicyOutput, error) {
	return call[wire.DeleteSignaturePolicyOutput](ctx, c, "DeleteSignaturePolicy", in)
}

// GetResourceSyncAttempt returns an attempt with its plan and events.
func (c *Client) GetResourceSyncAttempt(
	ctx context.Context, in *wire.GetResourceSyncAttemptInput,
) (*wire.GetResourceSyncAttemptOutput, error) {
	return call[wire.GetResourceSyncAttemptOutput](ctx, c, "GetResourceSyncAttempt", in)
}

// GetResourceHealth returns the health of a resource.
func (c *Client) GetResourceHealth(
	ctx context.Context, in *wire.GetResourceHealthInput,
) (*wire.GetResourceHealthOutput, error) {
	return call[wire.GetResourceHealthOutput](ctx, c, "GetResourceHealth", in)
}

// GetRevisionSync returns the status of a commit for a resource.
func (c *Client) GetRevisionSync(
	ctx context.Context, in *wire.GetRevisionSyncInput,
) (*wire.GetRevisionSyncOutput, error) {
	return call[wire.GetRevisionSyncOutput](ctx, c, "GetRevisionSync", in)
}

// ListResourceSyncAttempts returns a page of a resource's attempts.
func (c *Client) ListResourceSyncAttempts(
	ctx context.Context, in *wire.ListResourceSyncAttemptsInput,
) (*wire.ListResourceSyncAttemptsOutput, error) {
	return call[wire.ListResourceSyncAttemptsOutput](ctx, c, "ListResourceSyncAttempts", in)
}

// ListResourceSyncs returns a page of the resource syncs.
func (c *Client) ListResourceSyncs(
	ctx context.Context, in *wire.ListResourceSyncsInput,
) (*wire.ListResourceSyncsOutput, error) {
	return call[wire.ListResourceSyncsOutput](ctx, c, "ListResourceSyncs", in)
}

// ListSyncBlockers returns a page of the blockers.
func (c *Client) ListSyncBlockers(
	ctx context.Context, in *wire.ListSyncBlockersInput,
) (*wire.ListSyncBlockersOutput, error) {
	return call[wire.ListSyncBlockersOutput](ctx, c, "ListSyncBlockers", in)
}

// ListSyncEvents returns the events after a cursor.
func (c *Client) ListSyncEvents(
	ctx context.Context, in *wire.ListSyncEventsInput,
) (*wire.ListSyncEventsOutput, error) {
	return call[wire.ListSyncEventsOutput](ctx, c, "ListSyncEvents", in)
}

// StartRepositorySync starts a repository sync of a branch.
func (c *Client) StartRepositorySync(
	ctx context.Context, in *wire.StartRepositorySyncInput,
) (*wire.StartRepositorySyncOutput, error) {
	return call[wire.StartRepositorySyncOutput](ctx, c, "StartRepositorySync", in)
}

// StartResourceSync starts a resource sync to the head of the branch, or to a
// commit.
func (c *Client) StartResourceSync(
	ctx context.Context, in *wire.StartResourceSyncInput,
) (*wire.StartResourceSyncOutput, error) {
	return call[wire.StartResourceSyncOutput](ctx, c, "StartResourceSync", in)
}
