// Package azuredevops is the driver for Azure DevOps: dev.azure.com, and Azure
// DevOps Servers, which are hosts with an endpoint such as
// https://devops.example.com/tfs.
//
// A link's owner is ORGANIZATION/PROJECT, at a server COLLECTION/PROJECT. An owner
// without a slash is the organization alone, and the project has the repository's
// name: that is Azure's own short form, https://dev.azure.com/fabrikam/_git/web.
//
// Reading is Git's own protocol, in version 0, which is all that Azure speaks. The
// rest is version 7.1 of the REST API, so that a server has to be 2022.1 or later.
// Credentials serve both: a personal access token or a password by basic
// authentication, an access token of Microsoft Entra (OAUTH) as a bearer token.
// Without a credential public projects can be read, and nothing else is allowed.
//
// Azure answers a credential that it does not know with a page to sign in at, by
// 203, 302 or an HTML page; all of them are Denied here.
//
// There is no provider.Checker. A personal access token is for one organization,
// which only a link names, and what could be asked without one, the profile of
// whoever owns the token, refuses tokens that are for code alone.
//
// Errors are those of gitremote and rest.
package azuredevops

import (
	"context"
	"encoding/base64"
	"net/http"
	"net/url"
	"strings"

	"github.com/lockstephq/lockstep"
	"github.com/lockstephq/lockstep/internal/gitwire"
	"github.com/lockstephq/lockstep/internal/gitwire/transport"
	"github.com/lockstephq/lockstep/internal/provider"
	"github.com/lockstephq/lockstep/internal/provider/gitremote"
	"github.com/lockstephq/lockstep/internal/provider/rest"
)

// Type is the provider type of the driver.
const Type lockstep.ProviderType = "AzureDevOps"

// Options say what the driver reaches.
type Options struct {
	// Network carries the requests of all repositories.
	Network *transport.Network
	// URL is where connections without a host are. Defaults to
	// https://dev.azure.com.
	URL string
}

// A Driver opens repositories of Azure DevOps.
type Driver struct{ o Options }

var _ provider.Authorizer = (*Driver)(nil)

// New makes the driver.
func New(o Options) *Driver {
	if o.URL == "" {
		o.URL = "https://dev.azure.com"
	}
	o.URL = strings.TrimRight(o.URL, "/")
	return &Driver{o}
}

// Type gives AzureDevOps.
func (d *Driver) Type() lockstep.ProviderType { return Type }

// ValidEndpoint says what is wrong with the endpoint of an Azure DevOps Server.
func ValidEndpoint(endpoint string) error {
	u, err := url.Parse(endpoint)
	switch {
	case err != nil:
		return lockstep.Errorf(lockstep.Invalid, "The endpoint is not a URL.")
	case u.User != nil:
		return lockstep.Errorf(lockstep.Invalid, "The endpoint has a user name or password. Credentials belong to a connection.")
	case (u.Scheme == "https" || u.Scheme == "http") && u.Host != "" && u.RawQuery == "" && u.Fragment == "":
		return nil
	}
	return lockstep.Errorf(lockstep.Invalid, "The endpoint %s is not https://HOST or http://HOST, with a path at most.", endpoint)
}

// Authorization gives Microsoft Entra's places, for accounts of any organization.
// A server has no such thing, so that its tokens are made by hand.
func (d *Driver) Authorization(h *lockstep.Host) (provider.Authorization, error) {
	if h != nil && !strings.EqualFold(strings.TrimRight(h.Endpoint, "/"), d.o.URL) {
		return provider.Authorization{}, lockstep.Errorf(lockstep.Invalid,
			"%s is an Azure DevOps Server, which lets no applications in. Use a personal access token.", h.Endpoint)
	}
	const entra = "https://login.microsoftonline.com/organizations/oauth2/v2.0/"
	return provider.Authorization{
		AuthURL:  entra + "authorize",
		TokenURL: entra + "token",
		// The id is that of Azure DevOps, in all of Entra.
		Scopes: []string{"499b84ac-1321-427f-aa17-267ca6975798/.default", "offline_access"},
	}, nil
}

// Open gives a client for one repository.
func (d *Driver) Open(r provider.Repository) (provider.Client, error) {
	base, network, err := d.reach(r.Host)
	if err != nil {
		return nil, err
	}

	at, err := locate(base, r.Link)
	if err != nil {
		return nil, err
	}

	auth, header, err := shown(at.web(), r.Credential)
	if err != nil {
		return nil, err
	}

	api, err := rest.New(rest.Options{Base: base, Network: network, Authorize: func(_ context.Context, h http.Header) error {
		h.Set("Authorization", header)
		h.Set("X-TFS-FedAuthRedirect", "Suppress") // 401 rather than the way to sign in
		return nil
	}})
	if err != nil {
		return nil, err
	}

	remote, err := gitremote.Open(gitwire.Options{URL: at.web(), Network: network, Auth: auth})
	if err != nil {
		return nil, err
	}

	return &Client{Client: remote, api: api, at: at, anonymous: header == ""}, nil
}

// reach says where a host is, and what carries requests to it.
func (d *Driver) reach(h *lockstep.Host) (base string, network *transport.Network, err error) {
	if h == nil {
		return d.o.URL, d.o.Network, nil
	}
	if err := ValidEndpoint(h.Endpoint); err != nil {
		return "", nil, err
	}
	if network, err = d.o.Network.Trusting(h.Certificate()); err != nil {
		return "", nil, gitremote.Translate(err)
	}
	return strings.TrimRight(h.Endpoint, "/"), network, nil
}

// shown gives a credential as Git shows it, and as the API does: "" is not at
// all.
func shown(origin string, c lockstep.Credential) (transport.Auth, string, error) {
	basic := func(user string) (transport.Auth, string, error) {
		both := base64.StdEncoding.EncodeToString([]byte(user + ":" + c.Secret))
		return transport.Basic(origin, user, c.Secret), "Basic " + both, nil
	}
	switch c.Kind {
	case lockstep.NoCredential:
		return transport.Auth{}, "", nil
	case lockstep.TokenCredential:
		return basic("")
	case lockstep.BasicCredential:
		return basic(c.Username)
	case lockstep.OAuthCredential:
		return transport.Bearer(origin, c.Secret), "Bearer " + c.Secret, nil
	}

	return transport.Auth{}, "", lockstep.Errorf(lockstep.Invalid,
		"A credential of kind %s is of no use at Azure DevOps. It takes NONE, BASIC, TOKEN and OAUTH.", c.Kind)
}
