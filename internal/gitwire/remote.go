package gitwire

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"net/url"
	"strings"
	"sync"
	"sync/atomic"
	"time"
)

// Options say which repository to open, and how.
type Options struct {
	// URL is the repository's address: https:// or http:// without user name and
	// password, or ssh:// without password, whose user is git if none is named.
	// Exactly one of URL and Path is given.
	URL string
	// Auth is sent to the origin of URL and nowhere else. Defaults to none, which
	// ssh:// does not allow.
	Auth Auth
	// Network carries the requests. Defaults to one of this Remote's own that
	// reaches public addresses only.
	Network *Network

	// Path is the root of a local repository: a working copy, a worktree or a
	// bare repository (FindRepository finds it from any folder inside).
	Path string
	// Roots are the folders below which a local repository must lie, with
	// everything it refers to. Defaults to none, which refuses every Path.
	Roots []string
	// AnyOwner also opens local repositories of other users. Whoever may write to
	// one then decides what this process reads as its commits. Defaults to no.
	AnyOwner bool
	// Git is the git program for local repositories. Defaults to the one in PATH.
	Git string

	// Limits bound what the repository may cost.
	Limits Limits
}

// A Remote reads one repository. It is safe for concurrent use.
type Remote struct {
	name      string
	agent     string
	limits    Limits
	transport transport
	refs      *refFiles // nil if refs are asked of the transport
	network   *Network  // not nil if it is this Remote's own
	hide      func(said string) string
	blobs     *blobCache

	mu    sync.Mutex
	known *capabilities

	whole atomic.Bool // the server was found to give out no single files
}

// A transport carries requests of the protocol to a repository.
type transport interface {
	// advertise gives the capability advertisement.
	advertise(ctx context.Context) (io.ReadCloser, error)
	// command gives the answer to one request.
	command(ctx context.Context, request []byte) (io.ReadCloser, error)
}

// Open checks what it is given and prepares a Remote. Of a URL nothing is
// reached yet; a local repository is looked at.
func Open(o Options) (*Remote, error) {
	if (o.URL == "") == (o.Path == "") {
		return nil, fmt.Errorf("%w: give either a URL or a path", ErrURL)
	}

	r := &Remote{limits: o.Limits.withDefaults(), agent: "git/lockstep", hide: o.Auth.hide}
	r.blobs = newBlobCache(r.limits.BlobCacheBytes)
	var err error
	if o.Path != "" {
		r.name = o.Path
		err = r.openPath(o)
	} else {
		err = r.openURL(o)
	}

	if err != nil {
		return nil, err
	}

	return r, nil
}

// Close lets go of idle connections that no other Remote uses. Requests under
// way go on.
func (r *Remote) Close() {
	if r.network != nil {
		r.network.Close()
	}
}

// Name is the repository's URL or path as errors show it.
func (r *Remote) Name() string { return r.name }

func (r *Remote) openURL(o Options) error {
	if isSSH(o.URL) {
		return r.openSSH(o)
	}

	u, err := parseURL(o.URL)
	if err != nil {
		return err
	}

	r.name = u.String()
	if err := o.Auth.check(u); err != nil {
		return &Error{Repository: r.name, Err: err}
	}

	network := o.Network
	if network == nil {
		network = NewNetwork(NetworkOptions{})
		r.network = network
	}

	r.agent = network.agent
	r.transport = &httpTransport{network: network, first: u, auth: o.Auth, base: u}
	return nil
}

// parseURL takes an allow list of schemes and forms. Its errors do not repeat
// the URL, which may hold a password, and name the https form of an ssh one.
func parseURL(raw string) (*url.URL, error) {
	if form, ok := httpsForm(raw); ok {
		return nil, fmt.Errorf("%w: only http:// and https:// are read; use %s", ErrURL, form)
	}

	u, err := url.Parse(raw)
	switch {
	case err != nil:
		return nil, fmt.Errorf("%w: it cannot be parsed", ErrURL)
	case u.Scheme != "https" && u.Scheme != "http":
		return nil, fmt.Errorf("%w: only http:// and https:// are read, use https://HOST/PATH", ErrURL)
	case u.Hostname() == "" || u.Opaque != "":
		return nil, fmt.Errorf("%w: it names no host", ErrURL)
	case u.User != nil:
		return nil, fmt.Errorf("%w: take user name and password out of it and give them as a credential (%s://%s%s)",
			ErrURL, u.Scheme, u.Host, u.EscapedPath())
	case u.RawQuery != "" || u.ForceQuery || u.Fragment != "":
		return nil, fmt.Errorf("%w: a query or a fragment is not part of a repository's address", ErrURL)
	case strings.ContainsFunc(u.Path, func(c rune) bool { return c < ' ' || c == 0x7f }):
		return nil, fmt.Errorf("%w: it holds control characters", ErrURL)
	}

	u.Path, u.RawPath = strings.TrimSuffix(u.Path, "/"), strings.TrimSuffix(u.RawPath, "/")
	return u, nil
}

