package client

import (
	"context"

	"github.com/lockstephq/lockstep/internal/wire"
)

// PutRepositoryWebhook makes a link's webhook or replaces its secret, which is in
// the answer, this once.
func (c *Client) PutRepositoryWebhook(ctx context.Context, in *wire.PutRepositoryWebhookInput) (*wire.PutRepositoryWebhookOutput, error) {
	return call[wire.PutRepositoryWebhookInput, wire.PutRepositoryWebhookOutput](ctx, c, "PutRepositoryWebhook", in)
}

// GetRepositoryWebhook reads a link's webhook, without its secret.
func (c *Client) GetRepositoryWebhook(ctx context.Context, in *wire.GetRepositoryWebhookInput) (*wire.GetRepositoryWebhookOutput, error) {
	return call[wire.GetRepositoryWebhookInput, wire.GetRepositoryWebhookOutput](ctx, c, "GetRepositoryWebhook", in)
}

// DeleteRepositoryWebhook deletes a link's webhook.
func (c *Client) DeleteRepositoryWebhook(ctx context.Context, in *wire.DeleteRepositoryWebhookInput) (*wire.DeleteRepositoryWebhookOutput, error) {
	return call[wire.DeleteRepositoryWebhookInput, wire.DeleteRepositoryWebhookOutput](ctx, c, "DeleteRepositoryWebhook", in)
}

// RegisterRepositoryWebhook makes a link's webhook and has the Git host call it.
func (c *Client) RegisterRepositoryWebhook(ctx context.Context, in *wire.RegisterRepositoryWebhookInput) (*wire.RegisterRepositoryWebhookOutput, error) {
	return call[wire.RegisterRepositoryWebhookInput, wire.RegisterRepositoryWebhookOutput](ctx, c, "RegisterRepositoryWebhook", in)
}
