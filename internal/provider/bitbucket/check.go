package bitbucket

import (
	"context"
	"net/http"

	"github.com/lockstephq/lockstep"
	"github.com/lockstephq/lockstep/internal/provider"
	"github.com/lockstephq/lockstep/internal/provider/rest"
)

// Check asks who the credential stands for. To be told costs a right of its own:
// a refusal for want of it (403) shows that the credential works. An access token
// stands for nobody, and may be refused altogether (401); then it is shown where
// everybody is answered but who comes with a wrong token.
func (d *Driver) Check(ctx context.Context, a provider.Access) error {
	api, err := d.api(a)
	if err != nil {
		return err
	}

	kind := a.Credential.Kind
	if kind == lockstep.NoCredential || kind == "" {
		return nil
	}

	known, err := knows(ctx, api, d.o.API+"/user")
	if err == nil && !known && kind == lockstep.TokenCredential {
		known, err = knows(ctx, api, d.o.API+"/hook_events")
	}

	switch {
	case err != nil || known:
		return err
	case kind == lockstep.BasicCredential:
		return lockstep.Errorf(lockstep.Denied, "Bitbucket does not let the user name with this password in."+
			" With an API token, the user name is the e-mail address of the Atlassian account.")
	case kind == lockstep.TokenCredential:
		return lockstep.Errorf(lockstep.Denied, "Bitbucket does not know the token, or it was revoked or has expired."+
			" An API token of a person is given with the e-mail address of its account, as user name and password.")
	}

	return lockstep.Errorf(lockstep.Denied, "Bitbucket no longer takes the application's token.")
}

// knows says whether a place lets the credential in.
func knows(ctx context.Context, api *rest.Client, place string) (bool, error) {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, place, nil)
	if err != nil {
		return false, err
	}

	resp, err := api.HTTP().Do(req)
	if err != nil {
		return false, api.Failed(nil, err, "")
	}

	resp.Body.Close()
	switch refused := api.Refused(resp, ""); {
	case resp.StatusCode/100 == 2:
		return true, nil
	case resp.StatusCode == http.StatusUnauthorized:
		return false, nil
	case lockstep.KindOf(refused) == lockstep.Denied: // and not that it is too often
		return true, nil
	default:
		return false, refused
	}
}
