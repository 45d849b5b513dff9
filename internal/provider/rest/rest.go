// Package rest is how drivers speak to the JSON APIs of Git hosts: over the
// server's Network, so that only what may be dialled is; with the credential for
// one origin and no other; and with every answer bounded.
//
// A driver that uses a host's own library gives it [Client.HTTP] and turns its
// errors into ours by [Client.Refused]; one that has none calls [Client.Do].
//
// Redirects of GET are followed on the same origin, as when a repository was
// renamed. All others are errors that name the place.
//
// Errors are *lockstep.Error: Denied where the credential is refused, NotFound,
// Exists for a conflict, Invalid for what the host will never take, Unavailable
// (with [provider.Later] where the host said how long) for the network, 5xx and
// limits on rate. They name method and address, and never the credential, also
// where the host repeats it.
package rest

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strings"
	"time"

	"github.com/lockstephq/lockstep"
	"github.com/lockstephq/lockstep/internal/gitwire/transport"
	"github.com/lockstephq/lockstep/internal/netaddr"
)

// Options say which API to call, and how.
type Options struct {
	// Base is the URL of the API, such as https://api.github.com. Paths are put
	// behind it.
	Base    string
	Network *transport.Network
	// Authorize puts the credential on a request's header. It may call the host to
	// get one; its error is the request's. Defaults to none.
	Authorize func(ctx context.Context, header http.Header) error
	// Timeout bounds one request with its answer. Defaults to 30 s.
	Timeout time.Duration
}

const (
	// maxAnswer is how much of an answer is read, in bytes.
	maxAnswer    = 8 << 20
	maxRedirects = 3
)

// A Client calls one API. It is safe for concurrent use.
type Client struct {
	base    *url.URL
	network *transport.Network
	http    *http.Client
}

// New makes a client. Invalid where Base is not a URL of http or https.
func New(o Options) (*Client, error) {
	base, err := url.Parse(strings.TrimRight(o.Base, "/"))
	if err != nil || base.Host == "" || base.Scheme != "https" && base.Scheme != "http" || base.User != nil {
		return nil, lockstep.Errorf(lockstep.Invalid, "The address of a Git host's API is https://HOST or http://HOST, with no user name.")
	}

	if o.Timeout == 0 {
		o.Timeout = 30 * time.Second
	}

	c := &Client{base: base, network: o.Network}
	c.http = &http.Client{
		Timeout:       o.Timeout,
		Transport:     &roundTripper{below: o.Network.Transport(), base: base, authorize: o.Authorize},
		CheckRedirect: c.redirected,
	}

	return c, nil
}

// HTTP gives a client for libraries: it puts the credential on requests to the
// API's origin alone, and bounds answers.
func (c *Client) HTTP() *http.Client { return c.http }

// redirected follows GET on the same origin.
func (c *Client) redirected(next *http.Request, via []*http.Request) error {
	if next.Method == http.MethodGet && via[0].Method == http.MethodGet && len(via) <= maxRedirects && netaddr.SameOrigin(next.URL, c.base) {
		return nil
	}
	return http.ErrUseLastResponse
}

// Do sends in as JSON, unless it is nil, to a path behind the API's address, and
// reads the answer into out, unless that is nil. The path is escaped as it stands,
// [url.PathEscape] for each part that is not ours, and may have a query. It gives
// the answer's headers.
func (c *Client) Do(ctx context.Context, method, path string, in, out any) (http.Header, error) {
	var body io.Reader
	if in != nil {
		b, err := json.Marshal(in)
		if err != nil {
			return nil, fmt.Errorf("encode a request to %s: %w", c.base.Host, err)
		}

		body = bytes.NewReader(b)
	}

	req, err := http.NewRequestWithContext(ctx, method, c.base.String()+path, body)
	if err != nil {
		return nil, fmt.Errorf("request to %s: %w", c.base.Host, err)
	}

	req.Header.Set("Accept", "application/json")
	if in != nil {
		req.Header.Set("Content-Type", "application/json")
	}

	return c.Send(req, out)
}

// Send sends a request that somebody made for this API, and reads the answer into
// out, unless that is nil, as Do does.
func (c *Client) Send(req *http.Request, out any) (http.Header, error) {
	resp, err := c.http.Do(req)
	if err != nil {
		return nil, c.failed(req, err)
	}
	defer resp.Body.Close()

	if resp.StatusCode/100 != 2 {
		text, _ := io.ReadAll(io.LimitReader(resp.Body, 4*maxSaid))
		return resp.Header, c.Refused(resp, said(text))
	}

	if out == nil || resp.StatusCode == http.StatusNoContent {
		return resp.Header, nil
	}
	if err := json.NewDecoder(resp.Body).Decode(out); err != nil {
		return nil, unread(req, err)
	}

	return resp.Header, nil
}

// A roundTripper puts the credential on and bounds answers.
type roundTripper struct {
	below     http.RoundTripper
	base      *url.URL
	authorize func(context.Context, http.Header) error
}

// RoundTrip sends one request.
func (t *roundTripper) RoundTrip(req *http.Request) (*http.Response, error) {
	if !netaddr.SameOrigin(req.URL, t.base) {
		return nil, lockstep.Errorf(lockstep.Invalid, "%s is not the API at %s: nothing is asked there.", req.URL.Host, t.base.Host)
	}

	req = req.Clone(req.Context())
	req.Header.Set("User-Agent", "lockstep")
	if t.authorize != nil {
		if err := t.authorize(req.Context(), req.Header); err != nil {
			return nil, err
		}
	}

	resp, err := t.below.RoundTrip(req)
	if err == nil {
		resp.Request = req // with the credential, to find it in what the host says
		resp.Body = &bounded{resp.Body, maxAnswer}
	}

	return resp, err
}

var errTooLong = errors.New("the answer is too long")

// A bounded body ends in an error where it is too long.
type bounded struct {
	io.ReadCloser
	left int
}

func (b *bounded) Read(p []byte) (int, error) {
	if b.left <= 0 {
		return 0, errTooLong
	}
	n, err := b.ReadCloser.Read(p[:min(len(p), b.left)])
	b.left -= n
	return n, err
}
