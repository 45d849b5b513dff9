package azuredevops

import (
	"cmp"
	"context"
	"net/http"
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

// Options configure a driver.
type Options struct {
	// Network carries all requests.
	Network *transport.Network
	// URL is the address for connections without a host. Defaults to
	// https://dev.azure.com.
	URL string
}

// A Driver opens repositories of Azure DevOps.
type Driver struct {
	options  Options
	metadata provider.Metadata
}

var (
	_ provider.Driver      = (*Driver)(nil)
	_ provider.OAuthDriver = (*Driver)(nil)
)

// New returns a driver.
func New(options Options) *Driver {
	return &Driver{
		options: options,
		metadata: provider.Metadata{
			Type:         Type,
			Name:         "Azure DevOps",
			Endpoint:     strings.TrimRight(cmp.Or(options.URL, "https://dev.azure.com"), "/"),
			HostEndpoint: provider.HTTP(),
			Webhook:      lockstep.AzureDevOpsWebhook,
			CommentHTML:  true,
		},
	}
}

// Metadata describes AzureDevOps.
func (d *Driver) Metadata() provider.Metadata { return d.metadata }

// Open returns a client for a repository.
func (d *Driver) Open(repository provider.Repository) (provider.Client, error) {
	base, err := d.metadata.BaseURL(repository.Host)
	if err != nil {
		return nil, err
	}

	network, err := d.options.Network.Trusting(repository.Host.Certificate())
	if err != nil {
		return nil, gitremote.Translate(err)
	}

	at, err := parseLink(base, repository.Link)
	if err != nil {
		return nil, err
	}

	auth, authorization, err := authorize(at.web(), repository.Credential)
	if err != nil {
		return nil, err
	}

	api, err := rest.New(rest.Options{Base: base, Network: network, Authorize: func(_ context.Context,
		header http.Header) error {
		header.Set("Authorization", authorization)
		header.Set("X-TFS-FedAuthRedirect", "Suppress") // 401 instead of the sign-in page
		return nil
	}})
	if err != nil {
		return nil, err
	}

	remote, err := gitremote.Open(gitwire.Options{URL: at.web(), Network: network, Auth: auth})
	if err != nil {
		return nil, err
	}

	return &client{Client: remote, rest: api, at: at, anonymous: authorization == ""}, nil
}

// authorize returns a credential in the forms for Git and for the API's Authorization header;
// "" is no credential.
func authorize(origin string, credential lockstep.Credential) (transport.Auth, string, error) {
	secret := credential.Secret
	switch credential.Kind {
	case lockstep.NoCredential:
		return transport.Auth{}, "", nil
	case lockstep.TokenCredential:
		return transport.Basic(origin, "", secret), rest.BasicValue("", secret), nil
	case lockstep.BasicCredential:
		return transport.Basic(origin, credential.Username, secret), rest.BasicValue(credential.Username, secret), nil
	case lockstep.OAuthCredential:
		return transport.Bearer(origin, secret), "Bearer " + secret, nil
	}

	return transport.Auth{}, "", lockstep.Errorf(lockstep.Invalid,
		"A credential of kind %s cannot be used with Azure DevOps. Give one of kind NONE, BASIC, TOKEN or "+
			"OAUTH.", credential.Kind)
}

// OAuthEndpoints returns Microsoft Entra's, for accounts of any organization. An Azure DevOps
// Server has none.
func (d *Driver) OAuthEndpoints(host *lockstep.Host) (provider.OAuthEndpoints, error) {
	if host != nil && !strings.EqualFold(strings.TrimRight(host.Endpoint, "/"), d.metadata.Endpoint) {
		return provider.OAuthEndpoints{}, lockstep.Errorf(lockstep.Invalid,
			"%s is an Azure DevOps Server, which has no OAuth. Use a personal access token.", host.Endpoint)
	}

	const entra = "https://login.microsoftonline.com/organizations/oauth2/v2.0/"
	return provider.OAuthEndpoints{
		AuthURL:  entra + "authorize",
		TokenURL: entra + "token",
		// Azure DevOps's ID in all of Entra.
		Scopes: []string{"499b84ac-1321-427f-aa17-267ca6975798/.default", "offline_access"},
	}, nil
}
