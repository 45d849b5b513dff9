package gitlab

import (
	"context"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"sync"

	"github.com/lockstephq/lockstep"
	"github.com/lockstephq/lockstep/internal/gitwire/transport"
	"github.com/lockstephq/lockstep/internal/provider"
	"github.com/lockstephq/lockstep/internal/provider/gitremote"
	"github.com/lockstephq/lockstep/internal/provider/rest"
)

// A client reads one project by Git, and calls the API for everything else.
type client struct {
	*gitremote.Client
	api     *api
	project string // its path, not escaped

	mu        sync.Mutex
	projectID int64 // 0 until known
}

var (
	_ provider.StatusReporter   = (*client)(nil)
	_ provider.Commenter        = (*client)(nil)
	_ provider.PullRequester    = (*client)(nil)
	_ provider.WebhookRegistrar = (*client)(nil)
)

// An api is GitLab's REST API with one credential.
type api struct {
	address   string // of GitLab itself
	network   *transport.Network
	rest      *rest.Client
	anonymous bool

	mu     sync.Mutex
	userID int64 // of the credential, 0 until known
}

// requireCredential returns a Denied error if the connection has no credential: GitLab
// accepts no reports without one.
func (c *client) requireCredential() error {
	if c.api.anonymous {
		return lockstep.Errorf(lockstep.Denied,
			"The connection to %s has no credential: public projects can only be read.", c.api.address)
	}
	return nil
}

// call sends in to a path of the project, and decodes the response into out; either may
// be nil. The project is named by its ID: GitLab redirects from the former path of a moved
// project, but refuses every write there. If nothing is found, another project may have taken
// the place of the one with the ID.
func (c *client) call(ctx context.Context, method, path string, in, out any) error {
	id, isNew, err := c.identify(ctx)
	if err != nil {
		return err
	}

	_, err = c.api.rest.Do(ctx, method, "/projects/"+id+path, in, out)
	if lockstep.KindOf(err) != lockstep.NotFound || isNew {
		return err
	}

	c.mu.Lock()
	c.projectID = 0
	c.mu.Unlock()

	current, _, resolveErr := c.identify(ctx)
	if resolveErr != nil || current == id {
		return err
	}

	_, err = c.api.rest.Do(ctx, method, "/projects/"+current+path, in, out)
	return err
}

// identify returns the project's ID, as paths of the API have it. It asks GitLab once; isNew is
// true if it did so now. A credential that may not read projects names the project by its path.
func (c *client) identify(ctx context.Context) (id string, isNew bool, err error) {
	c.mu.Lock()
	known := c.projectID
	c.mu.Unlock()

	if known != 0 {
		return strconv.FormatInt(known, 10), false, nil
	}

	var found struct {
		ID int64 `json:"id"`
	}
	_, err = c.api.rest.Do(ctx, http.MethodGet, "/projects/"+escape(c.project), nil, &found)
	if lockstep.KindOf(err) == lockstep.Denied || err == nil && found.ID == 0 {
		return escape(c.project), true, nil
	}
	if err != nil {
		return "", true, err
	}

	c.mu.Lock()
	defer c.mu.Unlock()

	c.projectID = found.ID
	return strconv.FormatInt(found.ID, 10), true, nil
}

// escape escapes a name as one element of a path. Dots are escaped too, because GitLab
// takes an ending such as .json for a format.
func escape(name string) string { return strings.ReplaceAll(url.PathEscape(name), ".", "%2E") }

const (
	pageSize = 100 // GitLab's largest
	maxPages = 10  // of notes, and of webhooks
)

// page returns the query for a page of a list, from 1 on; pairs are further names and
// values.
func page(number int, pairs ...string) string {
	query := url.Values{"per_page": {strconv.Itoa(pageSize)}, "page": {strconv.Itoa(number)}}
	for i := 0; i+1 < len(pairs); i += 2 {
		query.Set(pairs[i], pairs[i+1])
	}
	return "?" + query.Encode()
}

// A user is a person, or the user that GitLab creates for a project or group token.
type user struct {
	ID int64 `json:"id"`
}

// self returns the ID of the credential's user.
func (a *api) self(ctx context.Context) (int64, error) {
	a.mu.Lock()
	defer a.mu.Unlock()

	if a.userID != 0 {
		return a.userID, nil
	}

	var found user
	if _, err := a.rest.Do(ctx, http.MethodGet, "/user", nil, &found); err != nil {
		return 0, err
	}
	if found.ID == 0 {
		return 0, lockstep.Errorf(lockstep.Unavailable, "%s did not say whose the credential is.", a.address)
	}

	a.userID = found.ID
	return a.userID, nil
}
