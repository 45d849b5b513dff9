package gitwire

import (
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"net"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"golang.org/x/crypto/ssh"
)

const (
	// handshakeTimeout is for the key exchange and the authentication.
	handshakeTimeout = 20 * time.Second
	// busyPerHost is how many SSH connections to one host are in use at once;
	// a further request waits for one of them. Servers start to drop connections
	// at ten that are not authenticated yet.
	busyPerHost = 8
)

// sshPeer is who is asked, as whom. Connections are shared among requests of
// the same peer alone.
type sshPeer struct {
	address string // host:port, the host in lower case
	user    string
	key     *sshKey
}

// sshKey is a private key. Keys are compared by what was given, not by their
// public half: a file can hold somebody else's public half, and would then be
// let into the connections of that key's owner.
type sshKey struct {
	signer ssh.Signer
	given  [sha256.Size]byte
}

func (p sshPeer) same(q sshPeer) bool {
	return p.address == q.address && p.user == q.user && p.key.given == q.key.given
}

// sshPool keeps SSH connections. Each carries one session at a time, as one of
// HTTP/1.1 carries one request: a session that stalls is ended with its
// connection and stops no other, and some servers allow no second one.
type sshPool struct {
	dialer *net.Dialer
	hosts  hostKeys

	mu    sync.Mutex
	known map[string]*sshHost // by address
}

// sshHost is what the pool has of one address.
type sshHost struct {
	slots chan struct{}
	users int // requests that wait or run; with none and nothing idle it is forgotten
	idle  []*sshConn
}

func newSSHPool(dialer *net.Dialer, knownHosts string) *sshPool {
	return &sshPool{dialer: dialer, hosts: hostKeys{file: knownHosts}, known: map[string]*sshHost{}}
}

// take gives a connection that is the caller's until it is released. It is
// fresh if it was made for this call.
func (p *sshPool) take(ctx context.Context, peer sshPeer) (c *sshConn, fresh bool, err error) {
	p.mu.Lock()
	h := p.known[peer.address]
	if h == nil {
		h = &sshHost{slots: make(chan struct{}, busyPerHost)}
		p.known[peer.address] = h
	}

	h.users++
	p.mu.Unlock()
	select {
	case h.slots <- struct{}{}:
	case <-ctx.Done():
		p.leave(peer.address)
		return nil, false, context.Cause(ctx)
	}

	if c := p.reuse(h, peer); c != nil {
		return c, false, nil
	}

	client, err := p.dial(ctx, peer)
	if err != nil {
		<-h.slots
		p.leave(peer.address)
		return nil, true, err
	}

	c = &sshConn{pool: p, peer: peer, client: client}
	go func() { // so that one that the server closed is not offered again
		_ = client.Wait()
		c.dead.Store(true)
		p.forget(c)
	}()

	return c, true, nil
}

// reuse takes out the connection that was used last.
func (p *sshPool) reuse(h *sshHost, peer sshPeer) *sshConn {
	p.mu.Lock()
	defer p.mu.Unlock()
	for i, c := range slices.Backward(h.idle) {
		if c.peer.same(peer) && !c.dead.Load() {
			h.idle = slices.Delete(h.idle, i, i+1)
			c.expiry.Stop()
			return c
		}
	}
	return nil
}

// leave counts a request out.
func (p *sshPool) leave(address string) {
	p.mu.Lock()
	defer p.mu.Unlock()
	h := p.known[address]
	h.users--
	p.tidy(address, h)
}

// tidy forgets a host of which nothing is left. The lock is held.
func (p *sshPool) tidy(address string, h *sshHost) {
	if h.users == 0 && len(h.idle) == 0 {
		delete(p.known, address)
	}
}