// httpsForm gives the https:// form of the ways to write an address over ssh or
// git's own port: ssh://git@host:22/path, git://host/path, git@host:path.
func httpsForm(raw string) (string, bool) {
	scheme, rest, ok := strings.Cut(raw, "://")
	if !ok {
		host, path, ok := strings.Cut(raw, ":")
		if !ok || host == "http" || host == "https" || strings.ContainsAny(host, "/\\") || strings.HasPrefix(path, ":") || path == "" {
			return "", false
		}

		rest = host + "/" + path
	} else if scheme != "ssh" && scheme != "git" && scheme != "git+ssh" && scheme != "ssh+git" {
		return "", false
	}

	host, path, _ := strings.Cut(rest, "/")
	host = host[strings.LastIndexByte(host, '@')+1:]
	host, _, _ = strings.Cut(host, ":")
	form := url.URL{Scheme: "https", Host: host, Path: "/" + strings.TrimPrefix(path, "/")}

	return form.String(), true
}

// Refs gives the id of each named ref. Names are full (refs/heads/main) and are
// all asked for in one request; one that is not there is absent from the map.
func (r *Remote) Refs(ctx context.Context, names []string) (map[string]ID, error) {
	for _, name := range names {
		if !ValidRef(name) {
			return nil, r.fault(ctx, fmt.Errorf("%w: %s", ErrRef, quote([]byte(name))))
		}
	}

	if len(names) == 0 {
		return map[string]ID{}, nil
	}

	if r.refs != nil {
		ids, err := r.refs.read(names)
		return ids, r.fault(ctx, err)
	}

	ids := make(map[string]ID, len(names))
	for _, name := range names {
		ids[name] = ID{}
	}

	request := func(c capabilities) []byte { return lsRefsRequest(c, r.agent, names) }
	err := r.list(ctx, request, func(ref refLine) {
		if _, asked := ids[ref.name]; asked {
			ids[ref.name] = ref.id
		}
	})
	if err != nil {
		return nil, err
	}

	for name, id := range ids {
		if id.IsZero() {
			delete(ids, name)
		}
	}

	return ids, nil
}

// A Head is what HEAD stands for.
type Head struct {
	// Ref is the full name of the branch that HEAD points to; empty if HEAD is
	// detached, or if the repository is empty and the server does not tell.
	Ref string
	// ID is the commit; zero if the branch is unborn.
	ID ID
}

// Head asks what HEAD stands for: the default branch.
func (r *Remote) Head(ctx context.Context) (Head, error) {
	if r.refs != nil {
		head, err := r.refs.head()
		return head, r.fault(ctx, err)
	}

	var head Head
	request := func(c capabilities) []byte { return headRequest(c, r.agent) }
	err := r.list(ctx, request, func(ref refLine) {
		if ref.name == "HEAD" {
			head = Head{Ref: ref.target, ID: ref.id}
		}
	})

	return head, err
}

// list hands refs to f: of a server of version 2 those that are asked for, of an
// older one all, which it lists in every advertisement. Either way it is one
// request once the server is known.
func (r *Remote) list(ctx context.Context, request func(capabilities) []byte, f func(refLine)) error {
	ask := func(c capabilities) ([]byte, error) { return request(c), nil }
	return r.command(ctx, f, ask, func(p *packetReader) error {
		p.allow(r.limits.RefBytes)
		return readRefs(p, f)
	})
}

// command sends one request and reads its answer. The server's capabilities are
// asked for once; when an answer makes no sense they are forgotten, and if they
// were not fresh, asked for again and the request repeated: the server may have
// been replaced by another. Where refs is not nil the command is ls-refs, and
// done if the advertisement listed them.
func (r *Remote) command(ctx context.Context, refs func(refLine), request func(capabilities) ([]byte, error), read func(*packetReader) error) error {
	for again := true; ; again = false {
		c, fresh, err := r.capabilities(ctx, refs)
		if err != nil || c.old && refs != nil {
			return err
		}

		body, err := request(c)
		if err != nil {
			return r.fault(ctx, err)
		}

		send := func(ctx context.Context) (io.ReadCloser, error) { return r.transport.command(ctx, body) }
		err = r.exchange(ctx, 0, send, read)
		if !errors.Is(err, ErrProtocol) && !errors.Is(err, ErrUnavailable) {
			return err
		}

		r.learn(nil)
		if fresh || !again || !errors.Is(err, ErrProtocol) {
			return err
		}
	}
}

