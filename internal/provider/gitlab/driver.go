package gitlab

import (
	"cmp"
	"strings"

	"github.com/lockstephq/lockstep"
	"github.com/lockstephq/lockstep/internal/gitwire"
	"github.com/lockstephq/lockstep/internal/gitwire/transport"
	"github.com/lockstephq/lockstep/internal/provider"
	"github.com/lockstephq/lockstep/internal/provider/gitremote"
	"github.com/lockstephq/lockstep/internal/provider/rest"
)

// The provider types of the driver.
const (
	Type            lockstep.ProviderType = "GitLab"
	SelfManagedType lockstep.ProviderType = "GitLabSelfManaged"
)

// Options configure a driver.
type Options struct {
	// Network carries all requests.
	Network *transport.Network
	// SelfManaged makes the driver of self-managed servers, which are hosts. Defaults to
	// gitlab.com.
	SelfManaged bool
	// URL is the address of GitLab. Defaults to https://gitlab.com. Not used with
	// SelfManaged.
	URL string
}

// A Driver opens projects of GitLab.
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
	driver := &Driver{options: options}
	if options.SelfManaged {
		driver.metadata = provider.Metadata{
			Type:         SelfManagedType,
			Name:         "GitLab Self-Managed",
			HostEndpoint: provider.HTTP(),
			Webhook:      lockstep.GitLabWebhook,
			CommentHTML:  true,
		}
		return driver
	}

	driver.metadata = provider.Metadata{
		Type:        Type,
		Name:        "gitlab.com",
		Endpoint:    cmp.Or(options.URL, "https://gitlab.com"),
		SelfHosted:  SelfManagedType,
		Webhook:     lockstep.GitLabWebhook,
		CommentHTML: true,
	}
	return driver
}

// Metadata describes GitLab or GitLabSelfManaged.
func (d *Driver) Metadata() provider.Metadata { return d.metadata }

// Open returns a client for a project.
func (d *Driver) Open(repository provider.Repository) (provider.Client, error) {
	api, err := d.api(repository.Access)
	if err != nil {
		return nil, err
	}

	project := strings.TrimSuffix(repository.Link.Path(), ".git")
	options := gitwire.Options{URL: api.address + "/" + project + ".git", Network: api.network}
	switch credential := repository.Credential; credential.Kind {
	case lockstep.BasicCredential:
		options.Auth = transport.Basic(options.URL, credential.Username, credential.Secret)
	case lockstep.TokenCredential, lockstep.OAuthCredential:
		options.Auth = transport.Basic(options.URL, "oauth2", credential.Secret)
	}

	remote, err := gitremote.Open(options)
	if err != nil {
		return nil, err
	}

	return &client{Client: remote, api: api, project: project}, nil
}

// api returns the API with the credential of a connection. Access tokens are sent as
// bearer tokens, which GitLab accepts for all kinds.
func (d *Driver) api(access provider.Access) (*api, error) {
	address, err := d.metadata.BaseURL(access.Host)
	if err != nil {
		return nil, err
	}

	network, err := d.options.Network.Trusting(access.Host.Certificate())
	if err != nil {
		return nil, gitremote.Translate(err)
	}

	authorization := ""
	switch credential := access.Credential; credential.Kind {
	case lockstep.NoCredential, "":
	case lockstep.BasicCredential, lockstep.TokenCredential, lockstep.OAuthCredential:
		authorization = "Bearer " + credential.Secret
	default:
		return nil, lockstep.Errorf(lockstep.Invalid,
			"A credential of kind %s cannot be used with GitLab, which is reached over HTTP. Give an access "+
				"token.", credential.Kind)
	}

	calls, err := rest.New(rest.Options{
		Base:      address + "/api/v4",
		Network:   network,
		Authorize: rest.Authorization(authorization),
	})
	if err != nil {
		return nil, err
	}

	return &api{address: address, network: network, rest: calls, anonymous: authorization == ""}, nil
}

// OAuthEndpoints returns those of a GitLab. The scope api includes Git; no smaller one
// allows to report statuses.
func (d *Driver) OAuthEndpoints(host *lockstep.Host) (provider.OAuthEndpoints, error) {
	address, err := d.metadata.BaseURL(host)
	if err != nil {
		return provider.OAuthEndpoints{}, err
	}
	return provider.OAuthEndpoints{
		AuthURL:  address + "/oauth/authorize",
		TokenURL: address + "/oauth/token",
		Scopes:   []string{"api"},
	}, nil
}