// release takes a connection back: to be kept, or to be closed.
func (p *sshPool) release(c *sshConn, keep bool) {
	var close []*sshConn
	p.mu.Lock()
	h := p.known[c.peer.address]
	if keep && !c.dead.Load() {
		c.expiry = time.AfterFunc(idleTimeout, func() { p.forget(c); c.client.Close() })
		h.idle = append(h.idle, c)
		if len(h.idle) > idlePerHost {
			close = append(close, h.idle[0])
			h.idle = slices.Delete(h.idle, 0, 1)
		}
	} else {
		close = append(close, c)
	}

	<-h.slots
	h.users--
	p.tidy(c.peer.address, h)
	p.mu.Unlock()

	for _, c := range close {
		c.client.Close()
	}
}

// forget takes a connection out of those that are kept, if it is among them.
func (p *sshPool) forget(c *sshConn) {
	p.mu.Lock()
	defer p.mu.Unlock()
	h := p.known[c.peer.address]
	if h == nil {
		return
	}
	if i := slices.Index(h.idle, c); i >= 0 {
		h.idle = slices.Delete(h.idle, i, i+1)
		c.expiry.Stop()
		p.tidy(c.peer.address, h)
	}
}

// close lets go of the connections that are not in use.
func (p *sshPool) close() {
	var all []*sshConn
	p.mu.Lock()
	for address, h := range p.known {
		all = append(all, h.idle...)
		h.idle = nil
		p.tidy(address, h)
	}

	p.mu.Unlock()
	for _, c := range all {
		c.expiry.Stop()
		c.client.Close()
	}
}

// dial connects, checks the host's key, and shows ours.
func (p *sshPool) dial(ctx context.Context, peer sshPeer) (*ssh.Client, error) {
	check, algorithms, err := p.hosts.check(peer.address)
	if err != nil {
		return nil, err
	}

	ctx, cancel := context.WithTimeoutCause(ctx, dialTimeout+handshakeTimeout, errSlow)
	defer cancel()

	raw, err := p.dialer.DialContext(ctx, "tcp", peer.address)
	if err != nil {
		return nil, err
	}
	defer context.AfterFunc(ctx, func() { raw.Close() })()

	var trusted atomic.Bool
	secure := ssh.SupportedAlgorithms()
	conn, channels, requests, err := ssh.NewClientConn(raw, peer.address, &ssh.ClientConfig{
		Config: ssh.Config{KeyExchanges: secure.KeyExchanges, Ciphers: secure.Ciphers, MACs: secure.MACs},
		User:   peer.user,
		Auth:   []ssh.AuthMethod{ssh.PublicKeys(peer.key.signer)},
		HostKeyCallback: func(host string, remote net.Addr, key ssh.PublicKey) error {
			err := check(host, remote, key)
			trusted.Store(err == nil)
			return err
		},
		HostKeyAlgorithms: algorithms,
		ClientVersion:     "SSH-2.0-Lockstep",
	})
	if err == nil {
		return ssh.NewClient(conn, channels, requests), nil
	}

	raw.Close()
	return nil, handshakeError(ctx, err, trusted.Load())
}

// handshakeError says who has to act on a handshake that failed. Its text may
// hold words of the server's.
func handshakeError(ctx context.Context, err error, trusted bool) error {
	_, network := errors.AsType[net.Error](err)
	refused, isRefused := errors.AsType[*hostKeyError](err)
	switch {
	case isRefused:
		return refused
	case ctx.Err() != nil && context.Cause(ctx) == errSlow:
		return fmt.Errorf("%w: %w", ErrUnavailable, errSlow)
	case ctx.Err() != nil:
		return context.Cause(ctx)
	case network, errors.Is(err, io.EOF):
		return fmt.Errorf("%w: the connection ended in the SSH handshake", ErrUnavailable)
	case trusted:
		return fmt.Errorf("%w: the server refuses the key for this user: %s", ErrUnauthorized, quote([]byte(err.Error())))
	}

	return fmt.Errorf("%w: %s", ErrUnavailable, quote([]byte(err.Error())))
}
