// Package gitlab is the driver for GitLab: gitlab.com, and servers that people
// run themselves, one folder constructed twice.
//
// A repository is read by Git's own protocol over HTTP(S), at the host's address,
// "/", the link's path and ".git". All else goes through GitLab's REST API at
// ADDRESS/api/v4, a project being its path there, groups within groups included.
//
// A credential is a personal, project or group access token (TOKEN), the same or
// a deploy token with its user name (BASIC), what an application was let have
// (OAUTH), or none, which reads what is public. A deploy token reads Git and has no
// API: its abilities end in Denied.
//
// The API is called by rest alone, and of an answer only what is used is read.
// GitLab's own Go library was turned down: what it makes of an answer cannot be
// bounded from outside, and a list with a null in it ends in a panic. What GitLab
// answers with 400 is not told apart by its words but by looking at what is there.
//
// What GitLab does in its own way:
//
//   - A commit status runs once. While it is pending or running it cannot be told
//     the same state again, so the words that it began with may stay until it ends;
//     after its end the next is a new one, which is shown in its place. All stay in
//     the pipeline of the first, so that none is left running in an old one.
//   - A deployment begins when the first stack does: there is no pending one. It
//     ends once; a retry is a new deployment. A credential that may report statuses
//     and not deployments reports statuses.
//   - A token that is rotated is another user: a note of the former, where it may
//     not be edited, is left and a new one made.
//
// Errors are those of package provider. A report is at most one write for a status
// and one for a deployment. A deployment is looked for before it is made; a status
// that is told twice, after a crash, hides the first.
package gitlab

import (
	"net/url"
	"strings"

	"github.com/lockstephq/lockstep"
	"github.com/lockstephq/lockstep/internal/gitwire"
	"github.com/lockstephq/lockstep/internal/gitwire/transport"
	"github.com/lockstephq/lockstep/internal/provider"
	"github.com/lockstephq/lockstep/internal/provider/gitremote"
)

// The provider types of the two drivers.
const (
	Type            lockstep.ProviderType = "GitLab"
	SelfManagedType lockstep.ProviderType = "GitLabSelfManaged"
)

// Options say what a driver may reach, and where.
type Options struct {
	// Network carries the requests of all repositories.
	Network *transport.Network
	// URL is where GitLab is. Defaults to https://gitlab.com. Of no meaning to
	// [NewSelfManaged], whose hosts have addresses of their own.
	URL string
}

// A Driver opens repositories of GitLab.
type Driver struct {
	o           Options
	selfManaged bool
}

var (
	_ provider.Driver     = (*Driver)(nil)
	_ provider.Checker    = (*Driver)(nil)
	_ provider.Authorizer = (*Driver)(nil)

	_ provider.Client           = (*Client)(nil)
	_ provider.Brancher         = (*Client)(nil)
	_ provider.Historian        = (*Client)(nil)
	_ provider.StatusReporter   = (*Client)(nil)
	_ provider.Commenter        = (*Client)(nil)
	_ provider.PullRequester    = (*Client)(nil)
	_ provider.WebhookRegistrar = (*Client)(nil)
)

// New makes the driver of gitlab.com, which needs no host.
func New(o Options) *Driver {
	if o.URL == "" {
		o.URL = "https://gitlab.com"
	}
	return &Driver{o: o}
}

// NewSelfManaged makes the driver of GitLab servers that are hosts.
func NewSelfManaged(o Options) *Driver { return &Driver{o: o, selfManaged: true} }

// Type gives GitLab or GitLabSelfManaged.
func (d *Driver) Type() lockstep.ProviderType {
	if d.selfManaged {
		return SelfManagedType
	}
	return Type
}

// ValidEndpoint says what is wrong with the endpoint of a host: it is https://HOST
// or http://HOST, with a path where GitLab is below one.
func ValidEndpoint(endpoint string) error {
	u, err := url.Parse(endpoint)
	switch {
	case err != nil:
		return lockstep.Errorf(lockstep.Invalid, "The endpoint is not a URL.")
	case u.User != nil:
		return lockstep.Errorf(lockstep.Invalid, "The endpoint has a user name or password. Credentials belong to a connection.")
	case u.Scheme != "https" && u.Scheme != "http" || u.Host == "" || u.RawQuery != "" || u.Fragment != "":
		return lockstep.Errorf(lockstep.Invalid, "The endpoint of a GitLab server is https://HOST or http://HOST, with a path where GitLab is below one.")
	}
	return nil
}

// NoEndpoint refuses hosts of type GitLab: what they say would not be asked.
func NoEndpoint(string) error {
	return lockstep.Errorf(lockstep.Invalid, "Provider type %s is gitlab.com and has no hosts. A server of your own is of type %s.", Type, SelfManagedType)
}

// address is where GitLab is, without a slash at the end.
func (d *Driver) address(h *lockstep.Host) (string, error) {
	address := d.o.URL
	switch {
	case d.selfManaged && h == nil:
		return "", lockstep.Errorf(lockstep.Invalid, "Provider type %s needs a host, and none is named.", SelfManagedType)
	case d.selfManaged:
		address = h.Endpoint
	case h != nil:
		return "", NoEndpoint(h.Endpoint)
	}

	if err := ValidEndpoint(address); err != nil {
		return "", err
	}

	return strings.TrimRight(address, "/"), nil
}

// network gives the way to a host, which may have a certificate of its own.
func (d *Driver) network(h *lockstep.Host) (*transport.Network, error) {
	network, err := d.o.Network.Trusting(h.Certificate())
	if err != nil {
		return nil, gitremote.Translate(err)
	}
	return network, nil
}

// A Client reads one project and reports to it. It is safe for concurrent use.
type Client struct {
	*gitremote.Client
	api     *api
	project string // its path, for the API
}

// Open gives a client for a project.
func (d *Driver) Open(r provider.Repository) (provider.Client, error) {
	a, err := d.api(r.Access)
	if err != nil {
		return nil, err
	}

	project := strings.TrimSuffix(r.Link.Path(), ".git")
	o := gitwire.Options{URL: a.address + "/" + project + ".git", Network: a.network}
	switch c := r.Credential; c.Kind {
	case lockstep.BasicCredential:
		o.Auth = transport.Basic(o.URL, c.Username, c.Secret)
	case lockstep.TokenCredential, lockstep.OAuthCredential:
		o.Auth = transport.Basic(o.URL, "oauth2", c.Secret)
	}

	remote, err := gitremote.Open(o)
	if err != nil {
		return nil, err
	}

	return &Client{Client: remote, api: a, project: project}, nil
}
