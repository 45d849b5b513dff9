package gitlab

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"strings"

	"github.com/lockstephq/lockstep"
	"github.com/lockstephq/lockstep/internal/provider"
)

// Check asks who the credential is: a person, or the user that GitLab makes for
// the token of a project or group. A token that works and may not ask that, such
// as one that may only read repositories, is told by the code that OAuth has for
// it. Of a deploy token or a password nothing is known before a repository is
// read: Invalid with [provider.ErrNoAbility]. Nothing is asked without a
// credential.
func (d *Driver) Check(ctx context.Context, access provider.Access) error {
	a, err := d.api(access)
	if err != nil {
		return err
	}

	c := access.Credential
	if a.anonymous() {
		return nil
	}
	if c.Kind == lockstep.BasicCredential && isDeployToken(c) {
		return unknowable(a)
	}

	status, err := a.shows(ctx)
	if status != http.StatusUnauthorized {
		return err
	}
	if c.Kind == lockstep.BasicCredential && !strings.HasPrefix(c.Secret, accessTokenPrefix) {
		return unknowable(a)
	}

	return lockstep.Errorf(lockstep.Denied, "%s does not accept the token: it is wrong, was revoked, or has expired. A deploy token is given together with its user name.", a.address)
}

// What GitLab puts before tokens, unless an administrator changed it.
const (
	accessTokenPrefix = "glpat-"
	deployTokenPrefix = "gldt-"
	deployTokenUser   = "gitlab+deploy-token"
)

func isDeployToken(c lockstep.Credential) bool {
	return strings.HasPrefix(c.Secret, deployTokenPrefix) || strings.HasPrefix(c.Username, deployTokenUser)
}

func unknowable(a *api) error {
	return lockstep.Wrapf(lockstep.Invalid, provider.ErrNoAbility,
		"%s knows no access token with this password. Whether it is a deploy token, or a password, that works is seen when a repository is read.", a.address)
}

// maxRefusal is how much of a refusal is read, in bytes.
const maxRefusal = 4 << 10

// shows shows the credential. status is 0 where there was no answer.
func (a *api) shows(ctx context.Context) (status int, err error) {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, a.address+"/api/v4/user", nil)
	if err != nil {
		return 0, fmt.Errorf("ask %s who a credential is: %w", a.address, err)
	}

	resp, err := a.rest.HTTP().Do(req)
	if err != nil {
		return 0, a.rest.Failed(nil, err, "")
	}
	defer resp.Body.Close()

	if resp.StatusCode/100 == 2 {
		return resp.StatusCode, nil
	}

	body, _ := io.ReadAll(io.LimitReader(resp.Body, maxRefusal))
	// A token that is known and may not do this, in RFC 6750's words; and the
	// sentence of any other refusal, such as of a user who is blocked.
	var said struct {
		Error   string `json:"error"`
		Message string `json:"message"`
	}
	if json.Unmarshal(body, &said) == nil && resp.StatusCode == http.StatusForbidden && said.Error == "insufficient_scope" {
		return resp.StatusCode, nil
	}

	return resp.StatusCode, a.rest.Refused(resp, said.Message)
}

// Authorization gives where GitLab asks a person, and where it gives tokens. The
// scope api holds Git too; no smaller one lets statuses be reported.
func (d *Driver) Authorization(h *lockstep.Host) (provider.Authorization, error) {
	address, err := d.address(h)
	if err != nil {
		return provider.Authorization{}, err
	}
	return provider.Authorization{AuthURL: address + "/oauth/authorize", TokenURL: address + "/oauth/token", Scopes: []string{"api"}}, nil
}
