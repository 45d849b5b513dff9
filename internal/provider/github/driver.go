package github

import (
	"cmp"
	"net/url"
	"regexp"
	"strings"
	"sync"

	gh "github.com/google/go-github/v89/github"

	"github.com/lockstephq/lockstep"
	"github.com/lockstephq/lockstep/internal/gitwire"
	"github.com/lockstephq/lockstep/internal/gitwire/transport"
	"github.com/lockstephq/lockstep/internal/provider"
	"github.com/lockstephq/lockstep/internal/provider/gitremote"
	"github.com/lockstephq/lockstep/internal/provider/rest"
)

// The provider types of the driver.
const (
	Type           lockstep.ProviderType = "GitHub"
	EnterpriseType lockstep.ProviderType = "GitHubEnterpriseServer"
)

// Options configure a driver.
type Options struct {
	// Network carries all requests.
	Network *transport.Network
	// Enterprise makes the driver of GitHub Enterprise Server, whose hosts have their
	// own addresses. Defaults to github.com.
	Enterprise bool
	// API is the URL of the REST API. Defaults to https://api.github.com. Not used with
	// Enterprise.
	API string
	// Git is the URL of repositories and pages. Defaults to https://github.com. Not used
	// with Enterprise.
	Git string
}

// A Driver opens repositories of GitHub, or of GitHub Enterprise Servers.
type Driver struct {
	options  Options
	metadata provider.Metadata

	mu   sync.Mutex
	apps map[appKey]*application
}

var (
	_ provider.Driver            = (*Driver)(nil)
	_ provider.CredentialChecker = (*Driver)(nil)
	_ provider.OAuthDriver       = (*Driver)(nil)
)

// New returns a driver.
func New(options Options) *Driver {
	options.API = strings.TrimRight(cmp.Or(options.API, "https://api.github.com"), "/")
	driver := &Driver{options: options, apps: map[appKey]*application{}}
	if options.Enterprise {
		driver.metadata = provider.Metadata{
			Type:         EnterpriseType,
			Name:         "GitHub Enterprise Server",
			HostEndpoint: &provider.EndpointForm{Schemes: []string{"https"}},
			Webhook:      lockstep.GitHubWebhook,
			CommentHTML:  true,
		}
		return driver
	}

	driver.metadata = provider.Metadata{
		Type:        Type,
		Name:        "github.com",
		Endpoint:    cmp.Or(options.Git, "https://github.com"),
		SelfHosted:  EnterpriseType,
		Webhook:     lockstep.GitHubWebhook,
		CommentHTML: true,
	}
	return driver
}

// Metadata describes GitHub or GitHubEnterpriseServer.
func (d *Driver) Metadata() provider.Metadata { return d.metadata }

// A site is one GitHub: its addresses, and what carries requests to it.
type site struct {
	api, web    string // URLs without a slash at the end
	certificate string // in PEM, trusted in addition to public authorities
	network     *transport.Network
}

// site returns the GitHub of a host, or github.com if host is nil.
func (d *Driver) site(host *lockstep.Host) (site, error) {
	web, err := d.metadata.BaseURL(host)
	if err != nil {
		return site{}, err
	}
	if host == nil {
		return site{api: d.options.API, web: web, network: d.options.Network}, nil
	}

	certificate := host.Certificate()
	network, err := d.options.Network.Trusting(certificate)
	if err != nil {
		return site{}, gitremote.Translate(err)
	}

	return site{api: apiOf(web), web: web, certificate: certificate, network: network}, nil
}

// apiOf returns the URL of the API of a host. GitHub Enterprise Cloud with data residency,
// https://NAME.ghe.com, has it on a host of its own.
func apiOf(web string) string {
	address, err := url.Parse(web)
	if err == nil && strings.HasSuffix(strings.ToLower(address.Hostname()), ".ghe.com") {
		return address.Scheme + "://api." + address.Host
	}
	return web + "/api/v3"
}

// The names that GitHub allows for owners and repositories.
var (
	ownerName      = regexp.MustCompile(`^[A-Za-z0-9][A-Za-z0-9_-]{0,99}$`)
	repositoryName = regexp.MustCompile(`^[A-Za-z0-9_.-]{1,100}$`)
)

// Open returns a client for a repository.
func (d *Driver) Open(repository provider.Repository) (provider.Client, error) {
	at, err := d.site(repository.Host)
	if err != nil {
		return nil, err
	}

	owner, name := repository.Link.OwnerID, strings.TrimSuffix(repository.Link.RepositoryName, ".git")
	if !ownerName.MatchString(owner) || !repositoryName.MatchString(name) || name == "." || name == ".." {
		return nil, lockstep.Errorf(lockstep.Invalid, "%q is not the name of a repository at %s: OWNER/NAME.",
			repository.Link.Path(), at.web)
	}

	credential, err := d.credential(at, repository.Access)
	if err != nil {
		return nil, err
	}

	api, calls, err := at.client(credential.authorize)
	if err != nil {
		return nil, err
	}

	remote, err := gitremote.Open(gitwire.Options{URL: at.web + "/" + owner + "/" + name, Network: at.network,
		Auth: credential.git})
	if err != nil {
		return nil, err
	}

	return &client{
		Client:    remote,
		api:       api,
		rest:      calls,
		app:       credential.app,
		owner:     owner,
		repo:      name,
		anonymous: credential.anonymous,
	}, nil
}

// client returns GitHub's library on top of package rest.
func (s site) client(authorize rest.Authorize) (*gh.Client, *rest.Client, error) {
	calls, err := rest.New(rest.Options{Base: s.api, Network: s.network, Authorize: authorize})
	if err != nil {
		return nil, nil, err
	}

	base := s.api + "/"
	// The library would otherwise refuse requests that it thinks are over the limit,
	// with responses that no host sent.
	api, err := gh.NewClient(gh.WithHTTPClient(calls.HTTP()), gh.WithURLs(&base, &base), gh.WithDisableRateLimitCheck())
	if err != nil {
		return nil, nil, lockstep.Wrapf(lockstep.Invalid, err, "The API at %s cannot be called.", s.api)
	}

	return api, calls, nil
}

// OAuthEndpoints returns those of OAuth Apps. GitHub Apps have the same, and ignore the
// scopes.
func (d *Driver) OAuthEndpoints(host *lockstep.Host) (provider.OAuthEndpoints, error) {
	at, err := d.site(host)
	if err != nil {
		return provider.OAuthEndpoints{}, err
	}
	return provider.OAuthEndpoints{
		AuthURL:  at.web + "/login/oauth/authorize",
		TokenURL: at.web + "/login/oauth/access_token",
		Scopes:   []string{"repo", "admin:repo_hook"},
	}, nil
}
