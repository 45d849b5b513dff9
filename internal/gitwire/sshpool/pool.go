package sshpool

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"golang.org/x/crypto/ssh"

	"github.com/lockstephq/lockstep/internal/gitwire/giterr"
)

const (
	// handshakeTimeout is for the key exchange and the authentication.
	handshakeTimeout = 20 * time.Second

	// As over HTTP: until connected, until the first byte of an answer, and how long
	// how many connections to one host are kept without use.
	dialTimeout   = 10 * time.Second
	answerTimeout = time.Minute
	idleTimeout   = 10 * time.Minute
	idlePerHost   = 64

	// busyPerHost is how many SSH connections to one host are in use at once;
	// a further request waits for one of them. Servers start to drop connections
	// at ten that are not authenticated yet.
	busyPerHost = 8
)

// Peer is who is asked, as whom. Connections are shared among requests of
// the same peer alone.
type Peer struct {
	Address string // host:port, the host in lower case
	User    string
	Key     *Key
}

func (p Peer) same(q Peer) bool {
	return p.Address == q.Address && p.User == q.User && p.Key.given == q.Key.given
}

// Pool keeps SSH connections. Each carries one session at a time, as one of
// HTTP/1.1 carries one request: a session that stalls is ended with its
// connection and stops no other, and some servers allow no second one.
type Pool struct {
	dialer *net.Dialer
	hosts  hostKeys

	mu    sync.Mutex
	known map[string]*hostState // by address
}

// hostState is what the pool has of one address.
type hostState struct {
	slots chan struct{}
	users int // requests that wait or run; with none and nothing idle it is forgotten
	idle  []*conn
}

func New(dialer *net.Dialer, knownHosts string) *Pool {
	return &Pool{dialer: dialer, hosts: hostKeys{file: knownHosts}, known: map[string]*hostState{}}
}

// acquire gives a connection that is the caller's until it is released. It is
// fresh if it was made for this call.
func (p *Pool) acquire(ctx context.Context, peer Peer) (c *conn, fresh bool, err error) {
	p.mu.Lock()
	h := p.known[peer.Address]
	if h == nil {
		h = &hostState{slots: make(chan struct{}, busyPerHost)}
		p.known[peer.Address] = h
	}

	h.users++
	p.mu.Unlock()
	select {
	case h.slots <- struct{}{}:
	case <-ctx.Done():
		p.leave(peer.Address)
		return nil, false, context.Cause(ctx)
	}

	if c := p.reuse(h, peer); c != nil {
		return c, false, nil
	}

	client, err := p.dial(ctx, peer)
	if err != nil {
		<-h.slots
		p.leave(peer.Address)
		return nil, true, err
	}

	c = &conn{pool: p, peer: peer, client: client}
	go func() { // so that one that the server closed is not offered again
		_ = client.Wait()
		c.dead.Store(true)
		p.forget(c)
	}()

	return c, true, nil
}

// reuse takes out the connection that was used last.
func (p *Pool) reuse(h *hostState, peer Peer) *conn {
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
func (p *Pool) leave(address string) {
	p.mu.Lock()
	defer p.mu.Unlock()
	h := p.known[address]
	h.users--
	p.tidy(address, h)
}

// tidy forgets a host of which nothing is left. The lock is held.
func (p *Pool) tidy(address string, h *hostState) {
	if h.users == 0 && len(h.idle) == 0 {
		delete(p.known, address)
	}
}

// release takes a connection back: to be kept, or to be closed.
func (p *Pool) release(c *conn, keep bool) {
	var close []*conn
	p.mu.Lock()
	h := p.known[c.peer.Address]
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
	p.tidy(c.peer.Address, h)
	p.mu.Unlock()

	for _, c := range close {
		c.client.Close()
	}
}

// forget takes a connection out of those that are kept, if it is among them.
func (p *Pool) forget(c *conn) {
	p.mu.Lock()
	defer p.mu.Unlock()
	h := p.known[c.peer.Address]
	if h == nil {
		return
	}
	if i := slices.Index(h.idle, c); i >= 0 {
		h.idle = slices.Delete(h.idle, i, i+1)
		c.expiry.Stop()
		p.tidy(c.peer.Address, h)
	}
}

// Close lets go of the connections that are not in use.
func (p *Pool) Close() {
	var all []*conn
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
func (p *Pool) dial(ctx context.Context, peer Peer) (*ssh.Client, error) {
	check, algorithms, err := p.hosts.check(peer.Address)
	if err != nil {
		return nil, err
	}

	ctx, cancel := context.WithTimeoutCause(ctx, dialTimeout+handshakeTimeout, giterr.ErrTimeout)
	defer cancel()

	raw, err := p.dialer.DialContext(ctx, "tcp", peer.Address)
	if err != nil {
		return nil, err
	}
	defer context.AfterFunc(ctx, func() { raw.Close() })()

	var trusted atomic.Bool
	secure := ssh.SupportedAlgorithms()
	conn, channels, requests, err := ssh.NewClientConn(raw, peer.Address, &ssh.ClientConfig{
		Config: ssh.Config{KeyExchanges: secure.KeyExchanges, Ciphers: secure.Ciphers, MACs: secure.MACs},
		User:   peer.User,
		Auth:   []ssh.AuthMethod{ssh.PublicKeys(peer.Key.signer)},
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
	case ctx.Err() != nil && context.Cause(ctx) == giterr.ErrTimeout:
		return fmt.Errorf("%w: %w", giterr.ErrUnavailable, giterr.ErrTimeout)
	case ctx.Err() != nil:
		return context.Cause(ctx)
	case network, errors.Is(err, io.EOF):
		return fmt.Errorf("%w: the connection ended in the SSH handshake", giterr.ErrUnavailable)
	case trusted:
		return fmt.Errorf("%w: the server refuses the key for this user: %s", giterr.ErrUnauthorized, giterr.Quote([]byte(err.Error())))
	}

	return fmt.Errorf("%w: %s", giterr.ErrUnavailable, giterr.Quote([]byte(err.Error())))
}

// Start runs a command. A kept connection may have died since it was used,
// without a word: then another is taken, at last a new one.
func (p *Pool) Start(ctx context.Context, peer Peer, command string) (*Session, error) {
	for {
		c, fresh, err := p.acquire(ctx, peer)
		if err != nil {
			return nil, err
		}

		a, err := c.start(ctx, command)
		if err == nil {
			return a, nil
		}
		if _, ran := errors.AsType[*ssh.ExitError](err); fresh || ran || ctx.Err() != nil {
			return nil, err
		}
	}
}
