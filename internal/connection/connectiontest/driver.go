package connectiontest

import (
	"context"
	"net/http"

	"github.com/lockstephq/lockstep"
	"github.com/lockstephq/lockstep/internal/provider"
)

// A Driver talks to a Host and implements every optional interface of credentials.
type Driver struct {
	Host         *Host
	Transport    http.RoundTripper // nil is http.DefaultTransport
	ProviderType lockstep.ProviderType
	// TokenURL replaces the host's token endpoint unless it is "".
	TokenURL string
	// CheckError is returned by Check unless it is nil.
	CheckError error
}

// Metadata returns the provider type.
func (d *Driver) Metadata() provider.Metadata { return provider.Metadata{Type: d.ProviderType} }

// Open returns an error: no test of credentials reads a repository.
func (d *Driver) Open(r provider.Repository) (provider.Client, error) {
	return nil, lockstep.Errorf(lockstep.NotFound, "The host has no repository %s.", r.Link.Path())
}

// Check sends the credential to the host.
func (d *Driver) Check(ctx context.Context, a provider.Access) error {
	if d.CheckError != nil {
		return d.CheckError
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
		// This driver repeats a secret, which it should not.
		return lockstep.Errorf(lockstep.Denied, "The host says: bad token %s.", a.Credential.Secret)
	}

	return lockstep.Errorf(lockstep.Unavailable, "The host answers %s.", resp.Status)
}

// OAuthEndpoints returns the host's OAuth endpoints.
func (d *Driver) OAuthEndpoints(h *lockstep.Host) (provider.OAuthEndpoints, error) {
	endpoints := provider.OAuthEndpoints{
		AuthURL:  d.base(h) + "/authorize",
		TokenURL: d.base(h) + "/token",
		Scopes:   []string{"read", "api"},
	}
	if d.TokenURL != "" {
		endpoints.TokenURL = d.TokenURL
	}
	return endpoints, nil
}

func (d *Driver) base(h *lockstep.Host) string {
	if h != nil {
		return h.Endpoint
	}
	return d.Host.URL
}
