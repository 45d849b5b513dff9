package bitbucket

import (
	"context"
	"net/http"
	"sync"

	"github.com/lockstephq/lockstep"
	"github.com/lockstephq/lockstep/internal/provider"
	"github.com/lockstephq/lockstep/internal/provider/gitremote"
	"github.com/lockstephq/lockstep/internal/provider/rest"
)

// A client reads one repository by Git, and calls the API for everything else.
type client struct {
	*gitremote.Client
	rest *rest.Client
	repo string // the repository's path in the API
	page string // the repository's page for people
	kind lockstep.CredentialKind

	mu     sync.Mutex
	userID *string                 // UUID of the credential's user; see self
	full   map[string]lockstep.SHA // by abbreviated ID; see resolve
}

var (
	_ provider.StatusReporter   = (*client)(nil)
	_ provider.Commenter        = (*client)(nil)
	_ provider.PullRequester    = (*client)(nil)
	_ provider.WebhookRegistrar = (*client)(nil)
)

// An account is a user, or what an access token belongs to.
type account struct {
	UUID string `json:"uuid"`
	Type string `json:"type"`
}

// self returns the UUID of the credential's user; "" if it has none or may not ask.
func (c *client) self(ctx context.Context) (string, error) {
	c.mu.Lock()
	self := c.userID
	c.mu.Unlock()

	if self != nil {
		return *self, nil
	}

	var found account
	_, err := c.rest.Do(ctx, http.MethodGet, "/user", nil, &found)
	if kind := lockstep.KindOf(err); err != nil && kind != lockstep.Denied && kind != lockstep.NotFound {
		return "", err
	}

	c.mu.Lock()
	defer c.mu.Unlock()

	c.userID = &found.UUID
	return found.UUID, nil
}

// A page is a part of a list. Next is the URL of the next one, "" for the last.
type page[T any] struct {
	Values []T    `json:"values"`
	Next   string `json:"next"`
}

// maxPages bounds how much of a list is read.
const maxPages = 40

// list reads a list from its first page, at most limit elements. A next page at another
// origin than the API's is an error, and no request is sent there.
func list[T any](ctx context.Context, api *rest.Client, path string, limit int) ([]T, error) {
	var current page[T]
	if _, err := api.Do(ctx, http.MethodGet, path, nil, &current); err != nil {
		return nil, err
	}

	all := current.Values
	for number := 1; current.Next != "" && len(all) < limit && number < maxPages; number++ {
		req, err := http.NewRequestWithContext(ctx, http.MethodGet, current.Next, nil)
		if err != nil {
			return nil, lockstep.Errorf(lockstep.Unavailable,
				"The next page of a list of Bitbucket's has no valid URL.")
		}

		req.Header.Set("Accept", "application/json")
		current = page[T]{}
		if _, err := api.Send(req, &current); err != nil {
			return nil, err
		}

		all = append(all, current.Values...)
	}

	return all[:min(len(all), limit)], nil
}
