// Package github is the driver for GitHub and for GitHub Enterprise Server, two
// provider types that differ in where they are: one driver, constructed twice.
//
// Repositories are read by Git's own protocol (gitremote). The API is for what
// Git cannot do, and its limits on rate are never spent on reading.
//
// A commit's status is a deployment: one for each commit and environment, with
// the task "lockstep", by which it is found again after a crash, and a deployment
// status for each change. GitHub itself makes the deployment before inactive when
// one succeeds. Workflows that run on deployments see ours too and tell them by
// the task.
//
// A credential is shown to the origin of the API and to that of Git, and nowhere
// else. An application's key stays here: what is shown are tokens that it gets
// for its installation, one at a time for all clients of a connection. Tokens are
// left some minutes before they end, by the host's clock. An application, or a
// fine-grained token, needs the permissions Contents, Deployments, Pull requests
// and Webhooks to write, of which reading alone takes Contents to read.
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

// The provider types, as the API spells them.
const (
	Type           lockstep.ProviderType = "GitHub"
	EnterpriseType lockstep.ProviderType = "GitHubEnterpriseServer"
)

// Options say where GitHub is.
type Options struct {
	// Network carries all requests.
	Network *transport.Network
	// API is the URL of the REST API. Defaults to https://api.github.com.
	API string
	// Git is the URL below which repositories are, and where people sign in.
	// Defaults to https://github.com.
	Git string
}

// A Driver opens repositories of GitHub, or of installed servers.
type Driver struct {
	kind    lockstep.ProviderType
	network *transport.Network
	public  place // the zero place for installed servers, which hosts say

	mu   sync.Mutex
	apps map[appKey]*application
}

// New makes the driver for GitHub.
func New(o Options) *Driver {
	return &Driver{
		kind: Type, network: o.Network, apps: map[appKey]*application{},
		public: place{
			api:     strings.TrimRight(cmp.Or(o.API, "https://api.github.com"), "/"),
			web:     strings.TrimRight(cmp.Or(o.Git, "https://github.com"), "/"),
			network: o.Network,
		},
	}
}

// NewEnterprise makes the driver for GitHub Enterprise Server, wherever hosts say
// it is.
func NewEnterprise(network *transport.Network) *Driver {
	return &Driver{kind: EnterpriseType, network: network, apps: map[appKey]*application{}}
}

// Type gives GitHub or GitHubEnterpriseServer.
func (d *Driver) Type() lockstep.ProviderType { return d.kind }

// A place is where a host's API and its pages and repositories are.
type place struct {
	api, web    string // URLs without a slash at the end
	certificate string // what network trusts beside public authorities, in PEM
	network     *transport.Network
}

// place gives where a host is; GitHub needs none.
func (d *Driver) place(h *lockstep.Host) (place, error) {
	if d.kind == Type {
		return d.public, nil
	}
	if h == nil {
		return place{}, lockstep.Errorf(lockstep.Invalid, "Provider type %s needs a host, and none is named.", d.kind)
	}
	if err := ValidEndpoint(h.Endpoint); err != nil {
		return place{}, err
	}

	p := place{web: strings.TrimRight(h.Endpoint, "/"), network: d.network}
	p.api = p.web + "/api/v3"
	p.certificate = h.Certificate()
	var err error
	if p.network, err = d.network.Trusting(p.certificate); err != nil {
		return place{}, gitremote.Translate(err)
	}

	return p, nil
}

// ValidEndpoint checks the endpoint of a GitHub Enterprise Server: https://HOST,
// for the server takes no path and credentials do not travel in the clear.
func ValidEndpoint(endpoint string) error {
	u, err := url.Parse(endpoint)
	switch {
	case err != nil:
		return lockstep.Errorf(lockstep.Invalid, "The endpoint is not a URL.")
	case u.User != nil:
		return lockstep.Errorf(lockstep.Invalid, "The endpoint has a user name or password. Credentials belong to a connection.")
	case u.Scheme != "https" || u.Hostname() == "" || strings.Trim(u.Path, "/") != "" || u.RawQuery != "" || u.ForceQuery || u.Fragment != "":
		return lockstep.Errorf(lockstep.Invalid, "The endpoint %s of a GitHub Enterprise Server is not https://HOST or https://HOST:PORT.", endpoint)
	}
	return nil
}

// NoEndpoint refuses hosts of type GitHub: what they say would not be asked.
func NoEndpoint(string) error {
	return lockstep.Errorf(lockstep.Invalid, "Provider type %s is github.com and has no hosts. A server of your own is of type %s.", Type, EnterpriseType)
}

// What GitHub lets owners and repositories be called.
var (
	ownerName      = regexp.MustCompile(`^[A-Za-z0-9][A-Za-z0-9_-]{0,99}$`)
	repositoryName = regexp.MustCompile(`^[A-Za-z0-9_.-]{1,100}$`)
)

// Open gives a client for a repository.
func (d *Driver) Open(r provider.Repository) (provider.Client, error) {
	p, err := d.place(r.Host)
	if err != nil {
		return nil, err
	}

	owner, repo := r.Link.OwnerID, strings.TrimSuffix(r.Link.RepositoryName, ".git")
	if !ownerName.MatchString(owner) || !repositoryName.MatchString(repo) || repo == "." || repo == ".." {
		return nil, lockstep.Errorf(lockstep.Invalid, "%q is not the name of a repository at %s: OWNER/NAME.", r.Link.Path(), p.web)
	}

	c, err := d.credential(p, r.Access)
	if err != nil {
		return nil, err
	}

	api, calls, err := p.client(c.authorize)
	if err != nil {
		return nil, err
	}

	git, err := gitremote.Open(gitwire.Options{URL: p.web + "/" + owner + "/" + repo, Network: p.network, Auth: c.git})
	if err != nil {
		return nil, err
	}

	return &client{Client: git, api: api, rest: calls, app: c.app, owner: owner, repo: repo, none: c.none}, nil
}

// client gives GitHub's library over our own client.
func (p place) client(authorize authorizer) (*gh.Client, *rest.Client, error) {
	calls, err := rest.New(rest.Options{Base: p.api, Network: p.network, Authorize: authorize})
	if err != nil {
		return nil, nil, err
	}

	base := p.api + "/"
	// The library would refuse by itself what it thinks is over the limit, in
	// answers that no host gave.
	api, err := gh.NewClient(gh.WithHTTPClient(calls.HTTP()), gh.WithURLs(&base, &base), gh.WithDisableRateLimitCheck())
	if err != nil {
		return nil, nil, lockstep.Wrapf(lockstep.Invalid, err, "The API at %s cannot be called.", p.api)
	}

	return api, calls, nil
}
