package transport

import (
	"context"
	"fmt"
	"io"
	"net"
	"net/url"
	"strings"

	"github.com/lockstephq/lockstep/internal/gitwire/giterr"
	"github.com/lockstephq/lockstep/internal/gitwire/pktline"
	"github.com/lockstephq/lockstep/internal/gitwire/sshpool"
)

// sshTransport runs git-upload-pack over SSH: a session for each request, on a
// kept connection. Such a session begins with the advertisement, so that a
// request costs one round trip more than over HTTP and no more than that.
type sshTransport struct {
	pool *sshpool.Pool
	peer sshpool.Peer
	// run is the command line, of which only the path is not ours.
	run string
	// refBytes bounds the advertisement before an answer: a server of the old
	// protocol lists its refs there.
	refBytes int64
}

// sshPort is where a URL without a port leads.
const sshPort = "22"

// defaultSSHUser is who servers that only serve Git know.
const defaultSSHUser = "git"

// Advertise asks for nothing else, so the server ends after its advertisement.
func (t *sshTransport) Advertise(ctx context.Context) (io.ReadCloser, error) {
	a, err := t.pool.Start(ctx, t.peer, t.run)
	if err != nil {
		return nil, err
	}
	a.Send([]byte("0000"))
	return a, nil
}

func (t *sshTransport) Command(ctx context.Context, request []byte) (io.ReadCloser, error) {
	a, err := t.pool.Start(ctx, t.peer, t.run)
	if err != nil {
		return nil, err
	}

	p := pktline.NewReader(a, t.refBytes)
	for kind := pktline.Data; kind != pktline.Flush; {
		if kind, _, err = p.Next(); err != nil {
			a.Close()
			return nil, err
		}
	}

	a.Send(request)
	return struct {
		io.Reader
		io.Closer
	}{p.Rest(), a}, nil
}

func newSSHTransport(u *url.URL, o Options) (*sshTransport, error) {
	if o.Auth.key == nil {
		return nil, fmt.Errorf("%w: ssh:// needs a private key for a credential", giterr.ErrURL)
	}
	path, err := uploadPackPath(u.Path)
	if err != nil {
		return nil, err
	}

	port, user := u.Port(), u.User.Username()
	if port == "" {
		port = sshPort
	}

	if user == "" {
		user = defaultSSHUser
	}

	address := net.JoinHostPort(strings.ToLower(u.Hostname()), port)
	return &sshTransport{
		pool:     o.Network.ssh,
		peer:     sshpool.Peer{Address: address, User: user, Key: o.Auth.key()},
		run:      "git-upload-pack '" + path + "'",
		refBytes: o.RefBytes,
	}, nil
}
