package gitwire

import (
	"context"
	"errors"
	"fmt"
	"io"
	"sync"
	"sync/atomic"
	"time"

	"github.com/lockstephq/lockstep/internal/gitwire/giterr"
	"github.com/lockstephq/lockstep/internal/gitwire/localrepo"
	"github.com/lockstephq/lockstep/internal/gitwire/object"
	"github.com/lockstephq/lockstep/internal/gitwire/pktline"
	"github.com/lockstephq/lockstep/internal/gitwire/transport"
)

// Options configure a Remote.
type Options struct {
	// URL is the repository's address: https:// or http:// without user name and password, or
	// ssh:// without password and with the user git by default. Either URL or Path is set.
	URL string
	// Auth is sent to the origin of URL and nowhere else. Defaults to none, which ssh:// does
	// not allow.
	Auth transport.Auth
	// Network carries the requests. Defaults to one for this Remote, which reaches only public
	// addresses.
	Network *transport.Network

	// Path is the root of a local repository: a working copy, a worktree or a bare repository.
	// [localrepo.Find] returns it for any folder inside.
	Path string
	// Roots are the folders below which a local repository must be, with everything it refers
	// to. Defaults to none, which refuses every Path.
	Roots []string
	// AnyOwner also opens local repositories of other users, who then decide what this process
	// reads. Defaults to no.
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
	transport transport.Transport
	refs      *localrepo.Refs    // nil if the transport lists refs
	network   *transport.Network // not nil if it belongs to this Remote
	redact    func(said string) string
	blobs     *blobCache

	mu    sync.Mutex
	known *capabilities

	sendsWhole atomic.Bool // the server serves no single files
}

// Open returns a Remote. It makes no request, but it looks at a local repository.
func Open(options Options) (*Remote, error) {
	if (options.URL == "") == (options.Path == "") {
		return nil, fmt.Errorf("%w: set either URL or Path", giterr.ErrURL)
	}

	remote := &Remote{limits: options.Limits.withDefaults(), redact: options.Auth.Redact}
	remote.blobs = newBlobCache(remote.limits.BlobCacheBytes)
	if options.Path != "" {
		repository, err := localrepo.Open(localrepo.Options{
			Path:     options.Path,
			Roots:    options.Roots,
			AnyOwner: options.AnyOwner,
			Git:      options.Git,
			RefBytes: remote.limits.RefBytes,
		})
		if err != nil {
			return nil, err
		}

		remote.name = options.Path
		remote.agent = transport.DefaultUserAgent
		remote.transport = repository
		remote.refs = repository.Refs()
		return remote, nil
	}

	network := options.Network
	if network == nil {
		network = transport.NewNetwork(transport.NetworkOptions{})
		remote.network = network
	}

	var err error
	remote.agent = network.UserAgent()
	remote.transport, remote.name, err = transport.Open(transport.Options{
		URL:      options.URL,
		Auth:     options.Auth,
		Network:  network,
		RefBytes: remote.limits.RefBytes,
	})
	if err != nil {
		return nil, err
	}

	return remote, nil
}

// Close closes idle connections that no other Remote uses. Requests in progress continue.
func (r *Remote) Close() {
	if r.network != nil {
		r.network.Close()
	}
}

// Name returns the URL or path as errors show it.
func (r *Remote) Name() string { return r.name }

