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

// authorizationLifetime is how long a person has to let an application in.
const authorizationLifetime = 10 * time.Minute

// A Client is an application that is registered at a host.
type OAuthClient struct {
	ID          string
	Secret      string // "" of a public client
	RedirectURI string // where the host sends the person back to
}

// String hides the secret.
func (c OAuthClient) String() string { return "OAuth client " + c.ID }

// GoString hides the secret.
func (c OAuthClient) GoString() string { return c.String() }

// A Started is a handshake that waits for a person.
type AuthorizationRequest struct {
	URL     string // for the person's browser
	State   string // which the host gives back with the code
	Expires time.Time
}

// StartAuthorization sends a person to the host of a connection, to let an application in. The
// connection should be locked; a handshake that it waits for is forgotten. Invalid
// where the host lets nobody in in this way, or the redirect URI could give the
// code to somebody else.
func (h *Controller) StartAuthorization(tx *db.Tx, conn lockstep.Connection, c OAuthClient) (AuthorizationRequest, error) {
	if err := checkRedirect(c.RedirectURI); err != nil {
		return AuthorizationRequest{}, err
	}

	a, err := accessOf(tx, conn)
	if err != nil {
		return AuthorizationRequest{}, err
	}

	config, err := h.oauthConfig(a, c)
	if err != nil {
		return AuthorizationRequest{}, err
	}

	p := store.PendingAuthorization{
		State: oauth2.GenerateVerifier(), Verifier: oauth2.GenerateVerifier(), Endpoint: endpointOf(a),
		ClientID: c.ID, ClientSecret: c.Secret, RedirectURI: c.RedirectURI,
	}
	s := AuthorizationRequest{
		URL:     config.AuthCodeURL(p.State, oauth2.S256ChallengeOption(p.Verifier)),
		State:   p.State,
		Expires: tx.Now.Add(authorizationLifetime),
	}

	return s, store.PutPendingAuthorization(tx, h.options.Seal, conn, p, s.Expires)
}

// checkRedirect refuses a redirect URI that another machine could listen to: RFC
// 8252 has http for the loopback alone.
func checkRedirect(uri string) error {
	u, err := url.Parse(uri)
	ok := err == nil && u.User == nil && u.Hostname() != "" && !strings.Contains(uri, "#")
	if ok && (u.Scheme == "https" || u.Scheme == "http" && netaddr.IsLoopback(u.Hostname())) {
		return nil
	}
	return lockstep.Errorf(lockstep.Invalid,
		"RedirectUri must be a URL of https, or of http on this machine such as http://127.0.0.1:8000/callback, without user name and fragment.")
}

// oauthConfig says how tokens are asked for at the host of an access.
func (h *Controller) oauthConfig(a provider.Access, c OAuthClient) (*oauth2.Config, error) {
	authorizer, ok := h.providers[a.Connection.ProviderType].(provider.Authorizer)
	if !ok {
		return nil, lockstep.Errorf(lockstep.Invalid, "Provider type %s has no OAuth handshake. Give the connection another credential.",
			a.Connection.ProviderType)
	}

	at, err := authorizer.Authorization(a.Host)
	if err != nil {
		return nil, err
	}
	if a.Host != nil && !netaddr.SameOriginURLs(at.TokenURL, a.Host.Endpoint) {
		return nil, lockstep.Errorf(lockstep.Invalid, "Tokens of host %s would be asked for elsewhere than at the host.", a.Host.Name)
	}

	// Not found out by trying: a code is spent by the first try.
	style := oauth2.AuthStyleInParams
	if c.Secret != "" {
		style = oauth2.AuthStyleInHeader
	}

	return &oauth2.Config{
		ClientID: c.ID, ClientSecret: c.Secret, RedirectURL: c.RedirectURI, Scopes: at.Scopes,
		Endpoint: oauth2.Endpoint{AuthURL: at.AuthURL, TokenURL: at.TokenURL, AuthStyle: style},
	}, nil
}

// exchange spends a code. Denied where the host refuses it.
func (h *Controller) exchange(ctx context.Context, a provider.Access, p store.PendingAuthorization, code string) (lockstep.Credential, error) {
	c := OAuthClient{ID: p.ClientID, Secret: p.ClientSecret, RedirectURI: p.RedirectURI}
	return h.requestToken(ctx, a, c, []string{code, p.Verifier}, func(ctx context.Context, config *oauth2.Config) (*oauth2.Token, error) {
		return config.Exchange(ctx, code, oauth2.VerifierOption(p.Verifier))
	})
}

// refresh spends a refresh token. Denied where the host refuses it.
func (h *Controller) refresh(ctx context.Context, a provider.Access) (lockstep.Credential, error) {
	held := a.Credential
	c := OAuthClient{ID: held.ClientID, Secret: held.ClientSecret}
	return h.requestToken(ctx, a, c, []string{held.RefreshToken}, func(ctx context.Context, config *oauth2.Config) (*oauth2.Token, error) {
		return config.TokenSource(ctx, &oauth2.Token{RefreshToken: held.RefreshToken}).Token()
	})
}
