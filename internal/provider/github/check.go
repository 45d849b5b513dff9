package github

import (
	"context"
	"net/http"

	"github.com/lockstephq/lockstep"
	"github.com/lockstephq/lockstep/internal/provider"
)

// Check asks who a credential belongs to, or gets a token for an app. Without a
// credential there is nothing to check.
func (d *Driver) Check(ctx context.Context, access provider.Access) error {
	at, err := d.site(access.Host)
	if err != nil {
		return err
	}

	credential, err := d.credential(at, access)
	if lockstep.KindOf(err) == lockstep.Invalid {
		return lockstep.Errorf(lockstep.Denied, "%s", lockstep.Shown(err))
	}

	switch {
	case err != nil || credential.anonymous:
		return err
	case credential.app != nil:
		return checkApp(ctx, credential.app)
	}

	return checkToken(ctx, at, credential)
}

// checkToken asks for the token's user. A token of an installation has no user and gets
// 403; it may read its rate limit.
func checkToken(ctx context.Context, at site, credential credential) error {
	api, calls, err := at.client(credential.authorize)
	if err != nil {
		return err
	}

	_, resp, err := api.Users.Get(ctx, "")
	if err == nil {
		return nil
	}

	fault := translate(calls, resp, err)
	if lockstep.KindOf(fault) == lockstep.Denied && resp != nil && resp.StatusCode == http.StatusForbidden {
		_, resp, err := api.RateLimit.Get(ctx)
		if err == nil || isMissing(resp) { // a server may have no rate limit
			return nil
		}

		fault = translate(calls, resp, err)
	}

	if lockstep.KindOf(fault) == lockstep.Denied {
		return lockstep.Errorf(lockstep.Denied,
			"The credential does not work: it is wrong, revoked or expired: %s", lockstep.Shown(fault))
	}

	return fault
}

// checkApp asks for the app's name and for a new token of its installation.
func checkApp(ctx context.Context, app *application) error {
	if _, err := app.botLogin(ctx); err != nil {
		return err
	}
	app.forget()
	_, err := app.Token(ctx)
	return err
}
