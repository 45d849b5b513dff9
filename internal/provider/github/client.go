package github

import (
	"context"
	"errors"
	"net/http"
	"strings"
	"sync"
	"time"

	gh "github.com/google/go-github/v89/github"

	"github.com/lockstephq/lockstep"
	"github.com/lockstephq/lockstep/internal/provider"
	"github.com/lockstephq/lockstep/internal/provider/gitremote"
	"github.com/lockstephq/lockstep/internal/provider/rest"
)

// A client reads one repository by Git, and calls the API for everything else.
type client struct {
	*gitremote.Client
	api         *gh.Client
	rest        *rest.Client
	app         *application // nil unless the credential is an app
	owner, repo string
	anonymous   bool

	mu     sync.Mutex
	userID int64 // of the credential, 0 until known
}

var (
	_ provider.StatusReporter   = (*client)(nil)
	_ provider.Commenter        = (*client)(nil)
	_ provider.PullRequester    = (*client)(nil)
	_ provider.WebhookRegistrar = (*client)(nil)
)

const (
	perPage = 100
	// maxPages bounds how much of a list is read.
	maxPages = 10
	// secondaryRateLimitWait is how long requests stop after a secondary rate limit whose
	// response does not say how long.
	secondaryRateLimitWait = time.Minute
)

// Heads returns the commits of branches, in one request.
func (c *client) Heads(ctx context.Context, branches []string) (map[string]lockstep.SHA, error) {
	heads, err := c.Client.Heads(ctx, branches)
	c.forgetRefusedToken(err)
	return heads, err
}

// forgetRefusedToken drops an app's token that was refused before it expired, as after
// a revocation.
func (c *client) forgetRefusedToken(err error) {
	if c.app != nil && lockstep.KindOf(err) == lockstep.Denied {
		c.app.forget()
	}
}

// requireCredential returns a Denied error if the connection has no credential.
func (c *client) requireCredential() error {
	if c.anonymous {
		return lockstep.Errorf(lockstep.Denied, "The connection has no credential: %s/%s can only be read.",
			c.owner, c.repo)
	}
	return nil
}

// callError returns the error of a call. secrets are texts of the request that the host
// may repeat.
func (c *client) callError(resp *gh.Response, err error, secrets ...string) error {
	err = translate(c.rest, resp, err, secrets...)
	c.forgetRefusedToken(err)
	return err
}

// translate returns an error of the library as one of the domain.
func translate(calls *rest.Client, resp *gh.Response, err error, secrets ...string) error {
	message := messageOf(err)
	for _, secret := range secrets {
		message = strings.ReplaceAll(message, secret, "****")
	}

	var answer *http.Response
	if resp != nil {
		answer = resp.Response
	}

	fault := calls.TransportError(answer, err, message)
	if answer != nil && answer.StatusCode/100 == 2 { // what could not be decoded may contain a token
		u := answer.Request.URL
		return lockstep.Errorf(lockstep.KindOf(fault), "%s %s://%s%s: the answer of status %d is not one of GitHub's.",
			answer.Request.Method, u.Scheme, u.Host, u.EscapedPath(), answer.StatusCode)
	}

	if _, ok := errors.AsType[*gh.AbuseRateLimitError](err); ok && provider.RetryAfter(fault) == 0 {
		return lockstep.Wrapf(lockstep.Unavailable, &provider.RetryAfterError{Wait: secondaryRateLimitWait},
			"%s", lockstep.Shown(fault))
	}

	return fault
}

// messageOf returns the host's message in an error of the library.
func messageOf(err error) string {
	if limit, ok := errors.AsType[*gh.RateLimitError](err); ok {
		return limit.Message
	}
	if limit, ok := errors.AsType[*gh.AbuseRateLimitError](err); ok {
		return limit.Message
	}
	if code, ok := errors.AsType[*gh.TwoFactorAuthError](err); ok {
		return code.Message
	}

	refusal, ok := errors.AsType[*gh.ErrorResponse](err)
	if !ok {
		return ""
	}

	message := refusal.Message
	for _, e := range refusal.Errors {
		detail := e.Message
		if detail == "" {
			detail = strings.TrimSpace(e.Resource + " " + e.Field + " " + e.Code)
		}

		message += "; " + detail
	}

	return message
}

// isMissing reports whether a response says that something does not exist.
func isMissing(resp *gh.Response) bool {
	return resp != nil && (resp.StatusCode == http.StatusNotFound || resp.StatusCode == http.StatusGone)
}
