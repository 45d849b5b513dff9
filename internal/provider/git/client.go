package git

import (
	"context"

	"github.com/lockstephq/lockstep"
	"github.com/lockstephq/lockstep/internal/provider"
	"github.com/lockstephq/lockstep/internal/provider/gitremote"
)

// A client reads one repository by Git, and calls the API for everything else if the server is
// Gitea or Forgejo.
type client struct {
	*gitremote.Client
	endpoint string
	api      *gitea // nil if the server cannot have one
}

var (
	_ provider.StatusReporter   = (*client)(nil)
	_ provider.Commenter        = (*client)(nil)
	_ provider.PullRequester    = (*client)(nil)
	_ provider.WebhookRegistrar = (*client)(nil)
)

// requireAPI returns the API. The error is Invalid with [provider.ErrUnsupported] if the server
// has none.
func (c *client) requireAPI(ctx context.Context) (*gitea, error) {
	if c.api != nil {
		isGitea, err := c.api.isGitea(ctx)
		if err != nil {
			return nil, err
		}
		if isGitea {
			return c.api, nil
		}
	}

	return nil, lockstep.Wrapf(lockstep.Invalid, provider.ErrUnsupported,
		"%s is neither Gitea nor Forgejo: a plain Git server has no API for this.", c.endpoint)
}
