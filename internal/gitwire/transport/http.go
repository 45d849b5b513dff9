package transport

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"mime"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/lockstephq/lockstep/internal/gitwire/giterr"
)

// An httpTransport is smart HTTP.
type httpTransport struct {
	network *Network
	auth    Auth
	first   *url.URL // for every advertisement

	mu   sync.Mutex
	base *url.URL // of the last advertisement

	wantsBasic atomic.Bool // the server has accepted the token as password
}

const (
	advertisement = "application/x-git-upload-pack-advertisement"
	request       = "application/x-git-upload-pack-request"
	result        = "application/x-git-upload-pack-result"

	maxRedirects  = 3
	maxRetryAfter = time.Hour
)

// Advertise requests the capabilities. Only this request follows redirects. On the same origin,
// as after a repository was renamed, the commands then go to the new place. Another origin is
// asked without the credential, and its answer is not used: the error names it, because a
// person decides from where a repository is read.
func (t *httpTransport) Advertise(ctx context.Context) (io.ReadCloser, error) {
	base, moved := t.first, false
	for range maxRedirects + 1 {
		address := base.JoinPath("info/refs")
		address.RawQuery = "service=git-upload-pack"

		// After another origin the credential is never sent again, because that origin chose
		// the way back.
		resp, err := t.send(ctx, http.MethodGet, address, nil, !moved)
		if err == nil && resp.StatusCode/100 == 3 {
			resp.Body.Close()
			if base, err = redirectTarget(address, resp.Header.Get("Location")); err != nil {
				return nil, err
			}

			moved = moved || origin(base) != origin(t.first)
			continue
		}

		var body io.ReadCloser
		if err == nil {
			body, err = t.checkResponse(resp, advertisement)
		}

		if moved {
			return nil, crossOriginError(base, body, err)
		}

		if err == nil {
			t.mu.Lock()
			t.base = base
			t.mu.Unlock()
		}

		return body, err
	}

	return nil, fmt.Errorf("%w: more than %d in a row", giterr.ErrRedirect, maxRedirects)
}

// crossOriginError returns the result of asking another origin.
func crossOriginError(base *url.URL, body io.Closer, err error) error {
	if err == nil {
		body.Close()
		return fmt.Errorf("%w: the repository has moved to %s; change its address to that", giterr.ErrRedirect,
			showTarget(base))
	}
	if wire, ok := errors.AsType[*url.Error](err); ok {
		err = wire.Err
	}
	return fmt.Errorf("%w, after a redirect to %s, where no credential is sent; "+
		"change the repository's address to that", err, showTarget(base))
}

// showTarget returns the target of a redirect, quoted.
func showTarget(u *url.URL) string {
	shown := url.URL{Scheme: u.Scheme, Host: u.Host, Path: strings.TrimSuffix(u.Path, "/info/refs")}
	return giterr.Quote([]byte(shown.String()))
}

func (t *httpTransport) Command(ctx context.Context, body []byte) (io.ReadCloser, error) {
	t.mu.Lock()
	u := t.base.JoinPath("git-upload-pack")
	t.mu.Unlock()
	resp, err := t.send(ctx, http.MethodPost, u, body, true)
	if err != nil {
		return nil, err
	}
	return t.checkResponse(resp, result)
}

// send sends a request. isTrusted adds the credential: a person, or the origin itself, chose
// the URL. A token that is refused is sent once more as password if the server asks for that.
func (t *httpTransport) send(ctx context.Context, method string, address *url.URL, body []byte,
	isTrusted bool) (*http.Response, error) {
	header := t.auth.header
	if !isTrusted {
		header = nil
	} else if t.wantsBasic.Load() {
		header = t.auth.basicHeader
	}

	resp, err := t.sendWith(ctx, method, address, body, header)
	if err != nil || header == nil || t.auth.basicHeader == nil || t.wantsBasic.Load() ||
		resp.StatusCode != http.StatusUnauthorized || !asksForBasicAlone(resp.Header) {
		return resp, err
	}

	resp.Body.Close()
	resp, err = t.sendWith(ctx, method, address, body, t.auth.basicHeader)
	if err == nil && resp.StatusCode != http.StatusUnauthorized {
		t.wantsBasic.Store(true)
	}
	return resp, err
}

// asksForBasicAlone reports whether the challenges of a server are for Basic authentication, and
// for no other.
func asksForBasicAlone(header http.Header) bool {
	challenges := strings.ToLower(strings.Join(header.Values("WWW-Authenticate"), ", "))
	return strings.HasPrefix(challenges, "basic ") && !strings.Contains(challenges, "bearer")
}

