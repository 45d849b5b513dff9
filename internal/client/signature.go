package client

import (
	"context"

	"github.com/lockstephq/lockstep/internal/wire"
)

// CreateSignedSyncConfiguration makes a sync configuration whose commits must be
// signed from the first on.
func (c *Client) CreateSignedSyncConfiguration(ctx context.Context, in *wire.CreateSignedSyncConfigurationInput) (*wire.CreateSignedSyncConfigurationOutput, error) {
	return call[wire.CreateSignedSyncConfigurationInput, wire.CreateSignedSyncConfigurationOutput](ctx, c, "CreateSignedSyncConfiguration", in)
}

// PutSignaturePolicy says who may sign the commits of a resource.
func (c *Client) PutSignaturePolicy(ctx context.Context, in *wire.PutSignaturePolicyInput) (*wire.PutSignaturePolicyOutput, error) {
	return call[wire.PutSignaturePolicyInput, wire.PutSignaturePolicyOutput](ctx, c, "PutSignaturePolicy", in)
}

// GetSignaturePolicy reads who may.
func (c *Client) GetSignaturePolicy(ctx context.Context, in *wire.GetSignaturePolicyInput) (*wire.GetSignaturePolicyOutput, error) {
	return call[wire.GetSignaturePolicyInput, wire.GetSignaturePolicyOutput](ctx, c, "GetSignaturePolicy", in)
}

// ListSignaturePolicies reads one page of who may for all resources.
func (c *Client) ListSignaturePolicies(ctx context.Context, in *wire.ListSignaturePoliciesInput) (*wire.ListSignaturePoliciesOutput, error) {
	return call[wire.ListSignaturePoliciesInput, wire.ListSignaturePoliciesOutput](ctx, c, "ListSignaturePolicies", in)
}

// DeleteSignaturePolicy lets all commits be synced.
func (c *Client) DeleteSignaturePolicy(ctx context.Context, in *wire.DeleteSignaturePolicyInput) (*wire.DeleteSignaturePolicyOutput, error) {
	return call[wire.DeleteSignaturePolicyInput, wire.DeleteSignaturePolicyOutput](ctx, c, "DeleteSignaturePolicy", in)
}
