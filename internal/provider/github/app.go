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
	// What an application proves itself with is good by clocks that differ from
	// ours by so much. GitHub takes an end that is at most ten minutes ahead.
	aheadOfHost  = 2 * time.Minute
	behindOfHost = 5 * time.Minute
	// renewal is how long before its end a token is left.
	renewal = 5 * time.Minute
	// maxLife bounds how long a token is kept, whatever its host says.
	maxLife = time.Hour
	// maxApps bounds how many applications' tokens a driver keeps.
	maxApps = 1024
	// Sizes of keys, in bits: below, they are no proof; above, they keep us busy.
	minKey, maxKey = 2048, 8192
)

// An appKey is what the clients that share tokens have in common.
type appKey struct {
	connection       lockstep.ARN
	api, certificate string
	credential       [sha256.Size]byte // a digest, for a key is seen when a map is printed
}

// An application gets tokens for one of its installations. It is safe for
// concurrent use.
type application struct {
	api          *gh.Client // as the application itself
	rest         *rest.Client
	id           string
	installation int64

	mu     sync.Mutex
	token  string
	until  time.Time // when token is to be left
	flight *flight   // the request for a token that is under way, nil if none is
	login  string    // "" until known
}

// A flight is a request whose answer several wait for.
type flight struct {
	done  chan struct{} // closed at the end
	token string
	err   error
	left  bool // whoever asked had no more time, which says nothing of the host
}

// application gives the application of a connection, the same for all its clients.
func (d *Driver) application(p place, a provider.Access) (*application, error) {
	text, err := a.Credential.Encode()
	if err != nil {
		return nil, lockstep.Errorf(lockstep.Invalid, "The credential of connection %s cannot be encoded.", a.Connection.Name)
	}

	key := appKey{a.Connection.ARN, p.api, p.certificate, sha256.Sum256(text)}
	d.mu.Lock()
	defer d.mu.Unlock()

	if app, ok := d.apps[key]; ok {
		return app, nil
	}

	app, err := newApplication(p, a.Credential)
	if err != nil {
		return nil, err
	}

	if len(d.apps) >= maxApps {
		for old := range d.apps { // whoever holds it goes on with it
			delete(d.apps, old)
			break
		}
	}

	d.apps[key] = app
	return app, nil
}

func newApplication(p place, c lockstep.Credential) (*application, error) {
	installation, err := strconv.ParseInt(c.InstallationID, 10, 64)
	if err != nil {
		return nil, lockstep.Errorf(lockstep.Denied, "The installation of application %s is named by a number, and %q is none.", c.AppID, c.InstallationID)
	}

	key, err := parseKey(c.Secret)
	if err != nil {
		return nil, err
	}

	signer, err := jose.NewSigner(jose.SigningKey{Algorithm: jose.RS256, Key: key}, (&jose.SignerOptions{}).WithType("JWT"))
	if err != nil {
		return nil, lockstep.Errorf(lockstep.Denied, "The private key of application %s cannot sign.", c.AppID)
	}

	app := &application{id: c.AppID, installation: installation}
	app.api, app.rest, err = p.client(func(_ context.Context, h http.Header) error {
		now := time.Now()
		proof, err := jwt.Signed(signer).Claims(jwt.Claims{
			Issuer: c.AppID, IssuedAt: jwt.NewNumericDate(now.Add(-aheadOfHost)), Expiry: jwt.NewNumericDate(now.Add(behindOfHost)),
		}).Serialize()
		if err != nil {
			return lockstep.Errorf(lockstep.Denied, "The private key of application %s cannot sign.", c.AppID)
		}

		h.Set("Authorization", "Bearer "+proof)
		return nil
	})

	return app, err
}