// capabilities gives what the server can do, and whether it was asked just now.
// A server of an old version is asked whenever refs is not nil, and its refs are
// handed to that.
func (r *Remote) capabilities(ctx context.Context, refs func(refLine)) (c capabilities, fresh bool, err error) {
	r.mu.Lock()
	known := r.known
	r.mu.Unlock()

	if known != nil && (refs == nil || !known.old) {
		return *known, false, nil
	}

	err = r.exchange(ctx, maxCapabilities, r.transport.advertise, func(p *packetReader) error {
		var line string
		c, line, err = readCapabilities(p)
		if err != nil || line == "" || refs == nil {
			return err
		}

		p.allow(r.limits.RefBytes)
		return readOldRefs(p, c, line, refs)
	})
	if err != nil {
		return c, true, err
	}

	r.learn(&c)
	return c, true, nil
}

// learn keeps what a server can do; nil forgets it.
func (r *Remote) learn(c *capabilities) {
	r.mu.Lock()
	r.known = c
	r.mu.Unlock()
}

// errSlow is the cause of a request's end when the server took too long.
var errSlow = errors.New("the server takes too long")

// exchange sends and reads within the limits of time.
func (r *Remote) exchange(ctx context.Context, limit int64, send func(context.Context) (io.ReadCloser, error), read func(*packetReader) error) error {
	bounded, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)

	total := time.AfterFunc(r.limits.Timeout, func() { cancel(errSlow) })
	defer total.Stop()

	body, err := send(bounded)
	if err == nil {
		idle := time.AfterFunc(r.limits.Idle, func() { cancel(errSlow) })
		defer idle.Stop()

		err = read(newPacketReader(&watched{body, idle, r.limits.Idle}, limit))
		body.Close()
	}

	if err != nil && context.Cause(bounded) == errSlow {
		err = fmt.Errorf("%w: %w", ErrUnavailable, errSlow)
	}

	return r.fault(ctx, err)
}

// watched puts a timer off whenever something is read.
type watched struct {
	r     io.Reader
	timer *time.Timer
	idle  time.Duration
}

func (w *watched) Read(b []byte) (int, error) {
	w.timer.Reset(w.idle)
	return w.r.Read(b)
}

// fault makes an *Error of whatever went wrong, with a sentinel in it.
func (r *Remote) fault(ctx context.Context, err error) error {
	if err == nil {
		return nil
	}
	if fault, ok := errors.AsType[*Error](err); ok {
		return fault
	}

	var certificate *tls.CertificateVerificationError
	switch wire, isURL := errors.AsType[*url.Error](err); {
	case ctx.Err() != nil:
		err = context.Cause(ctx)
	case isSentinel(err):
		if isURL { // its text repeats the request
			err = wire.Err
		}
	case errors.As(err, &certificate):
		err = fmt.Errorf("%w: %w", ErrCertificate, certificate)
	case isURL:
		err = fmt.Errorf("%w: %w", ErrUnavailable, wire.Err)
	case errors.Is(err, io.ErrUnexpectedEOF):
		err = fmt.Errorf("%w: the answer was cut off", ErrUnavailable)
	default:
		err = fmt.Errorf("%w: %w", ErrUnavailable, err)
	}

	fault := &Error{Repository: r.name, Err: err}
	if text := r.hide(err.Error()); text != err.Error() {
		fault.Err = &hidden{err, text}
	}

	if status, ok := errors.AsType[*statusError](err); ok {
		fault.RetryAfter = status.wait
	}

	return fault
}

// isSentinel says whether err is already told apart. What is not comes from the
// network.
func isSentinel(err error) bool {
	for _, sentinel := range []error{
		ErrUnavailable, ErrUnauthorized, ErrNotFound, ErrMissing, ErrLimit, ErrProtocol, ErrVersion, ErrNoFilter, ErrSHA256,
		ErrAddress, ErrProxy, ErrCertificate, ErrHostKey, ErrRedirect, ErrURL, ErrRef, ErrNotRepository, ErrRoot, ErrOwner, ErrGit,
	} {
		if errors.Is(err, sentinel) {
			return true
		}
	}
	return false
}
