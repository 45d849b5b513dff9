package github

import (
	"context"
	"crypto/rsa"
	"crypto/sha256"
	"crypto/x509"
	"encoding/pem"
	"net/http"
	"strconv"
	"sync"
	"time"

	"github.com/go-jose/go-jose/v4"
	"github.com/go-jose/go-jose/v4/jwt"
	gh "github.com/google/go-github/v89/github"

	"github.com/lockstephq/lockstep"
	"github.com/lockstephq/lockstep/internal/provider"
	"github.com/lockstephq/lockstep/internal/provider/rest"
)

const (
	// An app's JWT is valid for clocks that are behind or ahead of this server's by so
	// much. GitHub accepts an expiry of at most ten minutes ahead.
	maxClockBehind = 2 * time.Minute
	maxClockAhead  = 5 * time.Minute
	// renewBefore is how long before its expiry a token is replaced.
	renewBefore = 5 * time.Minute
	// maxLifetime bounds how long a token is kept, whatever its host says.
	maxLifetime = time.Hour
	// maxApps bounds how many apps' tokens a driver keeps.
	maxApps = 1024
	// Sizes of keys, in bits: smaller ones are weak, larger ones cost too much time.
	minKeyBits, maxKeyBits = 2048, 8192
)

// An appKey identifies the clients that share tokens.
type appKey struct {
	connection       lockstep.ARN
	api, certificate string
	credential       [sha256.Size]byte // a digest, because printing a map shows its keys
}

// An application gets tokens for one installation of a GitHub App. It is safe for
// concurrent use.
type application struct {
	api          *gh.Client // as the application itself
	rest         *rest.Client
	id           string
	installation int64

	mu      sync.Mutex
	token   string
	until   time.Time     // when token is to be replaced
	request *tokenRequest // in progress, nil if none is
	login   string        // "" until known
}

// A tokenRequest is a request whose result several callers wait for.
type tokenRequest struct {
	done      chan struct{} // closed at the end
	token     string
	err       error
	cancelled bool // the caller's context ended, which is no result for the others
}

// application returns the app of a connection, the same for all its clients.
func (d *Driver) application(at site, access provider.Access) (*application, error) {
	encoded, err := access.Credential.Encode()
	if err != nil {
		return nil, lockstep.Errorf(lockstep.Invalid, "The credential of connection %s cannot be encoded.",
			access.Connection.Name)
	}

	key := appKey{
		connection:  access.Connection.ARN,
		api:         at.api,
		certificate: at.certificate,
		credential:  sha256.Sum256(encoded),
	}
	d.mu.Lock()
	defer d.mu.Unlock()

	if app, ok := d.apps[key]; ok {
		return app, nil
	}

	app, err := newApplication(at, access.Credential)
	if err != nil {
		return nil, err
	}

	if len(d.apps) >= maxApps {
		for old := range d.apps { // its clients keep using it
			delete(d.apps, old)
			break
		}
	}

	d.apps[key] = app
	return app, nil
}

func newApplication(at site, credential lockstep.Credential) (*application, error) {
	installation, err := strconv.ParseInt(credential.InstallationID, 10, 64)
	if err != nil {
		return nil, lockstep.Errorf(lockstep.Denied,
			"The installation ID of application %s must be a number, and %q is not.",
			credential.AppID, credential.InstallationID)
	}

	key, err := parseKey(credential.Secret)
	if err != nil {
		return nil, err
	}

	signer, err := jose.NewSigner(jose.SigningKey{Algorithm: jose.RS256, Key: key},
		(&jose.SignerOptions{}).WithType("JWT"))
	if err != nil {
		return nil, lockstep.Errorf(lockstep.Denied, "The private key of application %s cannot sign.", credential.AppID)
	}

	app := &application{id: credential.AppID, installation: installation}
	app.api, app.rest, err = at.client(func(_ context.Context, header http.Header) error {
		now := time.Now()
		proof, err := jwt.Signed(signer).Claims(jwt.Claims{
			Issuer:   credential.AppID,
			IssuedAt: jwt.NewNumericDate(now.Add(-maxClockBehind)),
			Expiry:   jwt.NewNumericDate(now.Add(maxClockAhead)),
		}).Serialize()
		if err != nil {
			return lockstep.Errorf(lockstep.Denied, "The private key of application %s cannot sign.", credential.AppID)
		}

		header.Set("Authorization", "Bearer "+proof)
		return nil
	})

	return app, err
}

