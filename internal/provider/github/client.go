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

// A client reads one repository by Git, and does the rest by the API.
type client struct {
	*gitremote.Client
	api         *gh.Client
	rest        *rest.Client
	app         *application // nil but for APP
	owner, repo string
	none        bool // there is no credential

	mu sync.Mutex
	me int64 // who the credential's user is, 0 until known
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
	// secondWait is how long a host wants to be left alone that says that it does
	// and not how long.
	secondWait = time.Minute
)

// Heads asks for all branches at once.
func (c *client) Heads(ctx context.Context, branches []string) (map[string]lockstep.SHA, error) {
	found, err := c.Client.Heads(ctx, branches)
	c.doubt(err)
	return found, err
}

// doubt leaves an application's token that is refused before its end, as when
// somebody ended it.
func (c *client) doubt(err error) {
	if c.app != nil && lockstep.KindOf(err) == lockstep.Denied {
		c.app.forget()
	}
}

// allowed refuses what nobody may do without a credential.
func (c *client) allowed() error {
	if c.none {
		return lockstep.Errorf(lockstep.Denied, "The connection has no credential, so that %s/%s is only read.", c.owner, c.repo)
	}
	return nil
}

// failed gives the error of a call. secrets are texts of the request that the
// host may repeat.
func (c *client) failed(resp *gh.Response, err error, secrets ...string) error {
	err = translate(c.rest, resp, err, secrets...)
	c.doubt(err)
	return err
}

// translate gives an error of the library as one of ours.
func translate(c *rest.Client, resp *gh.Response, err error, secrets ...string) error {
	said := words(err)
	for _, s := range secrets {
		said = strings.ReplaceAll(said, s, "****")
	}

	var answer *http.Response
	if resp != nil {
		answer = resp.Response
	}

	fault := c.Failed(answer, err, said)
	if answer != nil && answer.StatusCode/100 == 2 { // what could not be read may hold a token
		u := answer.Request.URL
		return lockstep.Errorf(lockstep.KindOf(fault), "%s %s://%s%s: the answer of status %d is not what GitHub gives.",
			answer.Request.Method, u.Scheme, u.Host, u.EscapedPath(), answer.StatusCode)
	}

	if _, ok := errors.AsType[*gh.AbuseRateLimitError](err); ok && provider.Wait(fault) == 0 {
		return lockstep.Wrapf(lockstep.Unavailable, &provider.Later{Wait: secondWait}, "%s", lockstep.Shown(fault))
	}

	return fault
}

// words gives what a host says of a refusal.
func words(err error) string {
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

	said := refusal.Message
	for _, e := range refusal.Errors {
		detail := e.Message
		if detail == "" {
			detail = strings.TrimSpace(e.Resource + " " + e.Field + " " + e.Code)
		}

		said += "; " + detail
	}

	return said
}

// missing says whether an answer is that something is not there.
func missing(resp *gh.Response) bool {
	return resp != nil && (resp.StatusCode == http.StatusNotFound || resp.StatusCode == http.StatusGone)
}
