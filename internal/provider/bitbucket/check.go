package bitbucket

import (
	"context"
	"net/http"

	"github.com/lockstephq/lockstep"
	"github.com/lockstephq/lockstep/internal/provider"
	"github.com/lockstephq/lockstep/internal/provider/rest"
)

// Check asks for the credential's user. That needs a permission of its own: 403 for want of it
// shows that the credential works. An access token has no user and may get 401; then a resource
// is read that only a wrong token is refused.
func (d *Driver) Check(ctx context.Context, access provider.Access) error {
	api, err := d.api(access.Credential)
	if err != nil {
		return err
	}

	kind := access.Credential.Kind
	if kind == lockstep.NoCredential || kind == "" {
		return nil
	}

	accepted, err := isAccepted(ctx, api, "/user")
	if err == nil && !accepted && kind == lockstep.TokenCredential {
		accepted, err = isAccepted(ctx, api, "/hook_events")
	}

	switch {
	case err != nil || accepted:
		return err
	case kind == lockstep.BasicCredential:
		return lockstep.Errorf(lockstep.Denied, "Bitbucket does not accept the user name with this password."+
			" With an API token, the user name is the e-mail address of the Atlassian account.")
	case kind == lockstep.TokenCredential:
		return lockstep.Errorf(lockstep.Denied, "Bitbucket does not accept the token: it is wrong, revoked or expired."+
			" Give an API token of a user together with the e-mail address of the account, as user name and password.")
	}

	return lockstep.Errorf(lockstep.Denied, "Bitbucket no longer accepts the application's token.")
}

// isAccepted reports whether the credential may read a path, or is at least known.
func isAccepted(ctx context.Context, api *rest.Client, path string) (bool, error) {
	status, err := api.Status(ctx, path)
	switch {
	case err == nil:
		return true, nil
	case status == http.StatusUnauthorized:
		return false, nil
	case status != 0 && lockstep.KindOf(err) == lockstep.Denied: // not a rate limit
		return true, nil
	}
	return false, err
}