// parseKey parses the private key that GitHub creates for an app, in PKCS #1 or #8. Its
// errors repeat nothing of it.
func parseKey(text string) (*rsa.PrivateKey, error) {
	block, _ := pem.Decode([]byte(text))
	if block == nil {
		return nil, lockstep.Errorf(lockstep.Denied, "The application's private key is not in PEM.")
	}

	key, err := x509.ParsePKCS1PrivateKey(block.Bytes)
	if err != nil {
		if other, err := x509.ParsePKCS8PrivateKey(block.Bytes); err == nil {
			key, _ = other.(*rsa.PrivateKey)
		}
	}

	if key == nil {
		return nil, lockstep.Errorf(lockstep.Denied, "The application's private key is not an RSA key.")
	}
	if bits := key.N.BitLen(); bits < minKeyBits || bits > maxKeyBits {
		return nil, lockstep.Errorf(lockstep.Denied,
			"The application's private key has %d bits. It must have %d to %d.",
			bits, minKeyBits, maxKeyBits)
	}

	return key, nil
}

// Token returns a token that is valid for some minutes. All callers wait for the same
// request.
func (a *application) Token(ctx context.Context) (string, error) {
	for {
		a.mu.Lock()
		if time.Now().Before(a.until) {
			defer a.mu.Unlock()
			return a.token, nil
		}

		request := a.request
		if request == nil {
			request = &tokenRequest{done: make(chan struct{})}
			a.request = request
			a.mu.Unlock()
			a.fetch(ctx, request)

			return request.token, request.err
		}

		a.mu.Unlock()
		select {
		case <-request.done:
			if !request.cancelled {
				return request.token, request.err
			}
		case <-ctx.Done():
			return "", ctx.Err()
		}
	}
}

// fetch gets a token and completes a request.
func (a *application) fetch(ctx context.Context, request *tokenRequest) {
	lifetime := time.Duration(0)
	defer func() {
		a.mu.Lock()
		a.token, a.until, a.request = request.token, time.Now().Add(lifetime-renewBefore), nil
		a.mu.Unlock()
		close(request.done)
	}()

	token, resp, err := a.api.Apps.CreateInstallationToken(ctx, a.installation, &gh.InstallationTokenOptions{})
	if err != nil {
		request.err, request.cancelled = a.explain(translate(a.rest, resp, err)), ctx.Err() != nil
		return
	}

	request.token = token.GetToken()
	if request.token == "" {
		request.err = lockstep.Errorf(lockstep.Unavailable,
			"The host returned no token for installation %d of application %s.", a.installation, a.id)
		return
	}

	now := time.Now()
	if date, err := http.ParseTime(resp.Header.Get("Date")); err == nil {
		now = date // this server's clock may differ
	}

	lifetime = max(0, min(token.GetExpiresAt().Sub(now), maxLifetime))
}

// explain adds what a refusal means for the person who gave the key.
func (a *application) explain(err error) error {
	switch lockstep.KindOf(err) {
	case lockstep.Denied:
		return lockstep.Errorf(lockstep.Denied,
			"Application %s is refused: its id and private key do not belong together,"+
				" the installation is suspended, or this server's clock is wrong: %s", a.id, lockstep.Shown(err))
	case lockstep.NotFound:
		return lockstep.Errorf(lockstep.Denied, "Application %s has no installation %d: %s", a.id,
			a.installation, lockstep.Shown(err))
	}
	return err
}

// forget drops the token, which was refused before it expired.
func (a *application) forget() {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.until = time.Time{}
}

// botLogin returns the login as which the app writes.
func (a *application) botLogin(ctx context.Context) (string, error) {
	a.mu.Lock()
	login := a.login
	a.mu.Unlock()

	if login != "" {
		return login, nil
	}

	app, resp, err := a.api.Apps.Get(ctx, "")
	if err != nil {
		return "", a.explain(translate(a.rest, resp, err))
	}
	if app.GetSlug() == "" {
		return "", lockstep.Errorf(lockstep.Unavailable, "The host does not say what application %s is called.", a.id)
	}

	a.mu.Lock()
	defer a.mu.Unlock()

	a.login = app.GetSlug() + "[bot]"
	return a.login, nil
}
