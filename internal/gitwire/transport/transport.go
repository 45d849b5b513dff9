package transport

import (
	"context"
	"io"
	"strings"

	"github.com/lockstephq/lockstep/internal/gitwire/giterr"
)

// A Transport carries requests of Git's protocol to a repository.
type Transport interface {
	// Advertise returns the capability advertisement.
	Advertise(ctx context.Context) (io.ReadCloser, error)
	// Command returns the answer to one request.
	Command(ctx context.Context, request []byte) (io.ReadCloser, error)
}

// Options configure a transport.
type Options struct {
	// URL is the repository's address: http://, https:// or ssh://.
	URL     string
	Auth    Auth
	Network *Network
	// RefBytes bounds the refs that a server of the old protocol lists before each answer over
	// SSH.
	RefBytes int64
}

// Open checks the URL and the credential, and makes no request. It returns the URL as errors
// show it.
func Open(options Options) (opened Transport, name string, err error) {
	parse, isSSH := parseURL, strings.HasPrefix(strings.ToLower(options.URL), "ssh://")
	if isSSH {
		parse = parseSSH
	}

	address, err := parse(options.URL)
	if err != nil {
		return nil, "", err
	}

	name = address.String()
	if err = options.Auth.check(address); err == nil {
		if isSSH {
			opened, err = newSSHTransport(address, options)
		} else {
			opened = &httpTransport{network: options.Network, first: address, auth: options.Auth, base: address}
		}
	}
	if err != nil {
		return nil, name, &giterr.Error{Repository: name, Err: err}
	}

	return opened, name, nil
}
