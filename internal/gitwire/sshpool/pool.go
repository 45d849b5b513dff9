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
	// handshakeTimeout bounds the key exchange and the authentication.
	handshakeTimeout = 20 * time.Second

	// As over HTTP: the time until a connection, until the first byte of an answer, and until
	// an idle connection is closed; how many idle connections to a host are kept.
	dialTimeout   = 10 * time.Second
	answerTimeout = time.Minute
	idleTimeout   = 10 * time.Minute
	idlePerHost   = 64

	// maxBusyPerHost is how many SSH connections to one host are in use at once; further
	// requests wait. Servers start to drop connections at ten unauthenticated ones.
	maxBusyPerHost = 8
)

// A Peer is a user of a server, with a key. Only requests of the same peer share connections.
type Peer struct {
	Address string // host:port, the host in lower case
	User    string
	Key     *Key
}

func (p Peer) same(q Peer) bool {
	return p.Address == q.Address && p.User == q.User && p.Key.digest == q.Key.digest
}

// A Pool keeps SSH connections. Each carries one session at a time, as one of HTTP/1.1 carries
// one request: a session that stalls ends with its connection and affects no other, and some
// servers allow only one session.
type Pool struct {
	dialer *net.Dialer
	hosts  hostKeys

	mu    sync.Mutex
	known map[string]*hostState // by address
}

// A hostState is the state of one address.
type hostState struct {
	slots chan struct{}
	users int // requests that wait or run
	idle  []*conn
}

func New(dialer *net.Dialer, knownHosts string) *Pool {
	return &Pool{dialer: dialer, hosts: hostKeys{file: knownHosts}, known: map[string]*hostState{}}
}

// acquire returns a connection that is the caller's until it is released. fresh is true if it
// is new.
func (p *Pool) acquire(ctx context.Context, peer Peer) (connection *conn, fresh bool, err error) {
	p.mu.Lock()
	host := p.known[peer.Address]
	if host == nil {
		host = &hostState{slots: make(chan struct{}, maxBusyPerHost)}
		p.known[peer.Address] = host
	}

	host.users++
	p.mu.Unlock()
	select {
	case host.slots <- struct{}{}:
	case <-ctx.Done():
		p.done(peer.Address)
		return nil, false, context.Cause(ctx)
	}

	if connection := p.reuse(host, peer); connection != nil {
		return connection, false, nil
	}

	client, err := p.dial(ctx, peer)
	if err != nil {
		<-host.slots
		p.done(peer.Address)
		return nil, true, err
	}

	connection = &conn{pool: p, peer: peer, client: client}
	go func() { // so that one that the server closed is not reused
		_ = client.Wait()
		connection.dead.Store(true)
		p.forget(connection)
	}()

	return connection, true, nil
}

// reuse removes the idle connection that was used last.
func (p *Pool) reuse(host *hostState, peer Peer) *conn {
	p.mu.Lock()
	defer p.mu.Unlock()
	for i, connection := range slices.Backward(host.idle) {
		if connection.peer.same(peer) && !connection.dead.Load() {
			host.idle = slices.Delete(host.idle, i, i+1)
			connection.expiry.Stop()
			return connection
		}
	}
	return nil
}

// done ends a request.
func (p *Pool) done(address string) {
	p.mu.Lock()
	defer p.mu.Unlock()
	h := p.known[address]
	h.users--
	p.removeIfUnused(address, h)
}

// removeIfUnused removes a host without requests and idle connections. The lock is held.
func (p *Pool) removeIfUnused(address string, h *hostState) {
	if h.users == 0 && len(h.idle) == 0 {
		delete(p.known, address)
	}
}

// release ends the use of a connection, which is kept idle or closed.
func (p *Pool) release(connection *conn, keep bool) {
	var closing []*conn
	p.mu.Lock()
	host := p.known[connection.peer.Address]
	if keep && !connection.dead.Load() {
		connection.expiry = time.AfterFunc(idleTimeout, func() { p.forget(connection); connection.client.Close() })
		host.idle = append(host.idle, connection)
		if len(host.idle) > idlePerHost {
			closing = append(closing, host.idle[0])
			host.idle = slices.Delete(host.idle, 0, 1)
		}
	} else {
		closing = append(closing, connection)
	}

	<-host.slots
	host.users--
	p.removeIfUnused(connection.peer.Address, host)
	p.mu.Unlock()

	for _, connection := range closing {
		connection.client.Close()
	}
}

// forget removes a connection from the idle ones, if it is among them.
func (p *Pool) forget(connection *conn) {
	p.mu.Lock()
	defer p.mu.Unlock()
	host := p.known[connection.peer.Address]
	if host == nil {
		return
	}
	if i := slices.Index(host.idle, connection); i >= 0 {
		host.idle = slices.Delete(host.idle, i, i+1)
		connection.expiry.Stop()
		p.removeIfUnused(connection.peer.Address, host)
	}
}

// Close closes idle connections.
func (p *Pool) Close() {
	var all []*conn
	p.mu.Lock()
	for address, h := range p.known {
		all = append(all, h.idle...)
		h.idle = nil
		p.removeIfUnused(address, h)
	}

	p.mu.Unlock()
	for _, c := range all {
		c.expiry.Stop()
		c.client.Close()
	}
}

// dial connects, verifies the host's key, and authenticates.
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

// handshakeError classifies the error of a handshake. Its text may contain the server's words.
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
		return fmt.Errorf("%w: the server refuses the key for this user: %s", giterr.ErrUnauthorized,
			giterr.Quote([]byte(err.Error())))
	}

	return fmt.Errorf("%w: %s", giterr.ErrUnavailable, giterr.Quote([]byte(err.Error())))
}

// Start runs a command. An idle connection may have died unnoticed: then the next is used,
// finally a new one.
func (p *Pool) Start(ctx context.Context, peer Peer, command string) (*Session, error) {
	for {
		connection, fresh, err := p.acquire(ctx, peer)
		if err != nil {
			return nil, err
		}

		session, err := connection.start(ctx, command)
		if err == nil {
			return session, nil
		}
		if _, ran := errors.AsType[*ssh.ExitError](err); fresh || ran || ctx.Err() != nil {
			return nil, err
		}
	}
}
