package gitwire

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/url"
	"strings"
	"unicode"

	"golang.org/x/crypto/ssh"
)

// sshTransport runs git-upload-pack over SSH: a session for each request, on a
// kept connection. Such a session begins with the advertisement, so that a
// request costs one round trip more than over HTTP and no more than that.
type sshTransport struct {
	pool *sshPool
	peer sshPeer
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

func isSSH(raw string) bool { return strings.HasPrefix(strings.ToLower(raw), "ssh://") }

func (r *Remote) openSSH(o Options) error {
	u, err := parseSSH(o.URL)
	if err != nil {
		return err
	}

	r.name = u.String()
	if err := o.Auth.check(u); err != nil {
		return &Error{Repository: r.name, Err: err}
	}
	if o.Auth.key == nil {
		return &Error{Repository: r.name, Err: fmt.Errorf("%w: ssh:// needs a private key for a credential", ErrURL)}
	}

	path, err := uploadPackPath(u.Path)
	if err != nil {
		return &Error{Repository: r.name, Err: err}
	}

	network := o.Network
	if network == nil {
		network = NewNetwork(NetworkOptions{})
		r.network = network
	}

	r.agent = network.agent
	port, user := u.Port(), u.User.Username()
	if port == "" {
		port = sshPort
	}

	if user == "" {
		user = defaultSSHUser
	}

	address := net.JoinHostPort(strings.ToLower(u.Hostname()), port)
	r.transport = &sshTransport{
		pool: network.ssh, peer: sshPeer{address: address, user: user, key: o.Auth.key()},
		run: "git-upload-pack '" + path + "'", refBytes: r.limits.RefBytes,
	}
	return nil
}

// parseSSH takes ssh://[USER@]HOST[:PORT]/PATH. Its errors do not repeat the
// URL, which may hold a password.
func parseSSH(raw string) (*url.URL, error) {
	u, err := url.Parse(raw)
	if err != nil {
		return nil, fmt.Errorf("%w: it cannot be parsed", ErrURL)
	}

	_, password := u.User.Password()
	host := u.Hostname()
	switch {
	case password:
		return nil, fmt.Errorf("%w: a password is not part of a repository's address, and not used over SSH", ErrURL)
	case host == "" || u.Opaque != "":
		return nil, fmt.Errorf("%w: it names no host", ErrURL)
	case host[0] == '-' || strings.ContainsFunc(host, notPlain("-._:%")):
		return nil, fmt.Errorf("%w: no host is called so", ErrURL)
	case strings.HasPrefix(u.User.Username(), "-") || strings.ContainsFunc(u.User.Username(), notPlain("-._+@")):
		return nil, fmt.Errorf("%w: its user name holds characters that are not sent", ErrURL)
	case u.RawQuery != "" || u.ForceQuery || u.Fragment != "":
		return nil, fmt.Errorf("%w: a query or a fragment is not part of a repository's address", ErrURL)
	}

	u.Path, u.RawPath = strings.TrimRight(u.Path, "/"), ""
	return u, nil
}

// uploadPackPath gives a path as it stands between the quotes of the command,
// which a shell of the server's reads. A path that could end the quotes is
// refused: not all servers agree about how it would have to be written.
func uploadPackPath(path string) (string, error) {
	if path == "" {
		return "", fmt.Errorf("%w: it names no repository", ErrURL)
	}
	if bad := strings.IndexFunc(path, notPlain("/-._~+@=,: %")); bad >= 0 {
		return "", fmt.Errorf("%w: its path holds %s, which is not sent over SSH", ErrURL, quote([]byte(string([]rune(path[bad:])[:1]))))
	}

	for element := range strings.SplitSeq(path, "/") {
		if element == "." || element == ".." {
			return "", fmt.Errorf("%w: its path leads upwards", ErrURL)
		}
	}

	if strings.HasPrefix(path, "/~") {
		path = path[1:] // a home folder, as git writes it
	}

	return path, nil
}

// notPlain says what is no letter, no digit and not listed.
func notPlain(listed string) func(rune) bool {
	return func(c rune) bool {
		return c == unicode.ReplacementChar || !unicode.IsLetter(c) && !unicode.IsDigit(c) && !strings.ContainsRune(listed, c)
	}
}

// advertise asks for nothing else, so the server ends after its advertisement.
func (t *sshTransport) advertise(ctx context.Context) (io.ReadCloser, error) {
	a, err := t.start(ctx)
	if err != nil {
		return nil, err
	}
	a.send([]byte("0000"))
	return a, nil
}

func (t *sshTransport) command(ctx context.Context, request []byte) (io.ReadCloser, error) {
	a, err := t.start(ctx)
	if err != nil {
		return nil, err
	}

	p := newPacketReader(a, t.refBytes)
	for kind := dataPacket; kind != flushPacket; {
		if kind, _, err = p.next(); err != nil {
			a.Close()
			return nil, err
		}
	}

	a.send(request)
	return struct {
		io.Reader
		io.Closer
	}{p.r, a}, nil
}

// start runs the command. A kept connection may have died since it was used,
// without a word: then another is taken, at last a new one.
func (t *sshTransport) start(ctx context.Context) (*sshAnswer, error) {
	for {
		c, fresh, err := t.pool.take(ctx, t.peer)
		if err != nil {
			return nil, err
		}

		a, err := c.start(ctx, t.run)
		if err == nil {
			return a, nil
		}
		if _, ran := errors.AsType[*ssh.ExitError](err); fresh || ran || ctx.Err() != nil {
			return nil, err
		}
	}
}
