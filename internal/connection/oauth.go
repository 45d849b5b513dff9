package connection

import (
	"context"
	"net/url"
	"strings"
	"time"

	"golang.org/x/oauth2"

	"github.com/lockstephq/lockstep"
	"github.com/lockstephq/lockstep/internal/db"
	"github.com/lockstephq/lockstep/internal/netaddr"
	"github.com/lockstephq/lockstep/internal/provider"
	"github.com/lockstephq/lockstep/internal/store"
)

// authorizationLifetime is how long a person has to authorize the application.
const authorizationLifetime = 10 * time.Minute

// An OAuthClient is an application registered at a host.
type OAuthClient struct {
	ID          string
	Secret      string // "" of a public client
	RedirectURI string // where the host redirects the person
}

// String hides the secret.
func (c OAuthClient) String() string { return "OAuth client " + c.ID }

// GoString hides the secret.
func (c OAuthClient) GoString() string { return c.String() }

// An AuthorizationRequest waits for a person to authorize the application.
type AuthorizationRequest struct {
	URL     string // to open in the person's browser
	State   string // returned by the host with the code
	Expires time.Time
}

// StartAuthorization returns the URL at which a person authorizes the application.
// The caller should hold the connection's lock; an earlier request of the
// connection is discarded. It returns an Invalid error if the host does not support
// OAuth or the redirect URI could disclose the code to another party.
func (c *Controller) StartAuthorization(
	tx *db.Tx,
	conn lockstep.Connection,
	client OAuthClient,
) (AuthorizationRequest, error) {
	if err := checkRedirect(client.RedirectURI); err != nil {
		return AuthorizationRequest{}, err
	}

	access, err := accessOf(tx, conn)
	if err != nil {
		return AuthorizationRequest{}, err
	}

	config, err := c.oauthConfig(access, client)
	if err != nil {
		return AuthorizationRequest{}, err
	}

	pending := store.PendingAuthorization{
		State:        oauth2.GenerateVerifier(),
		Verifier:     oauth2.GenerateVerifier(),
		Endpoint:     endpointOf(access),
		ClientID:     client.ID,
		ClientSecret: client.Secret,
		RedirectURI:  client.RedirectURI,
	}
	request := AuthorizationRequest{
		URL:     config.AuthCodeURL(pending.State, oauth2.S256ChallengeOption(pending.Verifier)),
		State:   pending.State,
		Expires: tx.Now.Add(authorizationLifetime),
	}

	return request, store.PutPendingAuthorization(tx, c.options.Seal, conn, pending, request.Expires)
}

// checkRedirect refuses a redirect URI on which another machine could listen: RFC
// 8252 permits http for the loopback interface only.
func checkRedirect(uri string) error {
	u, err := url.Parse(uri)
	ok := err == nil && u.User == nil && u.Hostname() != "" && !strings.Contains(uri, "#")
	if ok && (u.Scheme == "https" || u.Scheme == "http" && netaddr.IsLoopback(u.Hostname())) {
		return nil
	}
	return lockstep.Errorf(lockstep.Invalid,
		"RedirectUri must be an https URL, or an http URL on this machine such as "+
			"http://127.0.0.1:8000/callback, without a user name or fragment.")
}

// oauthConfig returns the OAuth configuration for the host.
func (c *Controller) oauthConfig(access provider.Access, client OAuthClient) (*oauth2.Config, error) {
	authorizer, ok := c.providers[access.Connection.ProviderType].(provider.OAuthDriver)
	if !ok {
		return nil, lockstep.Errorf(lockstep.Invalid,
			"Provider type %s does not support OAuth. Complete the connection with another kind of credential.",
			access.Connection.ProviderType)
	}

	endpoints, err := authorizer.OAuthEndpoints(access.Host)
	if err != nil {
		return nil, err
	}
	if access.Host != nil && !netaddr.SameOriginURLs(endpoints.TokenURL, access.Host.Endpoint) {
		return nil, lockstep.Errorf(lockstep.Invalid,
			"The token endpoint of host %s is not at the host's own address.", access.Host.Name)
	}

	// The style is not auto-detected: the first attempt would spend the code.
	style := oauth2.AuthStyleInParams
	if client.Secret != "" {
		style = oauth2.AuthStyleInHeader
	}

	return &oauth2.Config{
		ClientID:     client.ID,
		ClientSecret: client.Secret,
		RedirectURL:  client.RedirectURI,
		Scopes:       endpoints.Scopes,
		Endpoint: oauth2.Endpoint{
			AuthURL:   endpoints.AuthURL,
			TokenURL:  endpoints.TokenURL,
			AuthStyle: style,
		},
	}, nil
}

// exchange exchanges a code for a token. The error is Denied if the host refuses
// it.
func (c *Controller) exchange(
	ctx context.Context,
	access provider.Access,
	pending store.PendingAuthorization,
	code string,
) (lockstep.Credential, error) {
	client := OAuthClient{
		ID:          pending.ClientID,
		Secret:      pending.ClientSecret,
		RedirectURI: pending.RedirectURI,
	}
	secrets := []string{code, pending.Verifier}

	return c.requestToken(ctx, access, client, secrets,
		func(ctx context.Context, config *oauth2.Config) (*oauth2.Token, error) {
			return config.Exchange(ctx, code, oauth2.VerifierOption(pending.Verifier))
		})
}

// refresh exchanges a refresh token for another access token. The error is Denied
// if the host refuses it.
func (c *Controller) refresh(ctx context.Context, access provider.Access) (lockstep.Credential, error) {
	client := OAuthClient{ID: access.Credential.ClientID, Secret: access.Credential.ClientSecret}
	token := access.Credential.RefreshToken

	return c.requestToken(ctx, access, client, []string{token},
		func(ctx context.Context, config *oauth2.Config) (*oauth2.Token, error) {
			return config.TokenSource(ctx, &oauth2.Token{RefreshToken: token}).Token()
		})
}
