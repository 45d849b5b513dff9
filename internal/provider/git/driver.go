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

// Type is the provider type of the driver, an extension of AWS's list.
const Type lockstep.ProviderType = "Git"

// Options configure a driver.
type Options struct {
	// Network carries all requests.
	Network *transport.Network
	// Roots are the folders below which local repositories may be. Defaults to none.
	Roots []string
}

// A Driver opens repositories of any Git server.
type Driver struct {
	options  Options
	metadata provider.Metadata
}

var _ provider.Driver = (*Driver)(nil)

// New returns a driver.
func New(options Options) *Driver {
	form := &provider.EndpointForm{Schemes: []string{"https", "http", "ssh"}, Path: true}
	if len(options.Roots) > 0 {
		form.Schemes = append(form.Schemes, "file")
	} else {
		form.FileRefused = "and this server is allowed to read none (--git-roots)"
	}

	return &Driver{
		options: options,
		metadata: provider.Metadata{
			Type:         Type,
			Name:         "any Git server",
			HostEndpoint: form,
			CommentHTML:  true, // Gitea and Forgejo
		},
	}
}

// Metadata describes Git.
func (d *Driver) Metadata() provider.Metadata { return d.metadata }

// Open returns a client for a repository of a host.
func (d *Driver) Open(repository provider.Repository) (provider.Client, error) {
	// The form of the endpoint does not matter here: network and roots decide what is read.
	endpoint, err := d.metadata.BaseURL(repository.Host)
	if repository.Host == nil {
		return nil, err
	}

	network, err := d.options.Network.Trusting(repository.Host.Certificate())
	if err != nil {
		return nil, gitremote.Translate(err)
	}

	path := repository.Link.Path()
	options, err := d.remoteOptions(network, endpoint, path, repository.Credential)
	if err != nil {
		return nil, err
	}

	remote, err := gitremote.Open(options)
	if err != nil {
		return nil, err
	}

	return &client{Client: remote, endpoint: endpoint, api: newGitea(endpoint, path, network,
		repository.Credential)}, nil
}

func (d *Driver) remoteOptions(network *transport.Network, endpoint, path string,
	credential lockstep.Credential) (gitwire.Options, error) {
	if folder, ok := strings.CutPrefix(endpoint, "file://"); ok {
		folder, err := url.PathUnescape(folder)
		if err != nil {
			return gitwire.Options{}, lockstep.Errorf(lockstep.Invalid, "The path of %s is not that of a URL.",
				endpoint)
		}
		return gitwire.Options{Path: folder + "/" + path, Roots: d.options.Roots}, nil
	}

	address := endpoint + "/" + path
	if rest, ok := strings.CutPrefix(address, "ssh://"); ok {
		return d.sshOptions(rest, credential)
	}

	options := gitwire.Options{URL: address, Network: network}
	switch credential.Kind {
	case lockstep.BasicCredential:
		options.Auth = transport.Basic(address, credential.Username, credential.Secret)
	case lockstep.TokenCredential:
		options.Auth = transport.Token(address, credential.Secret)
	case lockstep.SSHKeyCredential:
		return options, lockstep.Errorf(lockstep.Invalid,
			"A private key can only be used with an endpoint ssh://HOST, and not with %s.", endpoint)
	}

	return options, nil
}

// sshOptions opens ssh://USER@ADDRESS. The user is the credential's, since a host may be reached
// as several.
func (d *Driver) sshOptions(address string, credential lockstep.Credential) (gitwire.Options, error) {
	if credential.Kind != lockstep.SSHKeyCredential {
		return gitwire.Options{}, lockstep.Errorf(lockstep.Denied,
			"ssh://%s is read with a private key, and the connection has none (lockstep connect --ssh-key).", address)
	}

	address = "ssh://" + url.User(cmp.Or(credential.Username, "git")).String() + "@" + address
	auth, err := transport.SSHKey(address, credential.Secret)
	if err != nil {
		return gitwire.Options{}, gitremote.Translate(err)
	}

	return gitwire.Options{URL: address, Network: d.options.Network, Auth: auth}, nil
}
