package connectiontest

import (
	"context"
	"net/http"

	"github.com/lockstephq/lockstep"
	"github.com/lockstephq/lockstep/internal/provider"
)

// A Driver speaks to a Host, and can do all that a handshake asks of one.
type Driver struct {
	Host      *Host
	Transport http.RoundTripper // nil is the usual one
	Kind      lockstep.ProviderType
	// TokenURL, where not "", is given in place of the host's.
	TokenURL string
	// Failure, where not nil, is what Check answers.
	Failure error
}

// Type gives Kind.
func (d *Driver) Type() lockstep.ProviderType { return d.Kind }

// Open fails: no test of credentials reads a repository.
func (d *Driver) Open(r provider.Repository) (provider.Client, error) {
	return nil, lockstep.Errorf(lockstep.NotFound, "The host has no repository %s.", r.Link.Path())
}

// Check shows the credential to the host.
func (d *Driver) Check(ctx context.Context, a provider.Access) error {
	if d.Failure != nil {
		return d.Failure
	}

	req, err := http.NewRequestWithContext(ctx, http.MethodGet, d.base(a.Host)+"/check", nil)
	if err != nil {
		return err
	}

	req.Header.Set("Authorization", "Bearer "+a.Credential.Secret)
	client := &http.Client{Transport: d.Transport}
	resp, err := client.Do(req)
	if err != nil {
		return lockstep.Errorf(lockstep.Unavailable, "The host cannot be reached.")
	}
	defer resp.Body.Close()

	switch resp.StatusCode {
	case http.StatusOK:
		return nil
	case http.StatusUnauthorized:
		// A driver that repeats what it should not.
		return lockstep.Errorf(lockstep.Denied, "The host says: bad token %s.", a.Credential.Secret)
	}

	return lockstep.Errorf(lockstep.Unavailable, "The host answers %s.", resp.Status)
}

// Authorization says where the host's tokens come from.
func (d *Driver) Authorization(h *lockstep.Host) (provider.Authorization, error) {
	a := provider.Authorization{AuthURL: d.base(h) + "/authorize", TokenURL: d.base(h) + "/token", Scopes: []string{"read", "api"}}
	if d.TokenURL != "" {
		a.TokenURL = d.TokenURL
	}
	return a, nil
}

func (d *Driver) base(h *lockstep.Host) string {
	if h != nil {
		return h.Endpoint
	}
	return d.Host.URL
}
