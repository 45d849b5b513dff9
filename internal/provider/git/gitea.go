package git

import (
	"context"
	"encoding/json"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"

	"github.com/lockstephq/lockstep"
	"github.com/lockstephq/lockstep/internal/gitwire/transport"
	"github.com/lockstephq/lockstep/internal/provider/gitremote"
	"github.com/lockstephq/lockstep/internal/provider/rest"
)

// A gitea is the API of a server that may be Gitea or Forgejo.
type gitea struct {
	rest *rest.Client
	repo string // the repository's path in the API

	lock  chan struct{} // guards known; a channel, so that waiting ends with a context
	known *bool         // nil until the server has answered
}

// versionTimeout bounds the request that finds out whether a server is Gitea.
const versionTimeout = 10 * time.Second

// newGitea returns the API that a server may have. It makes no request. It returns nil if the
// endpoint is not HTTP, or the path is not OWNER/REPOSITORY, the only form that Gitea has.
func newGitea(endpoint, path string, network *transport.Network, credential lockstep.Credential) *gitea {
	if !isHTTP(endpoint) {
		return nil
	}

	owner, name, ok := strings.Cut(strings.TrimSuffix(path, ".git"), "/")
	if !ok || owner == "" || name == "" || strings.Contains(name, "/") {
		return nil
	}

	calls, err := rest.New(rest.Options{
		Base:      endpoint + "/api/v1",
		Network:   network,
		Authorize: rest.Authorization(authorizationOf(credential)),
	})
	if err != nil {
		return nil // reading the repository reports what is wrong with the endpoint
	}

	return &gitea{
		rest: calls,
		repo: "/repos/" + url.PathEscape(owner) + "/" + url.PathEscape(name),
		lock: make(chan struct{}, 1),
	}
}

// isHTTP reports whether a server at an endpoint can have an API.
func isHTTP(endpoint string) bool {
	return strings.HasPrefix(endpoint, "https://") || strings.HasPrefix(endpoint, "http://")
}

// authorizationOf returns the header with which Gitea takes a credential; "" if it takes none of
// its kind.
func authorizationOf(credential lockstep.Credential) string {
	switch credential.Kind {
	case lockstep.TokenCredential:
		return "token " + credential.Secret
	case lockstep.BasicCredential:
		return rest.BasicValue(credential.Username, credential.Secret)
	}
	return ""
}

// isGitea reports whether the server is Gitea or Forgejo. It asks the server once for all callers,
// and again after an error.
func (g *gitea) isGitea(ctx context.Context) (bool, error) {
	select {
	case g.lock <- struct{}{}:
		defer func() { <-g.lock }()
	case <-ctx.Done():
		return false, gitremote.Translate(ctx.Err())
	}

	if g.known != nil {
		return *g.known, nil
	}

	ctx, cancel := context.WithTimeout(ctx, versionTimeout)
	defer cancel()

	req, err := g.rest.NewRequest(ctx, http.MethodGet, "/version", nil)
	if err != nil {
		return false, err
	}

	resp, err := g.rest.HTTP().Do(req)
	if err != nil {
		return false, g.rest.TransportError(nil, err, "")
	}
	defer resp.Body.Close()

	refusal := g.rest.ResponseError(resp, "")
	if resp.StatusCode == http.StatusUnauthorized || resp.StatusCode/100 != 2 &&
		lockstep.KindOf(refusal) == lockstep.Unavailable {
		return false, refusal // a private server, or one that is down, may be either
	}

	var answer struct {
		Version string `json:"version"`
	}
	known := resp.StatusCode == http.StatusOK && json.NewDecoder(resp.Body).Decode(&answer) == nil &&
		answer.Version != ""
	g.known = &known

	return known, nil
}

const (
	pageSize = 50 // a server may return fewer
	maxPages = 20
)

// list reads all pages of a list, at most maxPages.
func list[T any](ctx context.Context, gitea *gitea, path string, query url.Values) ([]T, error) {
	var all []T
	query.Set("limit", strconv.Itoa(pageSize))
	for number := 1; number <= maxPages; number++ {
		query.Set("page", strconv.Itoa(number))
		var page []T
		header, err := gitea.rest.Do(ctx, http.MethodGet, path+"?"+query.Encode(), nil, &page)
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
