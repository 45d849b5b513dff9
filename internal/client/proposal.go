package client

import (
	"context"

	"github.com/lockstephq/lockstep/internal/wire"
)

// ProposeDeploymentFile opens a pull request that adds a deployment file.
func (c *Client) ProposeDeploymentFile(ctx context.Context, in *wire.ProposeDeploymentFileInput) (*wire.ProposeDeploymentFileOutput, error) {
	return call[wire.ProposeDeploymentFileInput, wire.ProposeDeploymentFileOutput](ctx, c, "ProposeDeploymentFile", in)
}
