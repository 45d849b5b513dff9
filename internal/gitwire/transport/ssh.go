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
	// command is the command line, of which only the path is not ours.
	command string
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
	session, err := t.pool.Start(ctx, t.peer, t.command)
	if err != nil {
		return nil, err
	}
	session.Send([]byte("0000"))
	return session, nil
}

func (t *sshTransport) Command(ctx context.Context, request []byte) (io.ReadCloser, error) {
	session, err := t.pool.Start(ctx, t.peer, t.command)
	if err != nil {
		return nil, err
	}

	lines := pktline.NewReader(session, t.refBytes)
	for kind := pktline.Data; kind != pktline.Flush; {
		if kind, _, err = lines.Next(); err != nil {
			session.Close()
			return nil, err
		}
	}

	session.Send(request)
	return struct {
		io.Reader
		io.Closer
	}{lines.Rest(), session}, nil
}

func newSSHTransport(u *url.URL, options Options) (*sshTransport, error) {
	if options.Auth.key == nil {
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
		pool:     options.Network.ssh,
		peer:     sshpool.Peer{Address: address, User: user, Key: options.Auth.key()},
		command:  "git-upload-pack '" + path + "'",
		refBytes: options.RefBytes,
	}, nil
}
