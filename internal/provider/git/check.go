package git

import (
	"context"
	"encoding/json"
	"io"
	"net/http"
	"strings"

	"github.com/lockstephq/lockstep"
	"github.com/lockstephq/lockstep/internal/gitwire/transport"
	"github.com/lockstephq/lockstep/internal/provider"
	"github.com/lockstephq/lockstep/internal/provider/gitremote"
	"github.com/lockstephq/lockstep/internal/provider/rest"
)

var _ provider.CredentialChecker = (*Driver)(nil)

// Check asks Gitea or Forgejo for the credential's user. That needs a permission of its own: 403
// for want of it shows that the credential works. Nothing is known of the credential of another
// server before a repository is read: the error is Invalid with [provider.ErrUnsupported]. Without
// a credential there is nothing to check.
func (d *Driver) Check(ctx context.Context, access provider.Access) error {
	endpoint, err := d.metadata.BaseURL(access.Host)
	if access.Host == nil {
		return err
	}

	credential := access.Credential
	authorization := authorizationOf(credential)
	if credential.Kind == lockstep.NoCredential {
		return nil
	}
	if !isHTTP(endpoint) || authorization == "" {
		return uncheckable(endpoint)
	}

	network, err := d.options.Network.Trusting(access.Host.Certificate())
	if err != nil {
		return gitremote.Translate(err)
	}

	return checkUser(ctx, endpoint, network, authorization)
}

func uncheckable(endpoint string) error {
	return lockstep.Wrapf(lockstep.Invalid, provider.ErrUnsupported,
		"%s is not known to be Gitea or Forgejo. The credential is checked when a repository is read.", endpoint)
}

// maxUserAnswer is how much of the answer is read, in bytes.
const maxUserAnswer = 64 << 10

// checkUser sends the credential to the API that the server has if it is Gitea or Forgejo.
func checkUser(ctx context.Context, endpoint string, network *transport.Network, authorization string) error {
	api, err := rest.New(rest.Options{
		Base:      endpoint + "/api/v1",
		Network:   network,
		Authorize: rest.Authorization(authorization),
	})
	if err != nil {
		return err
	}

	req, err := api.NewRequest(ctx, http.MethodGet, "/user", nil)
	if err != nil {
		return err
	}

	resp, err := api.HTTP().Do(req)
	if err != nil {
		return api.TransportError(nil, err, "")
	}
	defer resp.Body.Close()

	// URL is that of the documentation of the API, in errors.
	var answer struct {
		Login   string `json:"login"`
		Message string `json:"message"`
		URL     string `json:"url"`
	}
	body, _ := io.ReadAll(io.LimitReader(resp.Body, maxUserAnswer))
	isJSON := json.Unmarshal(body, &answer) == nil
	if refusal := api.ResponseError(resp, answer.Message); resp.StatusCode/100 != 2 &&
		lockstep.KindOf(refusal) == lockstep.Unavailable {
		return refusal
	}
	if !isJSON {
		return uncheckable(endpoint)
	}

	isGiteaError := strings.HasSuffix(answer.URL, "/api/swagger")
	switch code := resp.StatusCode; {
	case code == http.StatusOK && answer.Login != "", code == http.StatusForbidden && isGiteaError:
		return nil
	case code == http.StatusUnauthorized && isGiteaError:
		return lockstep.Wrapf(lockstep.Denied, api.ResponseError(resp, answer.Message),
			"%s does not accept the credential: it is wrong, revoked or expired.", endpoint)
	}

	return uncheckable(endpoint)
}
