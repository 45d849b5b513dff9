package gitlab

import (
	"context"
	"encoding/json"
	"io"
	"net/http"
	"slices"
	"strings"

	"github.com/lockstephq/lockstep"
	"github.com/lockstephq/lockstep/internal/provider"
)

// Check asks for the credential's user. A token that is valid but may not ask that, such
// as one that may only read repositories, is recognized by OAuth's error code. Nothing is
// known of a deploy token or a password before a repository is read: the error is Invalid
// with [provider.ErrUnsupported]. Without a credential there is nothing to check.
func (d *Driver) Check(ctx context.Context, access provider.Access) error {
	api, err := d.api(access)
	if err != nil {
		return err
	}

	if api.anonymous {
		return nil
	}

	credential := access.Credential
	isBasic := credential.Kind == lockstep.BasicCredential
	if isBasic && isDeployToken(credential) {
		return api.uncheckable()
	}

	status, err := api.checkUser(ctx)
	if status != http.StatusUnauthorized {
		return err
	}
	if isBasic && !strings.HasPrefix(credential.Secret, accessTokenPrefix) {
		return api.uncheckable()
	}

	return lockstep.Errorf(lockstep.Denied,
		"%s does not accept the token: it is wrong, revoked or expired. Give a deploy token together with its user "+
			"name.", api.address)
}

// GitLab's prefixes of tokens, unless an administrator changed them.
const (
	accessTokenPrefix = "glpat-"
	deployTokenPrefix = "gldt-"
	deployTokenUser   = "gitlab+deploy-token"
)

func isDeployToken(credential lockstep.Credential) bool {
	return strings.HasPrefix(credential.Secret, deployTokenPrefix) || strings.HasPrefix(credential.Username,
		deployTokenUser)
}

func (a *api) uncheckable() error {
	return lockstep.Wrapf(lockstep.Invalid, provider.ErrUnsupported,
		"%s has no access token with this password. A deploy token or a password is checked when a repository is "+
			"read.", a.address)
}

// permissionCodes are GitLab's codes for a valid token that may not do this: RFC 6750's, and that
// for fine-grained tokens.
var permissionCodes = []string{"insufficient_scope", "insufficient_granular_scope"}

// maxRefusal is how much of a refusal is read, in bytes.
const maxRefusal = 4 << 10

// checkUser sends the credential. status is 0 if there was no response.
func (a *api) checkUser(ctx context.Context) (status int, err error) {
	req, err := a.rest.NewRequest(ctx, http.MethodGet, "/user", nil)
	if err != nil {
		return 0, err
	}

	resp, err := a.rest.HTTP().Do(req)
	if err != nil {
		return 0, a.rest.TransportError(nil, err, "")
	}
	defer resp.Body.Close()

	if resp.StatusCode/100 == 2 {
		return resp.StatusCode, nil
	}

	// Error is the code for a valid token without permission. Message is the text of any
	// other refusal, such as of a blocked user.
	var refusal struct {
		Error   string `json:"error"`
		Message string `json:"message"`
	}
	body, _ := io.ReadAll(io.LimitReader(resp.Body, maxRefusal))
	if json.Unmarshal(body, &refusal) == nil && resp.StatusCode == http.StatusForbidden &&
		slices.Contains(permissionCodes, refusal.Error) {
		return resp.StatusCode, nil
	}

	return resp.StatusCode, a.rest.ResponseError(resp, refusal.Message)
}
