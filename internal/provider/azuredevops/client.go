package azuredevops

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"mime"
	"net/http"
	"strings"
	"sync"

	"github.com/lockstephq/lockstep"
	"github.com/lockstephq/lockstep/internal/provider"
	"github.com/lockstephq/lockstep/internal/provider/gitremote"
	"github.com/lockstephq/lockstep/internal/provider/rest"
)

// maxAnswer is how much of an answer is read, in bytes. The longest are the
// threads of a pull request, which come all at once.
const maxAnswer = 4 << 20

// A Client reads one repository by Git, and does the rest by the REST API. It is
// safe for concurrent use.
type Client struct {
	*gitremote.Client
	api       *rest.Client
	at        place
	anonymous bool // there is no credential

	mu sync.Mutex
	me string // the id of whoever the credential is for, "" before it was asked
}

var (
	_ provider.Client           = (*Client)(nil)
	_ provider.Brancher         = (*Client)(nil)
	_ provider.Historian        = (*Client)(nil)
	_ provider.StatusReporter   = (*Client)(nil)
	_ provider.Commenter        = (*Client)(nil)
	_ provider.PullRequester    = (*Client)(nil)
	_ provider.WebhookRegistrar = (*Client)(nil)
)

// call sends in, unless it is nil, and reads the answer into out, unless that is
// nil. It is not the Do of rest, to which a page to sign in at is an answer like
// any other that it cannot read.
func (c *Client) call(ctx context.Context, method, path string, in, out any) error {
	if err := c.known(); err != nil {
		return err
	}

	var body io.Reader
	if in != nil {
		b, err := json.Marshal(in)
		if err != nil {
			return fmt.Errorf("encode a request to %s: %w", c.at.base, err)
		}

		body = bytes.NewReader(b)
	}

	req, err := http.NewRequestWithContext(ctx, method, c.at.base+path, body)
	if err != nil {
		return fmt.Errorf("request to %s: %w", c.at.base, err)
	}

	req.Header.Set("Accept", "application/json")
	if in != nil {
		req.Header.Set("Content-Type", "application/json")
	}

	resp, err := c.api.HTTP().Do(req)
	if err != nil {
		return c.api.Failed(nil, err, "")
	}
	defer resp.Body.Close()

	where, _, _ := strings.Cut(path, "?")
	return c.take(resp, method+" "+c.at.base+where, out)
}

// known is an error without a credential.
func (c *Client) known() error {
	if c.anonymous {
		return lockstep.Errorf(lockstep.Denied, "%s can be read without a credential, and nothing else: the connection holds none.", c.at.web())
	}
	return nil
}

// take reads an answer to what was asked.
func (c *Client) take(resp *http.Response, asked string, out any) error {
	switch {
	case signIn(resp):
		return lockstep.Errorf(lockstep.Denied, "%s: the host answers with the way to sign in: the credential is wrong, has ended,"+
			" or is not for this organization.", asked)
	case resp.StatusCode/100 != 2:
		text, _ := io.ReadAll(io.LimitReader(resp.Body, 4<<10))
		var fault struct {
			Message string `json:"message"`
		}
		_ = json.Unmarshal(text, &fault) // a page for people has nothing to repeat

		return c.api.Refused(resp, fault.Message)

	case out == nil || resp.StatusCode == http.StatusNoContent:
		return nil
	}

	text, err := io.ReadAll(io.LimitReader(resp.Body, maxAnswer+1))
	switch {
	case err != nil:
		return lockstep.Wrapf(lockstep.Unavailable, err, "%s: the answer breaks off.", asked)
	case len(text) > maxAnswer:
		return lockstep.Errorf(lockstep.Limit, "%s: the answer has more than %d bytes.", asked, maxAnswer)
	case json.Unmarshal(text, out) != nil:
		// The decoder's words are not repeated: they may quote the answer.
		return lockstep.Errorf(lockstep.Unavailable, "%s: the answer is not the JSON that was expected.", asked)
	}

	return nil
}

// signIn says whether an answer is what Azure gives to those it does not know.
func signIn(resp *http.Response) bool {
	kind, _, _ := mime.ParseMediaType(resp.Header.Get("Content-Type"))
	return resp.StatusCode == http.StatusNonAuthoritativeInfo || resp.StatusCode == http.StatusFound ||
		resp.StatusCode/100 == 2 && kind == "text/html"
}

// A list is how Azure gives several.
type list[T any] struct {
	Value []T `json:"value"`
}

// An identity is who did something.
type identity struct {
	ID string `json:"id"`
}

// self gives the id of whoever the credential is for.
func (c *Client) self(ctx context.Context) (string, error) {
	c.mu.Lock()
	me := c.me
	c.mu.Unlock()

	if me != "" {
		return me, nil
	}

	var data struct {
		AuthenticatedUser identity `json:"authenticatedUser"`
	}
	// Every version of the API has it in preview alone.
	if err := c.call(ctx, http.MethodGet, c.at.ofOrganization("connectionData", "api-version", apiVersion+"-preview"), nil, &data); err != nil {
		return "", err
	}

	me = strings.ToLower(data.AuthenticatedUser.ID)
	if me == "" {
		return "", lockstep.Errorf(lockstep.Unavailable, "%s does not say who the credential is for.", c.at.base)
	}

	c.mu.Lock()
	c.me = me
	c.mu.Unlock()

	return me, nil
}