// Refs returns the ID of each named ref, in one request. Names are full (refs/heads/main). A
// ref that does not exist is absent from the map.
func (r *Remote) Refs(ctx context.Context, names []string) (map[string]object.ID, error) {
	for _, name := range names {
		if !object.ValidRef(name) {
			return nil, r.wrapError(ctx, fmt.Errorf("%w: %s", giterr.ErrRef, giterr.Quote([]byte(name))))
		}
	}

	if len(names) == 0 {
		return map[string]object.ID{}, nil
	}

	if r.refs != nil {
		ids, err := r.refs.Read(names)
		return ids, r.wrapError(ctx, err)
	}

	ids := make(map[string]object.ID, len(names))
	for _, name := range names {
		ids[name] = object.ID{}
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

// A Head is what HEAD points to.
type Head struct {
	// Ref is the full name of the branch; empty if HEAD is detached, or if the repository is
	// empty and the server does not say.
	Ref string
	// ID is the commit; zero if the branch is unborn.
	ID object.ID
}

// Head returns what HEAD points to: the default branch.
func (r *Remote) Head(ctx context.Context) (Head, error) {
	if r.refs != nil {
		ref, id, err := r.refs.Head()
		return Head{Ref: ref, ID: id}, r.wrapError(ctx, err)
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

// list calls handle for refs: for the requested ones of a server of version 2, for all of an
// older server, which lists them in every advertisement. It is one request if the server is
// known.
func (r *Remote) list(ctx context.Context, request func(capabilities) []byte, handle func(refLine)) error {
	ask := func(c capabilities) ([]byte, error) { return request(c), nil }
	return r.command(ctx, handle, ask, func(p *pktline.Reader) error {
		p.SetLimit(r.limits.RefBytes)
		return readRefs(p, handle)
	})
}

// command sends one request and reads its answer. It requests the server's capabilities once.
// If an answer makes them doubtful it forgets them, and repeats the request with new ones unless
// they were new: another server may have taken the place, or the repository may have moved. If
// refs is not nil the command is ls-refs, which the advertisement of an old server answers.
func (r *Remote) command(
	ctx context.Context, refs func(refLine), request func(capabilities) ([]byte, error),
	read func(*pktline.Reader) error,
) error {
	for again := true; ; again = false {
		caps, fresh, err := r.capabilities(ctx, refs)
		if err != nil || caps.isOld && refs != nil {
			return err
		}

		body, err := request(caps)
		if err != nil {
			return r.wrapError(ctx, err)
		}

		send := func(ctx context.Context) (io.ReadCloser, error) { return r.transport.Command(ctx, body) }
		err = r.exchange(ctx, 0, send, read)
		isStale := mayBeStale(err)
		if !isStale && !errors.Is(err, giterr.ErrUnavailable) {
			return err
		}

		r.setCapabilities(nil)
		if fresh || !again || !isStale {
			return err
		}
	}
}

// mayBeStale reports whether the error of a command may be that of what was remembered of the
// server. A host that answers for a repository under its former name often redirects, or refuses,
// commands alone; the advertisement leads to the new place.
func mayBeStale(err error) bool {
	for _, class := range []error{
		giterr.ErrProtocol, giterr.ErrRedirect, giterr.ErrNotFound, giterr.ErrUnauthorized,
	} {
		if errors.Is(err, class) {
			return true
		}
	}
	return false
}

// capabilities returns the capabilities of the server. fresh is true if they were requested
// now. If refs is not nil, an old server is always contacted, and refs is called for each of its refs.
func (r *Remote) capabilities(ctx context.Context, refs func(refLine)) (caps capabilities, fresh bool, err error) {
	r.mu.Lock()
	known := r.known
	r.mu.Unlock()

	if known != nil && (refs == nil || !known.isOld) {
		return *known, false, nil
	}

	err = r.exchange(ctx, maxCapabilities, r.transport.Advertise, func(lines *pktline.Reader) error {
		var line string
		caps, line, err = readCapabilities(lines)
		if err != nil || line == "" || refs == nil {
			return err
		}

		lines.SetLimit(r.limits.RefBytes)
		return readOldRefs(lines, caps, line, refs)
	})
	if err != nil {
		return caps, true, err
	}

	r.setCapabilities(&caps)
	return caps, true, nil
}

// setCapabilities keeps the capabilities; nil forgets them.
func (r *Remote) setCapabilities(c *capabilities) {
	r.mu.Lock()
	r.known = c
	r.mu.Unlock()
}

// exchange sends a request and reads the answer within the time limits.
func (r *Remote) exchange(
	ctx context.Context, limit int64, send func(context.Context) (io.ReadCloser, error),
	read func(*pktline.Reader) error,
) error {
	bounded, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)

	total := time.AfterFunc(r.limits.Timeout, func() { cancel(giterr.ErrTimeout) })
	defer total.Stop()

	body, err := send(bounded)
	if err == nil {
		idle := time.AfterFunc(r.limits.Idle, func() { cancel(giterr.ErrTimeout) })
		defer idle.Stop()

		err = read(pktline.NewReader(&idleReader{body, idle, r.limits.Idle}, limit))
		body.Close()
	}

	if err != nil && context.Cause(bounded) == giterr.ErrTimeout {
		err = fmt.Errorf("%w: %w", giterr.ErrUnavailable, giterr.ErrTimeout)
	}

	return r.wrapError(ctx, err)
}

// An idleReader resets a timer at each read.
type idleReader struct {
	r     io.Reader
	timer *time.Timer
	idle  time.Duration
}

func (w *idleReader) Read(b []byte) (int, error) {
	w.timer.Reset(w.idle)
	return w.r.Read(b)
}

// wrapError returns err as a *giterr.Error.
func (r *Remote) wrapError(ctx context.Context, err error) error {
	return giterr.Wrap(ctx, err, r.name, r.redact)
}
