package git

import (
	"context"
	"encoding/base64"
	"encoding/json"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"

	"github.com/lockstephq/lockstep"
	"github.com/lockstephq/lockstep/internal/gitwire/transport"
	"github.com/lockstephq/lockstep/internal/provider"
	"github.com/lockstephq/lockstep/internal/provider/gitremote"
	"github.com/lockstephq/lockstep/internal/provider/rest"
)

// A client reads one repository, and reports to it where its server is Gitea or
// Forgejo: what the two do alike is one API.
type client struct {
	*gitremote.Client
	endpoint string
	forge    *gitea // nil where there cannot be one
}

var (
	_ provider.StatusReporter   = (*client)(nil)
	_ provider.Commenter        = (*client)(nil)
	_ provider.PullRequester    = (*client)(nil)
	_ provider.WebhookRegistrar = (*client)(nil)
	_ provider.Historian        = (*client)(nil)
)

// A gitea is the API of a server that may be Gitea or Forgejo.
type gitea struct {
	rest *rest.Client
	ask  string // the URL of the server's version
	repo string // the repository's path in the API

	turn  chan struct{} // whoever fills it may look at known
	known *bool         // nil until the server has said what it is
}

// findTime bounds the question whether a server is Gitea.
const findTime = 10 * time.Second

// newGitea gives the API that a server of HTTP may have. Nothing is asked yet. It
// is nil for other endpoints, and for paths that are no OWNER/REPOSITORY: Gitea
// has no others.
func newGitea(endpoint, path string, network *transport.Network, c lockstep.Credential) *gitea {
	if !strings.HasPrefix(endpoint, "https://") && !strings.HasPrefix(endpoint, "http://") {
		return nil
	}

	owner, name, ok := strings.Cut(strings.TrimSuffix(path, ".git"), "/")
	if !ok || owner == "" || name == "" || strings.Contains(name, "/") {
		return nil
	}

	value := ""
	switch c.Kind {
	case lockstep.TokenCredential:
		value = "token " + c.Secret
	case lockstep.BasicCredential:
		value = "Basic " + base64.StdEncoding.EncodeToString([]byte(c.Username+":"+c.Secret))
	}

	api, err := rest.New(rest.Options{Base: endpoint + "/api/v1", Network: network, Authorize: func(_ context.Context, h http.Header) error {
		if value != "" {
			h.Set("Authorization", value)
		}
		return nil
	}})
	if err != nil {
		return nil // what is wrong with the endpoint is said where it is read
	}

	return &gitea{
		rest: api, ask: endpoint + "/api/v1/version", turn: make(chan struct{}, 1),
		repo: "/repos/" + url.PathEscape(owner) + "/" + url.PathEscape(name),
	}
}

// api gives the API. Invalid, with provider.ErrNoAbility behind it, where the
// server has none.
func (c *client) api(ctx context.Context) (*gitea, error) {
	if c.forge != nil {
		found, err := c.forge.found(ctx)
		if err != nil {
			return nil, err
		}
		if found {
			return c.forge, nil
		}
	}
	return nil, lockstep.Wrapf(lockstep.Invalid, provider.ErrNoAbility,
		"%s is not known to be Gitea or Forgejo: a Git server alone has no place for reports.", c.endpoint)
}

// found says whether the server is Gitea or Forgejo. It is asked once, however
// many want to know; where it could not answer, again the next time.
func (g *gitea) found(ctx context.Context) (bool, error) {
	select {
	case g.turn <- struct{}{}:
		defer func() { <-g.turn }()
	case <-ctx.Done():
		return false, gitremote.Translate(ctx.Err())
	}

	if g.known != nil {
		return *g.known, nil
	}

	ctx, cancel := context.WithTimeout(ctx, findTime)
	defer cancel()

	req, err := http.NewRequestWithContext(ctx, http.MethodGet, g.ask, nil)
	if err != nil {
		return false, err
	}

	resp, err := g.rest.HTTP().Do(req)
	if err != nil {
		return false, g.rest.Failed(nil, err, "")
	}
	defer resp.Body.Close()

	refused := g.rest.Refused(resp, "")
	if resp.StatusCode == http.StatusUnauthorized || resp.StatusCode/100 != 2 && lockstep.KindOf(refused) == lockstep.Unavailable {
		return false, refused // a private server, or one that is down, may be either
	}

	var is struct {
		Version string `json:"version"`
	}
	known := resp.StatusCode == http.StatusOK && json.NewDecoder(resp.Body).Decode(&is) == nil && is.Version != ""
	g.known = &known

	return known, nil
}

const (
	pageSize = 50 // a server may give fewer
	maxPages = 20
)

// giteaList reads a list until a page has nothing new.
func giteaList[T any](ctx context.Context, g *gitea, path string, query url.Values) ([]T, error) {
	var all []T
	query.Set("limit", strconv.Itoa(pageSize))
	for n := 1; n <= maxPages; n++ {
		query.Set("page", strconv.Itoa(n))
		var page []T
		header, err := g.rest.Do(ctx, http.MethodGet, path+"?"+query.Encode(), nil, &page)
		if err != nil {
			return nil, err
		}

		all = append(all, page...)
		total, err := strconv.Atoi(header.Get("X-Total-Count"))
		if len(page) == 0 || err == nil && len(all) >= total {
			break
		}
	}

	return all, nil
}
