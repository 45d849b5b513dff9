package rest

import (
	"bytes"
	"context"
	"encoding/base64"
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
	// Base is the URL of the API, such as https://api.github.com. Paths are appended to
	// it.
	Base    string
	Network *transport.Network
	// Authorize sets the credential on the header of a request. It may call the host to
	// get one. Its error is the request's. Defaults to no credential.
	Authorize Authorize
	// Timeout bounds one request with its response. Defaults to 30 s.
	Timeout time.Duration
}

// Authorize sets a credential on the header of a request.
type Authorize func(ctx context.Context, header http.Header) error

// Authorization returns an Authorize that sets the Authorization header to a value. It
// sets none if the value is "".
func Authorization(value string) Authorize {
	return func(_ context.Context, header http.Header) error {
		if value != "" {
			header.Set("Authorization", value)
		}
		return nil
	}
}

// BasicValue returns the value of an Authorization header for a user name and a
// password.
func BasicValue(user, password string) string {
	return "Basic " + base64.StdEncoding.EncodeToString([]byte(user+":"+password))
}

const (
	// maxResponse is how much of a response is read, in bytes.
	maxResponse  = 8 << 20
	maxRedirects = 3
	// cleanupTimeout bounds the removal of what a failed call has created.
	cleanupTimeout = 30 * time.Second
)

// CleanupContext returns a context for removing what a failed call has created. It
// outlives ctx, because the caller may have given up.
func CleanupContext(ctx context.Context) (context.Context, context.CancelFunc) {
	return context.WithTimeout(context.WithoutCancel(ctx), cleanupTimeout)
}

// EscapePath escapes each element of a path, such as the name of a branch.
func EscapePath(path string) string {
	elements := strings.Split(path, "/")
	for i := range elements {
		elements[i] = url.PathEscape(elements[i])
	}
	return strings.Join(elements, "/")
}

// A Client calls one API. It is safe for concurrent use.
type Client struct {
	base    *url.URL
	network *transport.Network
	http    *http.Client
}

// New returns a client. The error is Invalid if Base is not a URL of http or https.
func New(options Options) (*Client, error) {
	base, err := url.Parse(strings.TrimRight(options.Base, "/"))
	if err != nil || base.Host == "" || base.Scheme != "https" && base.Scheme != "http" || base.User != nil {
		return nil, lockstep.Errorf(lockstep.Invalid,
			"The address of a Git host's API is https://HOST or http://HOST, with no user name.")
	}

	if options.Timeout == 0 {
		options.Timeout = 30 * time.Second
	}

	client := &Client{base: base, network: options.Network}
	client.http = &http.Client{
		Timeout:       options.Timeout,
		Transport:     &roundTripper{next: options.Network.Transport(), base: base, authorize: options.Authorize},
		CheckRedirect: client.checkRedirect,
	}

	return client, nil
}

// HTTP returns an HTTP client for libraries: it sends the credential to the API's
// origin alone, and bounds responses.
func (c *Client) HTTP() *http.Client { return c.http }

// checkRedirect follows a redirect on the same origin that keeps the method: for a write those are
// 307 and 308, with which hosts answer for a repository under its former name. The body is sent
// again.
func (c *Client) checkRedirect(next *http.Request, via []*http.Request) error {
	keepsMethod := next.Method == via[0].Method
	if keepsMethod && len(via) <= maxRedirects && netaddr.SameOrigin(next.URL, c.base) {
		return nil
	}
	return http.ErrUseLastResponse
}

// URL returns the URL of a path of the API.
func (c *Client) URL(path string) string { return c.base.String() + path }

// NewRequest returns a request for a path of the API, with in as JSON unless it is nil.
// The path is sent as it is escaped and may have a query.
func (c *Client) NewRequest(ctx context.Context, method, path string, in any) (*http.Request, error) {
	var body io.Reader
	if in != nil {
		encoded, err := json.Marshal(in)
		if err != nil {
			return nil, fmt.Errorf("encode a request to %s: %w", c.base.Host, err)
		}

		body = bytes.NewReader(encoded)
	}

	req, err := http.NewRequestWithContext(ctx, method, c.URL(path), body)
	if err != nil {
		return nil, fmt.Errorf("request to %s: %w", c.base.Host, err)
	}

	req.Header.Set("Accept", "application/json")
	if in != nil {
		req.Header.Set("Content-Type", "application/json")
	}

	return req, nil
}

// Do sends in as JSON, unless it is nil, to a path of the API, and decodes the response
// into out, unless that is nil. It returns the headers of the response.
func (c *Client) Do(ctx context.Context, method, path string, in, out any) (http.Header, error) {
	req, err := c.NewRequest(ctx, method, path, in)
	if err != nil {
		return nil, err
	}
	return c.Send(req, out)
}

// Send sends a request to the API, and decodes the response into out, unless that is
// nil.
func (c *Client) Send(req *http.Request, out any) (http.Header, error) {
	resp, err := c.http.Do(req)
	if err != nil {
		return nil, c.requestError(req, err)
	}
	defer resp.Body.Close()

	if resp.StatusCode/100 != 2 {
		body, _ := io.ReadAll(io.LimitReader(resp.Body, 4*maxMessage))
		return resp.Header, c.ResponseError(resp, messageIn(body))
	}

	if out == nil || resp.StatusCode == http.StatusNoContent {
		return resp.Header, nil
	}
	if err := json.NewDecoder(resp.Body).Decode(out); err != nil {
		return nil, decodeError(req, err)
	}

	return resp.Header, nil
}

// Status sends GET to a path of the API and returns the status of the response, without
// reading it. err is what a status other than 2xx means.
func (c *Client) Status(ctx context.Context, path string) (status int, err error) {
	req, err := c.NewRequest(ctx, http.MethodGet, path, nil)
	if err != nil {
		return 0, err
	}

	resp, err := c.http.Do(req)
	if err != nil {
		return 0, c.requestError(req, err)
	}

	resp.Body.Close()
	if resp.StatusCode/100 == 2 {
		return resp.StatusCode, nil
	}

	return resp.StatusCode, c.ResponseError(resp, "")
}

// A roundTripper sets the credential and bounds responses.
type roundTripper struct {
	next      http.RoundTripper
	base      *url.URL
	authorize Authorize
}

// RoundTrip sends one request.
func (t *roundTripper) RoundTrip(req *http.Request) (*http.Response, error) {
	if !netaddr.SameOrigin(req.URL, t.base) {
		return nil, lockstep.Errorf(lockstep.Invalid, "%s is not the API at %s: no request is sent there.",
			req.URL.Host, t.base.Host)
	}

	req = req.Clone(req.Context())
	req.Header.Set("User-Agent", "lockstep")
	if t.authorize != nil {
		if err := t.authorize(req.Context(), req.Header); err != nil {
			return nil, err
		}
	}

	resp, err := t.next.RoundTrip(req)
	if err == nil {
		resp.Request = req // with the credential, to remove it from the host's messages
		resp.Body = &boundedBody{resp.Body, maxResponse}
	}

	return resp, err
}

var errTooLong = errors.New("the response is too long")

// A boundedBody ends in an error if it is too long.
type boundedBody struct {
	io.ReadCloser
	left int
}

func (b *boundedBody) Read(p []byte) (int, error) {
	if b.left <= 0 {
		return 0, errTooLong
	}
	n, err := b.ReadCloser.Read(p[:min(len(p), b.left)])
	b.left -= n
	return n, err
}