// sendWith sends a request with the credential that header returns, none if it is nil.
func (t *httpTransport) sendWith(ctx context.Context, method string, address *url.URL, body []byte,
	credential func(context.Context) (string, error)) (*http.Response, error) {
	req, err := http.NewRequestWithContext(ctx, method, address.String(), bytes.NewReader(body))
	if err != nil {
		return nil, err
	}

	req.Header.Set("Git-Protocol", "version=2")
	req.Header.Set("User-Agent", t.network.agent)
	if method == http.MethodPost {
		req.Header.Set("Content-Type", request)
		req.Header.Set("Accept", result)

		// Reading is idempotent. net/http may then repeat a request that went into a connection
		// which the server was closing. The empty list sends no header.
		req.Header["Idempotency-Key"] = []string{}
	}

	if credential != nil {
		if err := t.auth.check(address); err != nil {
			return nil, err
		}

		header, err := credential(ctx)
		if err != nil {
			return nil, err
		}

		req.Header.Set("Authorization", header)
	}

	return t.network.client.Do(req)
}

// redirectTarget returns the repository to which an advertisement was redirected.
func redirectTarget(from *url.URL, location string) (*url.URL, error) {
	target, err := from.Parse(location)
	if err != nil || location == "" {
		return nil, fmt.Errorf("%w: the server names no target", giterr.ErrRedirect)
	}

	target.User = nil
	if strings.HasSuffix(target.Path, "/_signin") { // Azure DevOps
		return nil, fmt.Errorf("%w: the server redirects to its sign-in page, %s", giterr.ErrUnauthorized,
			showTarget(target))
	}

	// TLS is never left.
	secure := target.Scheme == "https" || target.Scheme == "http" && from.Scheme == "http"
	if !secure || target.Host == "" || !strings.HasSuffix(target.EscapedPath(), "/info/refs") {
		return nil, fmt.Errorf("%w: the repository may have moved to %s", giterr.ErrRedirect, showTarget(target))
	}

	target.RawQuery, target.Fragment, target.RawFragment = "", "", ""
	return target.JoinPath("../.."), nil
}

// checkResponse returns the body of a good response, or the error that another means.
func (t *httpTransport) checkResponse(resp *http.Response, want string) (io.ReadCloser, error) {
	got, _, _ := mime.ParseMediaType(resp.Header.Get("Content-Type"))
	if resp.StatusCode == http.StatusOK && got == want {
		return resp.Body, nil
	}
	defer resp.Body.Close()

	status := strconv.Itoa(resp.StatusCode) + " " + http.StatusText(resp.StatusCode)
	message := "the server answers " + giterr.Quote([]byte(status))
	if resp.StatusCode == http.StatusUnauthorized && t.auth.basicHeader != nil && asksForBasicAlone(resp.Header) {
		message += " to the token and asks for a user name and a password"
	}
	if got == "text/plain" && resp.StatusCode != http.StatusOK && origin(resp.Request.URL) == origin(t.first) {
		// What another origin says is not repeated: a redirect may lead to an internal server.
		var text giterr.Excerpt
		_, _ = io.CopyN(&text, resp.Body, 4*giterr.MaxMessage)
		message += " and says " + text.String()
	}

	message = t.network.WithProxy(resp.Request.URL, message)
	wait := retryAfter(resp.Header.Get("Retry-After"), time.Now())
	switch code := resp.StatusCode; {
	case code == http.StatusOK && want == advertisement:
		return nil, fmt.Errorf("%w: it answers with %s", giterr.ErrVersion, giterr.Quote([]byte(got)))
	case code == http.StatusOK:
		return nil, fmt.Errorf("%w: content of type %s", giterr.ErrProtocol, giterr.Quote([]byte(got)))
	case code == http.StatusTooManyRequests, code >= 500, code == http.StatusRequestTimeout,
		code == http.StatusForbidden && wait > 0: // GitHub's rate limits
		return nil, giterr.WithRetryAfter(fmt.Errorf("%w: %s", giterr.ErrUnavailable, message), wait)
	case code == http.StatusUnauthorized, code == http.StatusForbidden,
		code == http.StatusNonAuthoritativeInfo: // Azure DevOps's sign-in page
		return nil, fmt.Errorf("%w: %s", giterr.ErrUnauthorized, message)
	case code == http.StatusNotFound, code == http.StatusGone:
		return nil, fmt.Errorf("%w: %s", giterr.ErrNotFound, message)
	case code/100 == 3:
		if to, err := resp.Request.URL.Parse(resp.Header.Get("Location")); err == nil {
			to.Path = strings.TrimSuffix(to.Path, "/git-upload-pack")
			message += " and redirects to " + showTarget(to)
		}
		return nil, fmt.Errorf("%w: to a command %s", giterr.ErrRedirect, message)
	}

	return nil, fmt.Errorf("%w: %s", giterr.ErrProtocol, message)
}

// retryAfter parses the header of that name: seconds, or a date.
func retryAfter(value string, now time.Time) time.Duration {
	var wait time.Duration
	if seconds, err := strconv.ParseUint(value, 10, 31); err == nil {
		wait = time.Duration(seconds) * time.Second
	} else if date, err := http.ParseTime(value); err == nil {
		wait = date.Sub(now)
	}
	return min(max(wait, 0), maxRetryAfter)
}
