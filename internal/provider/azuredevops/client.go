package azuredevops

import (
	"context"
	"encoding/json"
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

// maxResponse is how much of a response is read, in bytes. The longest are the threads of a
// pull request, which come all at once.
const maxResponse = 4 << 20

// A client reads one repository by Git, and calls the API for everything else.
type client struct {
	*gitremote.Client
	rest      *rest.Client
	at        location
	anonymous bool

	mu     sync.Mutex
	userID string // of the credential, "" until known
}

var (
	_ provider.StatusReporter   = (*client)(nil)
	_ provider.Commenter        = (*client)(nil)
	_ provider.PullRequester    = (*client)(nil)
	_ provider.WebhookRegistrar = (*client)(nil)
)

// requireCredential returns a Denied error if the connection has no credential.
func (c *client) requireCredential() error {
	if c.anonymous {
		return lockstep.Errorf(lockstep.Denied, "The connection has no credential: %s can only be read.", c.at.web())
	}
	return nil
}

// call sends in, unless it is nil, and decodes the response into out, unless that is nil. It is
// not rest's Do, which does not recognize a sign-in page.
func (c *client) call(ctx context.Context, method, path string, in, out any) error {
	if err := c.requireCredential(); err != nil {
		return err
	}

	req, err := c.rest.NewRequest(ctx, method, path, in)
	if err != nil {
		return err
	}

	resp, err := c.rest.HTTP().Do(req)
	if err != nil {
		return c.rest.TransportError(nil, err, "")
	}
	defer resp.Body.Close()

	path, _, _ = strings.Cut(path, "?")
	return c.decode(resp, method+" "+c.at.base+path, out)
}

// decode reads the response to a request.
func (c *client) decode(resp *http.Response, request string, out any) error {
	switch {
	case isSignIn(resp):
		return lockstep.Errorf(lockstep.Denied,
			"%s: the host answers with its sign-in page: the credential is wrong or expired,"+
				" or is not for this organization.", request)
	case resp.StatusCode/100 != 2:
		body, _ := io.ReadAll(io.LimitReader(resp.Body, 4<<10))
		var fault struct {
			Message string `json:"message"`
		}
		_ = json.Unmarshal(body, &fault) // a page for people has no message

		return c.rest.ResponseError(resp, fault.Message)

	case out == nil || resp.StatusCode == http.StatusNoContent:
		return nil
	}

	body, err := io.ReadAll(io.LimitReader(resp.Body, maxResponse+1))
	switch {
	case err != nil:
		return lockstep.Wrapf(lockstep.Unavailable, err, "%s: the answer breaks off.", request)
	case len(body) > maxResponse:
		return lockstep.Errorf(lockstep.Limit, "%s: the answer has more than %d bytes.", request, maxResponse)
	case json.Unmarshal(body, out) != nil:
		// The decoder's error is not repeated: it may quote the response.
		return lockstep.Errorf(lockstep.Unavailable, "%s: the answer is not the JSON that was expected.", request)
	}

	return nil
}

// isSignIn reports whether a response is the one for an unknown credential.
func isSignIn(resp *http.Response) bool {
	contentType, _, _ := mime.ParseMediaType(resp.Header.Get("Content-Type"))
	return resp.StatusCode == http.StatusNonAuthoritativeInfo || resp.StatusCode == http.StatusFound ||
		resp.StatusCode/100 == 2 && contentType == "text/html"
}

// A list is a list in a response.
type list[T any] struct {
	Value []T `json:"value"`
}

// An identity is a user.
type identity struct {
	ID string `json:"id"`
}

// self returns the ID of the credential's user.
func (c *client) self(ctx context.Context) (string, error) {
	c.mu.Lock()
	self := c.userID
	c.mu.Unlock()

	if self != "" {
		return self, nil
	}

	var data struct {
		AuthenticatedUser identity `json:"authenticatedUser"`
	}
	// It is a preview in every version of the API.
	path := c.at.organizationPath("connectionData", "api-version", apiVersion+"-preview")
	if err := c.call(ctx, http.MethodGet, path, nil, &data); err != nil {
		return "", err
	}

	self = strings.ToLower(data.AuthenticatedUser.ID)
	if self == "" {
		return "", lockstep.Errorf(lockstep.Unavailable, "%s did not say whose the credential is.", c.at.base)
	}

	c.mu.Lock()
	c.userID = self
	c.mu.Unlock()

	return self, nil
}
