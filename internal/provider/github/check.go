package github

import (
	"context"
	"net/http"

	"github.com/lockstephq/lockstep"
	"github.com/lockstephq/lockstep/internal/provider"
)

var (
	_ provider.Checker    = (*Driver)(nil)
	_ provider.Authorizer = (*Driver)(nil)
)

// Check asks who a credential is, or has an application get a token. Where there
// is none there is nothing to ask.
func (d *Driver) Check(ctx context.Context, a provider.Access) error {
	p, err := d.place(a.Host)
	if err != nil {
		return err
	}

	c, err := d.credential(p, a)
	if lockstep.KindOf(err) == lockstep.Invalid {
		return lockstep.Errorf(lockstep.Denied, "%s", lockstep.Shown(err))
	}

	switch {
	case err != nil || c.none:
		return err
	case c.app != nil:
		return checkApp(ctx, c.app)
	}

	return checkToken(ctx, p, c)
}

// checkToken asks who the token's user is. A token of an installation has none,
// and is told so with 403; it may see how much of its limit is left.
func checkToken(ctx context.Context, p place, c shown) error {
	api, calls, err := p.client(c.authorize)
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
		if err == nil || missing(resp) { // an installed server may have no limits
			return nil
		}

		fault = translate(calls, resp, err)
	}

	if lockstep.KindOf(fault) == lockstep.Denied {
		return lockstep.Errorf(lockstep.Denied, "The credential does not work: it is wrong, was revoked or has ended: %s", lockstep.Shown(fault))
	}

	return fault
}

// checkApp asks for the application's name and for a new token of its
// installation.
func checkApp(ctx context.Context, app *application) error {
	if _, err := app.bot(ctx); err != nil {
		return err
	}
	app.forget()
	_, err := app.Token(ctx)
	return err
}

// Authorization is that of GitHub's OAuth Apps; GitHub Apps have the same
// addresses and pay no heed to the scopes.
func (d *Driver) Authorization(h *lockstep.Host) (provider.Authorization, error) {
	p, err := d.place(h)
	if err != nil {
		return provider.Authorization{}, err
	}
	return provider.Authorization{
		AuthURL:  p.web + "/login/oauth/authorize",
		TokenURL: p.web + "/login/oauth/access_token",
		Scopes:   []string{"repo", "admin:repo_hook"},
	}, nil
}
