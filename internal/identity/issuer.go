package identity

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"sync"
	"time"

	"github.com/coreos/go-oidc/v3/oidc"
	jose "github.com/go-jose/go-jose/v4"

	"github.com/lockstephq/lockstep"
)

const (
	// keysFreshFor is how long an issuer's keys are used without fetching them, so
	// that a withdrawn key stops working.
	keysFreshFor = 10 * time.Minute
	// keysUsableFor is how long they are used while the issuer is unavailable.
	keysUsableFor = time.Hour
	// minFetchInterval is the minimum time between two fetches caused by tokens
	// with unknown keys, which anyone can make.
	minFetchInterval = 30 * time.Second
	// failedFetchInterval is the same after a failed fetch.
	failedFetchInterval = 5 * time.Second
	fetchTimeout        = 10 * time.Second
	maxIssuerAnswer     = 1 << 20
)

// An issuer fetches and caches the keys of one token issuer.
type issuer struct {
	url      string
	client   *http.Client
	fetching chan struct{} // holds one while a fetch is in progress

	mu          sync.Mutex
	keys        []jose.JSONWebKey
	fetchedAt   time.Time // when keys were fetched
	nextFetchAt time.Time // no fetch before
	lastErr     error     // of the last fetch
}

func newIssuer(url string, client *http.Client) *issuer {
	return &issuer{url: url, client: client, fetching: make(chan struct{}, 1)}
}

// keysFor returns the issuer's keys. It fetches them if they are old or none of
// them matches t. The error is Unavailable if there are none.
func (i *issuer) keysFor(ctx context.Context, t idToken) ([]jose.JSONWebKey, error) {
	keys, usable, shouldFetch := i.cachedKeys(t)
	if !shouldFetch {
		return i.keysOrError(keys, usable)
	}

	select {
	case i.fetching <- struct{}{}:
	case <-ctx.Done():
		return nil, ctx.Err()
	}

	defer func() { <-i.fetching }()

	if _, _, shouldFetch := i.cachedKeys(t); shouldFetch { // no other caller has fetched them meanwhile
		i.refreshKeys(ctx)
	}

	keys, usable, _ = i.cachedKeys(t)
	return i.keysOrError(keys, usable)
}

func (i *issuer) keysOrError(keys []jose.JSONWebKey, usable bool) ([]jose.JSONWebKey, error) {
	if usable {
		return keys, nil
	}
	i.mu.Lock()
	defer i.mu.Unlock()
	return nil, lockstep.Wrapf(lockstep.Unavailable, i.lastErr,
		"The identity provider %s could not be reached for its keys. Try again.", i.url)
}

// cachedKeys returns the cached keys, whether they may be used, and whether they
// should be fetched.
func (i *issuer) cachedKeys(t idToken) (keys []jose.JSONWebKey, usable, shouldFetch bool) {
	i.mu.Lock()
	defer i.mu.Unlock()
	now := time.Now()
	age := now.Sub(i.fetchedAt)
	usable = i.keys != nil && age < keysUsableFor
	isFresh := age < keysFreshFor && len(keysFor(i.keys, t)) > 0
	return i.keys, usable, !isFresh && !now.Before(i.nextFetchAt)
}

// refreshKeys fetches the issuer's keys. It continues if the caller's context ends,
// because others wait for the result.
func (i *issuer) refreshKeys(ctx context.Context) {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), fetchTimeout)
	defer cancel()

	keys, err := i.fetch(ctx)
	i.mu.Lock()
	defer i.mu.Unlock()

	now := time.Now()
	i.lastErr = err
	if err != nil {
		i.nextFetchAt = now.Add(failedFetchInterval)
		return
	}

	i.keys, i.fetchedAt, i.nextFetchAt = keys, now, now.Add(minFetchInterval)
}

// fetch reads the issuer's discovery document and then the key set at its jwks_uri.
func (i *issuer) fetch(ctx context.Context) ([]jose.JSONWebKey, error) {
	provider, err := oidc.NewProvider(oidc.ClientContext(ctx, i.client), i.url)
	if err != nil {
		return nil, fmt.Errorf("read the discovery document of issuer %s: %w", i.url, err)
	}

	var found struct {
		JWKS string `json:"jwks_uri"`
	}
	if err := provider.Claims(&found); err != nil {
		return nil, fmt.Errorf("read the discovery document of issuer %s: %w", i.url, err)
	}
	if err := i.checkKeysURL(found.JWKS); err != nil {
		return nil, err
	}

	req, err := http.NewRequestWithContext(ctx, http.MethodGet, found.JWKS, nil)
	if err != nil {
		return nil, fmt.Errorf("read the keys of issuer %s: %w", i.url, err)
	}

	resp, err := i.client.Do(req)
	if err != nil {
		return nil, fmt.Errorf("read the keys of issuer %s: %w", i.url, err)
	}
	defer resp.Body.Close()

	text, err := io.ReadAll(resp.Body)
	if err == nil && resp.StatusCode != http.StatusOK {
		err = errors.New(resp.Status)
	}

	var keys []jose.JSONWebKey
	if err == nil {
		keys, err = parseKeys(text)
	}

	if err != nil {
		return nil, fmt.Errorf("read the keys of issuer %s: %w", i.url, err)
	}

	return keys, nil
}

// checkKeysURL refuses a key set over an insecure connection, unless the issuer
// itself is one that was allowed without TLS.
func (i *issuer) checkKeysURL(jwks string) error {
	from, err := url.Parse(jwks)
	if err != nil || from.Host == "" {
		return fmt.Errorf("issuer %s has no jwks_uri", i.url)
	}
	own, err := url.Parse(i.url)
	if from.Scheme != "https" && (err != nil || from.Scheme != own.Scheme || from.Host != own.Host) {
		return fmt.Errorf("the keys of issuer %s are at %s://%s, which is insecure", i.url, from.Scheme, from.Host)
	}
	return nil
}

// boundedClient returns a copy of c that limits the size and time of a response and
// follows no redirects, unless c is configured otherwise.
func boundedClient(c *http.Client) *http.Client {
	b := http.Client{}
	if c != nil {
		b = *c
	}

	if b.Transport == nil {
		b.Transport = http.DefaultTransport
	}

	b.Transport = boundedTransport{b.Transport}
	if b.CheckRedirect == nil {
		b.CheckRedirect = func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }
	}

	if b.Timeout == 0 {
		b.Timeout = fetchTimeout
	}

	return &b
}

type boundedTransport struct{ http.RoundTripper }

// RoundTrip limits the size of the response.
func (t boundedTransport) RoundTrip(r *http.Request) (*http.Response, error) {
	resp, err := t.RoundTripper.RoundTrip(r)
	if err == nil {
		resp.Body = http.MaxBytesReader(nil, resp.Body, maxIssuerAnswer)
	}
	return resp, err
}
