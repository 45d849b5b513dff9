package client

import (
	"context"
	"slices"

	"github.com/lockstephq/lockstep/internal/wire"
)

// CompleteConnection gives a connection its credential.
func (c *Client) CompleteConnection(ctx context.Context, in *wire.CompleteConnectionInput) (*wire.CompleteConnectionOutput, error) {
	return call[wire.CompleteConnectionInput, wire.CompleteConnectionOutput](ctx, c, "CompleteConnection", in)
}

// GetRevisionSync asks what has become of a commit for a resource.
func (c *Client) GetRevisionSync(ctx context.Context, in *wire.GetRevisionSyncInput) (*wire.GetRevisionSyncOutput, error) {
	return call[wire.GetRevisionSyncInput, wire.GetRevisionSyncOutput](ctx, c, "GetRevisionSync", in)
}

// ListResourceSyncs reads one page of the fleet.
func (c *Client) ListResourceSyncs(ctx context.Context, in *wire.ListResourceSyncsInput) (*wire.ListResourceSyncsOutput, error) {
	return call[wire.ListResourceSyncsInput, wire.ListResourceSyncsOutput](ctx, c, "ListResourceSyncs", in)
}

// ListSyncEvents reads what happened since a cursor.
func (c *Client) ListSyncEvents(ctx context.Context, in *wire.ListSyncEventsInput) (*wire.ListSyncEventsOutput, error) {
	return call[wire.ListSyncEventsInput, wire.ListSyncEventsOutput](ctx, c, "ListSyncEvents", in)
}

// StartRepositorySync asks for a branch to be polled now.
func (c *Client) StartRepositorySync(ctx context.Context, in *wire.StartRepositorySyncInput) (*wire.StartRepositorySyncOutput, error) {
	return call[wire.StartRepositorySyncInput, wire.StartRepositorySyncOutput](ctx, c, "StartRepositorySync", in)
}

// StartResourceSync asks for a resource's branch's head to be tried again now.
func (c *Client) StartResourceSync(ctx context.Context, in *wire.StartResourceSyncInput) (*wire.StartResourceSyncOutput, error) {
	return call[wire.StartResourceSyncInput, wire.StartResourceSyncOutput](ctx, c, "StartResourceSync", in)
}

// ResourceSyncs reads the whole fleet, page by page.
func (c *Client) ResourceSyncs(ctx context.Context) ([]wire.ResourceSyncSummary, error) {
	size := 100
	in := &wire.ListResourceSyncsInput{MaxResults: &size}
	var all []wire.ResourceSyncSummary
	for {
		out, err := c.ListResourceSyncs(ctx, in)
		if err != nil {
			return nil, err
		}
		all = slices.Concat(all, out.ResourceSyncs)
		if out.NextToken == "" {
			return all, nil
		}
		in.NextToken = out.NextToken
	}
}
