// Package bitbucket is the driver for Bitbucket Cloud. Repositories are read by
// Git's own protocol from bitbucket.org; build statuses, pull requests, comments
// and webhooks go through the REST API of version 2.0, for which there is no
// well-kept library: the few calls are written out here.
//
// Four kinds of credentials work. TOKEN is an access token of a repository, a
// project or a workspace, which stands for no person and cannot ask who it is.
// BASIC is an Atlassian account's e-mail address with an API token, or a user
// name with an app password. OAUTH is what a person let an application have. NONE
// reads public repositories.
//
// What is told here is told the same way again after a crash: a status has a key
// that is made of its environment, a comment is found by its marker, a webhook by
// its URL. Of the host's lists a bounded number of pages is read, and a page is
// followed only to the API itself.
//
// Errors are those of the rooms gitremote and rest.
package bitbucket

import (
	"context"
	"encoding/base64"
	"net/http"
	"net/url"
	"strings"
	"sync"

	"github.com/lockstephq/lockstep"
	"github.com/lockstephq/lockstep/internal/gitwire"
	"github.com/lockstephq/lockstep/internal/gitwire/transport"
	"github.com/lockstephq/lockstep/internal/provider"
	"github.com/lockstephq/lockstep/internal/provider/gitremote"
	"github.com/lockstephq/lockstep/internal/provider/rest"
)

// Type is the provider type of the driver.
const Type lockstep.ProviderType = "Bitbucket"

// Options say where Bitbucket is.
type Options struct {
	// Network carries all requests.
	Network *transport.Network
	// API is the URL of the REST API. Defaults to https://api.bitbucket.org/2.0.
	API string
	// Git is the URL that repositories, pages and the consent of people lie below.
	// Defaults to https://bitbucket.org.
	Git string
}

// A Driver opens repositories of Bitbucket Cloud.
type Driver struct{ o Options }

var (
	_ provider.Checker    = (*Driver)(nil)
	_ provider.Authorizer = (*Driver)(nil)
)

// New makes the driver.
func New(o Options) *Driver {
	if o.API == "" {
		o.API = "https://api.bitbucket.org/2.0"
	}
	if o.Git == "" {
		o.Git = "https://bitbucket.org"
	}
	o.API, o.Git = strings.TrimRight(o.API, "/"), strings.TrimRight(o.Git, "/")
	return &Driver{o}
}

// Type gives Bitbucket.
func (d *Driver) Type() lockstep.ProviderType { return Type }

// ValidEndpoint refuses every host: there is one Bitbucket Cloud.
func ValidEndpoint(string) error {
	return lockstep.Errorf(lockstep.Invalid, "Provider type %s is Bitbucket Cloud, which has no hosts: make a connection to it without one.", Type)
}

// A client reads one repository and reports to it.
type client struct {
	*gitremote.Client
	rest *rest.Client
	base string // the API's URL
	repo string // the repository's path in the API
	page string // the repository's page for people
	kind lockstep.CredentialKind

	mu   sync.Mutex
	me   *string                 // who the credential stands for; see whoAmI
	full map[string]lockstep.SHA // by abbreviated id; see resolve
}

var (
	_ provider.StatusReporter   = (*client)(nil)
	_ provider.Commenter        = (*client)(nil)
	_ provider.PullRequester    = (*client)(nil)
	_ provider.WebhookRegistrar = (*client)(nil)
	_ provider.Historian        = (*client)(nil)
)

// Open gives a client for a repository of a workspace.
func (d *Driver) Open(r provider.Repository) (provider.Client, error) {
	if r.Host != nil {
		return nil, ValidEndpoint(r.Host.Endpoint)
	}

	workspace, slug, ok := strings.Cut(strings.TrimSuffix(r.Link.Path(), ".git"), "/")
	if !ok || workspace == "" || slug == "" || strings.Contains(slug, "/") {
		return nil, lockstep.Errorf(lockstep.Invalid, "%q is no repository of Bitbucket, whose paths are WORKSPACE/REPOSITORY.", r.Link.Path())
	}

	api, err := d.api(r.Access)
	if err != nil {
		return nil, err
	}

	path := url.PathEscape(workspace) + "/" + url.PathEscape(slug)
	c := &client{
		rest: api, base: d.o.API, repo: "/repositories/" + path, page: d.o.Git + "/" + path, kind: r.Credential.Kind,
		full: map[string]lockstep.SHA{},
	}
	o := gitwire.Options{URL: c.page + ".git", Network: d.o.Network}
	if user := gitUser(r.Credential); user != "" {
		o.Auth = transport.Basic(o.URL, user, r.Credential.Secret)
	}

	if c.Client, err = gitremote.Open(o); err != nil {
		return nil, err
	}

	return c, nil
}

// gitUser gives the user name that Git is let in with; "" where none is needed.
// Git does not take the e-mail address that the API wants with an API token.
func gitUser(c lockstep.Credential) string {
	switch c.Kind {
	case lockstep.TokenCredential, lockstep.OAuthCredential:
		return "x-token-auth"
	case lockstep.BasicCredential:
		if strings.Contains(c.Username, "@") {
			return "x-bitbucket-api-token-auth"
		}
		return c.Username
	}
	return ""
}

// api gives a client of the API with an access's credential.
func (d *Driver) api(a provider.Access) (*rest.Client, error) {
	value := ""
	switch c := a.Credential; c.Kind {
	case lockstep.TokenCredential, lockstep.OAuthCredential:
		value = "Bearer " + c.Secret
	case lockstep.BasicCredential:
		value = "Basic " + base64.StdEncoding.EncodeToString([]byte(c.Username+":"+c.Secret))
	case lockstep.NoCredential, "":
	default:
		return nil, lockstep.Errorf(lockstep.Invalid,
			"A credential of kind %s is of no use at Bitbucket: it takes TOKEN, BASIC, OAUTH and, for public repositories, NONE.", c.Kind)
	}

	return rest.New(rest.Options{Base: d.o.API, Network: d.o.Network, Authorize: func(_ context.Context, h http.Header) error {
		if value != "" {
			h.Set("Authorization", value)
		}
		return nil
	}})
}

// Authorization is where people let an application in. What it may do is chosen
// where the application is registered, and cannot be asked for.
func (d *Driver) Authorization(h *lockstep.Host) (provider.Authorization, error) {
	if h != nil {
		return provider.Authorization{}, ValidEndpoint(h.Endpoint)
	}
	return provider.Authorization{
		AuthURL: d.o.Git + "/site/oauth2/authorize", TokenURL: d.o.Git + "/site/oauth2/access_token",
	}, nil
}