// parseKey reads the private key that GitHub makes for an application, in either
// of its forms. Its errors repeat nothing of it.
func parseKey(text string) (*rsa.PrivateKey, error) {
	block, _ := pem.Decode([]byte(text))
	if block == nil {
		return nil, lockstep.Errorf(lockstep.Denied, "The application's private key is not one in PEM.")
	}

	key, err := x509.ParsePKCS1PrivateKey(block.Bytes)
	if err != nil {
		if other, err := x509.ParsePKCS8PrivateKey(block.Bytes); err == nil {
			key, _ = other.(*rsa.PrivateKey)
		}
	}

	if key == nil {
		return nil, lockstep.Errorf(lockstep.Denied, "The application's private key is not an RSA key, which GitHub's are.")
	}
	if n := key.N.BitLen(); n < minKey || n > maxKey {
		return nil, lockstep.Errorf(lockstep.Denied, "The application's private key has %d bits, and not %d to %d.", n, minKey, maxKey)
	}

	return key, nil
}

// Token gives a token that is good for some minutes. One request is under way at
// a time, whoever waits for it.
func (a *application) Token(ctx context.Context) (string, error) {
	for {
		a.mu.Lock()
		if time.Now().Before(a.until) {
			defer a.mu.Unlock()
			return a.token, nil
		}

		f := a.flight
		if f == nil {
			f = &flight{done: make(chan struct{})}
			a.flight = f
			a.mu.Unlock()
			a.fetch(ctx, f)

			return f.token, f.err
		}

		a.mu.Unlock()
		select {
		case <-f.done:
			if !f.left {
				return f.token, f.err
			}
		case <-ctx.Done():
			return "", ctx.Err()
		}
	}
}

// fetch asks for a token, and ends a flight.
func (a *application) fetch(ctx context.Context, f *flight) {
	life := time.Duration(0)
	defer func() {
		a.mu.Lock()
		a.token, a.until, a.flight = f.token, time.Now().Add(life-renewal), nil
		a.mu.Unlock()
		close(f.done)
	}()

	token, resp, err := a.api.Apps.CreateInstallationToken(ctx, a.installation, nil)
	if err != nil {
		f.err, f.left = a.refused(translate(a.rest, resp, err)), ctx.Err() != nil
		return
	}

	f.token = token.GetToken()
	if f.token == "" {
		f.err = lockstep.Errorf(lockstep.Unavailable, "The host gives no token for installation %d of application %s.", a.installation, a.id)
		return
	}

	now := time.Now()
	if date, err := http.ParseTime(resp.Header.Get("Date")); err == nil {
		now = date // our clock may be another
	}

	life = max(0, min(token.GetExpiresAt().Sub(now), maxLife))
}

// refused tells whoever gave the key what a refusal means.
func (a *application) refused(err error) error {
	switch lockstep.KindOf(err) {
	case lockstep.Denied:
		return lockstep.Errorf(lockstep.Denied, "Application %s is refused: its id and private key do not belong together,"+
			" the installation is suspended, or this server's clock is wrong: %s", a.id, lockstep.Shown(err))
	case lockstep.NotFound:
		return lockstep.Errorf(lockstep.Denied, "Application %s has no installation %d: %s", a.id, a.installation, lockstep.Shown(err))
	}
	return err
}

// forget leaves a token that was refused before its end.
func (a *application) forget() {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.until = time.Time{}
}

// bot gives the login by which the application writes.
func (a *application) bot(ctx context.Context) (string, error) {
	a.mu.Lock()
	login := a.login
	a.mu.Unlock()

	if login != "" {
		return login, nil
	}

	app, resp, err := a.api.Apps.Get(ctx, "")
	if err != nil {
		return "", a.refused(translate(a.rest, resp, err))
	}
	if app.GetSlug() == "" {
		return "", lockstep.Errorf(lockstep.Unavailable, "The host does not say what application %s is called.", a.id)
	}

	a.mu.Lock()
	defer a.mu.Unlock()

	a.login = app.GetSlug() + "[bot]"
	return a.login, nil
}
