// Package git is the driver for any Git server: Gitea, Forgejo, CodeCommit, a
// plain server of HTTP or SSH, or a folder of repositories below a path that the
// administrator allowed. Reading adds nothing to what Git itself can do, so a
// connection is AVAILABLE as soon as it holds credentials.
//
// Reporting needs an API, and Gitea's, which Forgejo shares, is the one known
// here. Whether a server has it is found out when there is first something to
// report, once for a client; all others answer with provider.ErrNoAbility.
//
// A repository's URL is its host's endpoint, "/", and the link's path,
// verbatim. Errors: Unavailable for the network and 5xx, Denied for a refused
// credential, NotFound for an unknown repository or a commit that is gone,
// Limit for what is too large, Invalid for the rest that a person has to mend.
package git

import (
	"cmp"
	"net/url"
	"strings"

	"github.com/lockstephq/lockstep"
	"github.com/lockstephq/lockstep/internal/gitwire"
	"github.com/lockstephq/lockstep/internal/gitwire/transport"
	"github.com/lockstephq/lockstep/internal/provider"
	"github.com/lockstephq/lockstep/internal/provider/gitremote"
)

// Type is the provider type of the driver, our one extension of the API's
// list.
const Type lockstep.ProviderType = "Git"

// Options say what the driver may reach.
type Options struct {
	// Network carries the requests of all repositories.
	Network *transport.Network
	// Roots are the folders below which local repositories may lie. Defaults to
	// none.
	Roots []string
}

// A Driver opens repositories on any Git server.
type Driver struct{ o Options }

// New makes the driver.
func New(o Options) *Driver { return &Driver{o} }

// Type gives Git.
func (d *Driver) Type() lockstep.ProviderType { return Type }

// Open gives a client for a repository of a host.
func (d *Driver) Open(r provider.Repository) (provider.Client, error) {
	if r.Host == nil {
		return nil, lockstep.Errorf(lockstep.Invalid, "Connection %s names no host, which provider type Git needs.", r.Connection.Name)
	}

	endpoint := strings.TrimSuffix(r.Host.Endpoint, "/")
	network, err := d.o.Network.Trusting(r.Host.Certificate())
	if err != nil {
		return nil, gitremote.Translate(err)
	}

	o, err := d.remote(network, endpoint, r.Link.Path(), r.Credential)
	if err != nil {
		return nil, err
	}

	c, err := gitremote.Open(o)
	if err != nil {
		return nil, err
	}

	return &client{c, endpoint, newGitea(endpoint, r.Link.Path(), network, r.Credential)}, nil
}

func (d *Driver) remote(network *transport.Network, endpoint, path string, c lockstep.Credential) (gitwire.Options, error) {
	if folder, ok := strings.CutPrefix(endpoint, "file://"); ok {
		folder, err := url.PathUnescape(folder)
		if err != nil {
			return gitwire.Options{}, lockstep.Errorf(lockstep.Invalid, "The path of %s is not a URL's path.", endpoint)
		}
		return gitwire.Options{Path: folder + "/" + path, Roots: d.o.Roots}, nil
	}

	address := endpoint + "/" + path
	if rest, ok := strings.CutPrefix(address, "ssh://"); ok {
		return d.overSSH(rest, c)
	}

	o := gitwire.Options{URL: address, Network: network}
	switch c.Kind {
	case lockstep.BasicCredential:
		o.Auth = transport.Basic(address, c.Username, c.Secret)
	case lockstep.TokenCredential:
		o.Auth = transport.Bearer(address, c.Secret)
	case lockstep.SSHKeyCredential:
		return o, lockstep.Errorf(lockstep.Invalid, "A private key is of use at an endpoint ssh://HOST alone, and %s is another.", endpoint)
	}

	return o, nil
}

// overSSH opens ssh://USER@ADDRESS. The user is the credential's, since a host
// may be reached as several.
func (d *Driver) overSSH(address string, c lockstep.Credential) (gitwire.Options, error) {
	if c.Kind != lockstep.SSHKeyCredential {
		return gitwire.Options{}, lockstep.Errorf(lockstep.Denied,
			"ssh://%s is read with a private key, and the connection holds none (lockstep connect --ssh-key).", address)
	}
	address = "ssh://" + url.User(cmp.Or(c.Username, "git")).String() + "@" + address
	auth, err := transport.SSHKey(address, c.Secret)
	if err != nil {
		return gitwire.Options{}, gitremote.Translate(err)
	}
	return gitwire.Options{URL: address, Network: d.o.Network, Auth: auth}, nil
}
