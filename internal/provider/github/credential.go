package github

import (
	"context"
	"net/http"

	"github.com/lockstephq/lockstep"
	"github.com/lockstephq/lockstep/internal/gitwire/transport"
	"github.com/lockstephq/lockstep/internal/provider"
	"github.com/lockstephq/lockstep/internal/provider/rest"
)

// tokenUser is the user whose password, over Git, is a token of any kind.
const tokenUser = "x-access-token"

// A credential is a connection's credential in the forms for the API and for Git.
type credential struct {
	authorize rest.Authorize
	git       transport.Auth
	app       *application // nil unless the kind is APP
	anonymous bool
}

// credential returns the forms of a connection's credential.
func (d *Driver) credential(at site, access provider.Access) (credential, error) {
	secret := access.Credential.Secret
	switch access.Credential.Kind {
	case lockstep.NoCredential, "":
		return credential{anonymous: true}, nil
	case lockstep.TokenCredential, lockstep.OAuthCredential:
		return credential{
			authorize: rest.Authorization("Bearer " + secret),
			git:       transport.Basic(at.web, tokenUser, secret),
		}, nil
	case lockstep.BasicCredential:
		user := access.Credential.Username
		return credential{
			authorize: rest.Authorization(rest.BasicValue(user, secret)),
			git:       transport.Basic(at.web, user, secret),
		}, nil
	case lockstep.AppCredential:
		app, err := d.application(at, access)
		if err != nil {
			return credential{}, err
		}

		authorize := func(ctx context.Context, header http.Header) error {
			token, err := app.Token(ctx)
			if err == nil {
				header.Set("Authorization", "Bearer "+token)
			}
			return err
		}

		return credential{authorize: authorize, git: transport.BasicFunc(at.web, tokenUser, app.Token), app: app}, nil
	}

	return credential{}, lockstep.Errorf(lockstep.Invalid,
		"%s is reached over HTTPS, where a credential of kind %s cannot be used. Give one of kind TOKEN, APP, OAUTH "+
			"or BASIC.",
		at.web, access.Credential.Kind)
}
