package client

import (
	"context"

	"github.com/lockstephq/lockstep/internal/wire"
)

// CompleteConnection gives a connection its credential.
func (c *Client) CompleteConnection(ctx context.Context, in *wire.CompleteConnectionInput) (*wire.CompleteConnectionOutput, error) {
	return call[wire.CompleteConnectionInput, wire.CompleteConnectionOutput](ctx, c, "CompleteConnection", in)
}

// StartConnectionHandshake sends a person to a Git host, to let an application in.
func (c *Client) StartConnectionHandshake(ctx context.Context, in *wire.StartConnectionHandshakeInput) (*wire.StartConnectionHandshakeOutput, error) {
	return call[wire.StartConnectionHandshakeInput, wire.StartConnectionHandshakeOutput](ctx, c, "StartConnectionHandshake", in)
}

// GetConnectionHandshake says where the handshake of a connection stands.
func (c *Client) GetConnectionHandshake(ctx context.Context, in *wire.GetConnectionHandshakeInput) (*wire.GetConnectionHandshakeOutput, error) {
	return call[wire.GetConnectionHandshakeInput, wire.GetConnectionHandshakeOutput](ctx, c, "GetConnectionHandshake", in)
}

// PutHostCertificate says which certificate a host is known by.
func (c *Client) PutHostCertificate(ctx context.Context, in *wire.PutHostCertificateInput) (*wire.PutHostCertificateOutput, error) {
	return call[wire.PutHostCertificateInput, wire.PutHostCertificateOutput](ctx, c, "PutHostCertificate", in)
}

// GetResourceSyncAttempt reads one attempt whole, with its plan.
func (c *Client) GetResourceSyncAttempt(ctx context.Context, in *wire.GetResourceSyncAttemptInput) (*wire.GetResourceSyncAttemptOutput, error) {
	return call[wire.GetResourceSyncAttemptInput, wire.GetResourceSyncAttemptOutput](ctx, c, "GetResourceSyncAttempt", in)
}

// GetRevisionSync asks what has become of a commit for a resource.
func (c *Client) GetRevisionSync(ctx context.Context, in *wire.GetRevisionSyncInput) (*wire.GetRevisionSyncOutput, error) {
	return call[wire.GetRevisionSyncInput, wire.GetRevisionSyncOutput](ctx, c, "GetRevisionSync", in)
}

// ListResourceSyncAttempts reads one page of a resource's history.
func (c *Client) ListResourceSyncAttempts(ctx context.Context, in *wire.ListResourceSyncAttemptsInput) (*wire.ListResourceSyncAttemptsOutput, error) {
	return call[wire.ListResourceSyncAttemptsInput, wire.ListResourceSyncAttemptsOutput](ctx, c, "ListResourceSyncAttempts", in)
}

// ListResourceSyncs reads one page of the fleet.
func (c *Client) ListResourceSyncs(ctx context.Context, in *wire.ListResourceSyncsInput) (*wire.ListResourceSyncsOutput, error) {
	return call[wire.ListResourceSyncsInput, wire.ListResourceSyncsOutput](ctx, c, "ListResourceSyncs", in)
}

// ListSyncBlockers reads one page of the blockers of all resources.
func (c *Client) ListSyncBlockers(ctx context.Context, in *wire.ListSyncBlockersInput) (*wire.ListSyncBlockersOutput, error) {
	return call[wire.ListSyncBlockersInput, wire.ListSyncBlockersOutput](ctx, c, "ListSyncBlockers", in)
}

// ListSyncEvents reads what happened since a cursor.
func (c *Client) ListSyncEvents(ctx context.Context, in *wire.ListSyncEventsInput) (*wire.ListSyncEventsOutput, error) {
	return call[wire.ListSyncEventsInput, wire.ListSyncEventsOutput](ctx, c, "ListSyncEvents", in)
}

// StartRepositorySync asks for a branch to be polled now.
func (c *Client) StartRepositorySync(ctx context.Context, in *wire.StartRepositorySyncInput) (*wire.StartRepositorySyncOutput, error) {
	return call[wire.StartRepositorySyncInput, wire.StartRepositorySyncOutput](ctx, c, "StartRepositorySync", in)
}

// StartResourceSync asks for a resource's branch's head, or a given commit, to
// be tried again now.
func (c *Client) StartResourceSync(ctx context.Context, in *wire.StartResourceSyncInput) (*wire.StartResourceSyncOutput, error) {
	return call[wire.StartResourceSyncInput, wire.StartResourceSyncOutput](ctx, c, "StartResourceSync", in)
}
