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

// An sshTransport runs git-upload-pack over SSH: one session for each request, on a kept
// connection. A session begins with the advertisement, so a request costs one round trip more
// than over HTTP.
type sshTransport struct {
	pool *sshpool.Pool
	peer sshpool.Peer
	// command is the command line. Only its path comes from outside.
	command string
	// refBytes bounds the advertisement before an answer, in which a server of the old protocol
	// lists its refs.
	refBytes int64
}

// sshPort is the default port.
const sshPort = "22"

// defaultSSHUser is the user of servers that only serve Git.
const defaultSSHUser = "git"

// Advertise requests the capabilities. An empty request ends the session after them.
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

func newSSHTransport(address *url.URL, options Options) (*sshTransport, error) {
	if options.Auth.key == nil {
		return nil, fmt.Errorf("%w: ssh:// needs a private key as credential", giterr.ErrURL)
	}
	path, err := uploadPackPath(address.Path)
	if err != nil {
		return nil, err
	}

	port, user := address.Port(), address.User.Username()
	if port == "" {
		port = sshPort
	}

	if user == "" {
		user = defaultSSHUser
	}

	peer := sshpool.Peer{
		Address: net.JoinHostPort(strings.ToLower(address.Hostname()), port),
		User:    user,
		Key:     options.Auth.key(),
	}

	return &sshTransport{
		pool:     options.Network.ssh,
		peer:     peer,
		command:  "git-upload-pack '" + path + "'",
		refBytes: options.RefBytes,
	}, nil
}
