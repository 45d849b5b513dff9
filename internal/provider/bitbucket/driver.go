package bitbucket

import (
	"cmp"
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
const Type lockstep.ProviderType = "Bitbucket"

// Options configure a driver.
type Options struct {
	// Network carries all requests.
	Network *transport.Network
	// API is the URL of the REST API. Defaults to https://api.bitbucket.org/2.0.
	API string
	// Git is the URL of repositories, pages and the OAuth endpoints. Defaults to
	// https://bitbucket.org.
	Git string
}

// A Driver opens repositories of Bitbucket Cloud.
type Driver struct {
	options  Options
	metadata provider.Metadata
}

var (
	_ provider.Driver            = (*Driver)(nil)
	_ provider.CredentialChecker = (*Driver)(nil)
	_ provider.OAuthDriver       = (*Driver)(nil)
)

// New returns a driver.
func New(options Options) *Driver {
	options.API = strings.TrimRight(cmp.Or(options.API, "https://api.bitbucket.org/2.0"), "/")
	return &Driver{
		options: options,
		metadata: provider.Metadata{
			Type:     Type,
			Name:     "Bitbucket Cloud",
			Endpoint: cmp.Or(options.Git, "https://bitbucket.org"),
			Webhook:  lockstep.BitbucketWebhook,
		},
	}
}

// Metadata describes Bitbucket.
func (d *Driver) Metadata() provider.Metadata { return d.metadata }

// Open returns a client for a repository of a workspace.
func (d *Driver) Open(repository provider.Repository) (provider.Client, error) {
	base, err := d.metadata.BaseURL(repository.Host)
	if err != nil {
		return nil, err
	}

	workspace, slug, ok := strings.Cut(strings.TrimSuffix(repository.Link.Path(), ".git"), "/")
	if !ok || workspace == "" || slug == "" || strings.Contains(slug, "/") {
		return nil, lockstep.Errorf(lockstep.Invalid,
			"%q is not a repository of Bitbucket: WORKSPACE/REPOSITORY.", repository.Link.Path())
	}

	api, err := d.api(repository.Credential)
	if err != nil {
		return nil, err
	}

	path := url.PathEscape(workspace) + "/" + url.PathEscape(slug)
	opened := &client{
		rest: api,
		repo: "/repositories/" + path,
		page: base + "/" + path,
		kind: repository.Credential.Kind,
		full: map[string]lockstep.SHA{},
	}

	options := gitwire.Options{URL: opened.page + ".git", Network: d.options.Network}
	if user := gitUser(repository.Credential); user != "" {
		options.Auth = transport.Basic(options.URL, user, repository.Credential.Secret)
	}

	if opened.Client, err = gitremote.Open(options); err != nil {
		return nil, err
	}

	return opened, nil
}

// gitUser returns the user name for Git, "" without a credential. Git does not accept the
// e-mail address that the API wants with an API token.
func gitUser(credential lockstep.Credential) string {
	switch credential.Kind {
	case lockstep.TokenCredential, lockstep.OAuthCredential:
		return "x-token-auth"
	case lockstep.BasicCredential:
		if strings.Contains(credential.Username, "@") {
			return "x-bitbucket-api-token-auth"
		}
		return credential.Username
	}
	return ""
}

// api returns a client of the API with a credential.
func (d *Driver) api(credential lockstep.Credential) (*rest.Client, error) {
	authorization := ""
	switch credential.Kind {
	case lockstep.TokenCredential, lockstep.OAuthCredential:
		authorization = "Bearer " + credential.Secret
	case lockstep.BasicCredential:
		authorization = rest.BasicValue(credential.Username, credential.Secret)
	case lockstep.NoCredential, "":
	default:
		return nil, lockstep.Errorf(lockstep.Invalid,
			"A credential of kind %s cannot be used with Bitbucket. Give one of kind TOKEN, BASIC, OAUTH or, for "+
				"public repositories, NONE.",
			credential.Kind)
	}

	return rest.New(rest.Options{
		Base:      d.options.API,
		Network:   d.options.Network,
		Authorize: rest.Authorization(authorization),
	})
}

// OAuthEndpoints returns those of Bitbucket Cloud. What an application may do is chosen where
// it is registered, so there are no scopes.
func (d *Driver) OAuthEndpoints(host *lockstep.Host) (provider.OAuthEndpoints, error) {
	base, err := d.metadata.BaseURL(host)
	if err != nil {
		return provider.OAuthEndpoints{}, err
	}
	return provider.OAuthEndpoints{
		AuthURL:  base + "/site/oauth2/authorize",
		TokenURL: base + "/site/oauth2/access_token",
	}, nil
}
