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
	"github.com/lockstephq/lockstep/internal/provider/rest"
)

// An api is a GitLab's REST API, called with one credential.
type api struct {
	address string // of GitLab itself
	network *transport.Network
	rest    *rest.Client
	kind    lockstep.CredentialKind

	mu sync.Mutex
	me int64 // the user that the credential is of; 0 until it was asked for
}

// api prepares calls to where an access leads. An access token is sent as a
// Bearer, as GitLab takes those of all kinds.
func (d *Driver) api(a provider.Access) (*api, error) {
	address, err := d.address(a.Host)
	if err != nil {
		return nil, err
	}

	network, err := d.network(a.Host)
	if err != nil {
		return nil, err
	}

	o := rest.Options{Base: address + "/api/v4", Network: network}
	switch secret := a.Credential.Secret; a.Credential.Kind {
	case lockstep.NoCredential, "":
	case lockstep.BasicCredential, lockstep.TokenCredential, lockstep.OAuthCredential:
		o.Authorize = func(_ context.Context, h http.Header) error {
			h.Set("Authorization", "Bearer "+secret)
			return nil
		}

	default:
		return nil, lockstep.Errorf(lockstep.Invalid, "A credential of kind %s is of no use at GitLab, which is reached over HTTP: give an access token.", a.Credential.Kind)
	}

	client, err := rest.New(o)
	if err != nil {
		return nil, err
	}

	return &api{address: address, network: network, rest: client, kind: a.Credential.Kind}, nil
}

// anonymous says that there is no credential.
func (a *api) anonymous() bool { return a.kind == lockstep.NoCredential || a.kind == "" }

// able is Denied where there is no credential: GitLab lets nobody report, and
// knows nobody's comments, without.
func (c *Client) able() error {
	if c.api.anonymous() {
		return lockstep.Errorf(lockstep.Denied, "The connection to %s holds no credential: it can read what is public there, and nothing else.", c.api.address)
	}
	return nil
}

// call sends in to a path below the project, and reads the answer into out; either
// may be nil.
func (c *Client) call(ctx context.Context, method, path string, in, out any) error {
	_, err := c.api.rest.Do(ctx, method, "/projects/"+escape(c.project)+path, in, out)
	return err
}

// escape makes one part of a path of a name. A dot is escaped too: an ending such
// as .json would be taken for the format that is asked for.
func escape(name string) string { return strings.ReplaceAll(url.PathEscape(name), ".", "%2E") }

const (
	pageSize = 100 // the largest that GitLab gives
	maxPages = 10  // of notes, and of webhooks
)

// page gives the query for a page of a list, from 1 on; pairs are further names
// and values.
func page(n int, pairs ...string) string {
	q := url.Values{"per_page": {strconv.Itoa(pageSize)}, "page": {strconv.Itoa(n)}}
	for i := 0; i+1 < len(pairs); i += 2 {
		q.Set(pairs[i], pairs[i+1])
	}
	return "?" + q.Encode()
}

// A user is a person, or what GitLab makes for the token of a project or group.
type user struct {
	ID int64 `json:"id"`
}

// self gives the id of the user that the credential is of.
func (a *api) self(ctx context.Context) (int64, error) {
	a.mu.Lock()
	defer a.mu.Unlock()

	if a.me != 0 {
		return a.me, nil
	}

	var u user
	if _, err := a.rest.Do(ctx, http.MethodGet, "/user", nil, &u); err != nil {
		return 0, err
	}
	if u.ID == 0 {
		return 0, lockstep.Errorf(lockstep.Unavailable, "%s does not say whose the credential is.", a.address)
	}

	a.me = u.ID
	return a.me, nil
}
