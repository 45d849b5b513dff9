package github

import (
	"context"
	"encoding/base64"
	"net/http"

	"github.com/lockstephq/lockstep"
	"github.com/lockstephq/lockstep/internal/gitwire/transport"
	"github.com/lockstephq/lockstep/internal/provider"
)

// An authorizer puts a credential on the header of a request to the API.
type authorizer func(context.Context, http.Header) error

// tokenUser is the user whose password, over Git, is a token of any kind.
const tokenUser = "x-access-token"

// A shown is a credential in the forms in which the API and Git see it.
type shown struct {
	authorize authorizer
	git       transport.Auth
	app       *application // nil but for APP
	none      bool
}

// credential says how a connection's credential is shown.
func (d *Driver) credential(p place, a provider.Access) (shown, error) {
	c := a.Credential
	switch c.Kind {
	case lockstep.NoCredential, "":
		return shown{none: true}, nil
	case lockstep.TokenCredential, lockstep.OAuthCredential:
		return shown{authorize: header("Bearer " + c.Secret), git: transport.Basic(p.web, tokenUser, c.Secret)}, nil
	case lockstep.BasicCredential:
		both := base64.StdEncoding.EncodeToString([]byte(c.Username + ":" + c.Secret))
		return shown{authorize: header("Basic " + both), git: transport.Basic(p.web, c.Username, c.Secret)}, nil
	case lockstep.AppCredential:
		app, err := d.application(p, a)
		if err != nil {
			return shown{}, err
		}

		authorize := func(ctx context.Context, h http.Header) error {
			token, err := app.Token(ctx)
			if err == nil {
				h.Set("Authorization", "Bearer "+token)
			}
			return err
		}

		return shown{authorize: authorize, git: transport.BasicFunc(p.web, tokenUser, app.Token), app: app}, nil
	}

	return shown{}, lockstep.Errorf(lockstep.Invalid,
		"%s is reached over HTTPS, where a credential of kind %s is of no use. Give one of kind TOKEN, APP, OAUTH or BASIC.", p.web, c.Kind)
}

func header(value string) authorizer {
	return func(_ context.Context, h http.Header) error {
		h.Set("Authorization", value)
		return nil
	}
}
