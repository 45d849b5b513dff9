// Package identitytest provides an issuer of identity tokens for tests. It serves
// discovery and keys over HTTP as real issuers do, and signs any claims.
package identitytest

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"encoding/json"
	"maps"
	"net/http"
	"net/http/httptest"
	"sync"
	"testing"
	"time"

	jose "github.com/go-jose/go-jose/v4"
)

// A Key signs tokens. KeyID is the key id in the tokens' header.
type Key struct {
	KeyID     string
	Algorithm jose.SignatureAlgorithm
	Private   any // *rsa.PrivateKey, *ecdsa.PrivateKey, ed25519.PrivateKey or []byte
}

// NewKey generates a key for an RSA, ECDSA or EdDSA algorithm.
func NewKey(t testing.TB, keyID string, algorithm jose.SignatureAlgorithm) Key {
	t.Helper()
	k := Key{KeyID: keyID, Algorithm: algorithm}
	var err error
	switch algorithm[:2] {
	case "RS", "PS":
		k.Private, err = rsa.GenerateKey(rand.Reader, 2048)
	case "ES":
		curves := map[jose.SignatureAlgorithm]elliptic.Curve{
			jose.ES256: elliptic.P256(),
			jose.ES384: elliptic.P384(),
			jose.ES512: elliptic.P521(),
		}
		k.Private, err = ecdsa.GenerateKey(curves[algorithm], rand.Reader)
	default:
		_, k.Private, err = ed25519.GenerateKey(rand.Reader)
	}

	if err != nil {
		t.Fatal(err)
	}

	return k
}

// Public returns the public key.
func (k Key) Public() jose.JSONWebKey {
	private, ok := k.Private.(crypto.Signer)
	if !ok {
		return jose.JSONWebKey{
			Key:       k.Private,
			KeyID:     k.KeyID,
			Algorithm: string(k.Algorithm),
			Use:       "sig",
		}
	}

	return jose.JSONWebKey{
		Key:       private.Public(),
		KeyID:     k.KeyID,
		Algorithm: string(k.Algorithm),
		Use:       "sig",
	}
}

// Sign returns a signed token with claims.
func (k Key) Sign(t testing.TB, claims map[string]any) string {
	t.Helper()
	text, err := json.Marshal(claims)
	if err != nil {
		t.Fatal(err)
	}
	return k.SignText(t, string(text))
}

// SignText returns a signed token with arbitrary text in place of claims.
func (k Key) SignText(t testing.TB, claims string) string {
	t.Helper()
	signer, err := jose.NewSigner(jose.SigningKey{
		Algorithm: k.Algorithm,
		Key:       jose.JSONWebKey{Key: k.Private, KeyID: k.KeyID},
	}, nil)
	if err != nil {
		t.Fatal(err)
	}

	signed, err := signer.Sign([]byte(claims))
	if err != nil {
		t.Fatal(err)
	}

	token, err := signed.CompactSerialize()
	if err != nil {
		t.Fatal(err)
	}

	return token
}

// JWKS returns the public keys as a JSON Web Key Set.
func JWKS(t testing.TB, keys ...Key) string {
	t.Helper()
	text, err := json.Marshal(public(keys))
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

func public(keys []Key) (set jose.JSONWebKeySet) {
	for _, k := range keys {
		set.Keys = append(set.Keys, k.Public())
	}
	return set
}

// An Issuer is an HTTP server with a discovery document and a key set.
type Issuer struct {
	URL string

	t    testing.TB
	mu   sync.Mutex
	keys []Key
	jwks string // where it says that its keys are; "" for where they are
	down bool
	asks int
}

// NewIssuer starts an issuer with the given keys, by default one for ES256, which
// is generated quickly.
func NewIssuer(t testing.TB, keys ...Key) *Issuer {
	t.Helper()
	i := NewInProcessIssuer(t, keys...)
	server := httptest.NewServer(i)
	t.Cleanup(server.Close)
	i.URL = server.URL
	return i
}

// NewInProcessIssuer returns an issuer without a socket, reached only through
// Client. Use it with testing/synctest, whose clock stands still while a socket is
// read.
func NewInProcessIssuer(t testing.TB, keys ...Key) *Issuer {
	t.Helper()
	if len(keys) == 0 {
		keys = []Key{NewKey(t, "first", jose.ES256)}
	}
	return &Issuer{t: t, keys: keys, URL: "https://issuer.example"}
}

// Client returns a client that reaches the issuer without a socket, whatever the
// URL.
func (i *Issuer) Client() *http.Client { return &http.Client{Transport: inProcess{i}} }

type inProcess struct{ http.Handler }

// RoundTrip calls the handler.
func (p inProcess) RoundTrip(r *http.Request) (*http.Response, error) {
	if err := r.Context().Err(); err != nil {
		return nil, err
	}
	rec := httptest.NewRecorder()
	p.ServeHTTP(rec, r)
	return rec.Result(), nil
}

// ServeHTTP implements http.Handler.
func (i *Issuer) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	i.mu.Lock()
	down := i.down
	i.mu.Unlock()

	switch {
	case down:
		http.Error(w, "down", http.StatusServiceUnavailable)
	case r.URL.Path == "/.well-known/openid-configuration":
		i.describe(w)
	case r.URL.Path == "/jwks":
		i.publish(w)
	default:
		http.NotFound(w, r)
	}
}

func (i *Issuer) describe(w http.ResponseWriter) {
	i.mu.Lock()
	defer i.mu.Unlock()
	at := i.jwks
	if at == "" {
		at = i.URL + "/jwks"
	}
	_ = json.NewEncoder(w).Encode(map[string]any{
		"issuer": i.URL, "jwks_uri": at, "id_token_signing_alg_values_supported": []string{"RS256", "HS256", "none"},
	})
}

func (i *Issuer) publish(w http.ResponseWriter) {
	i.mu.Lock()
	defer i.mu.Unlock()
	i.asks++
	_ = json.NewEncoder(w).Encode(public(i.keys))
}

// SetKeys changes the published keys.
func (i *Issuer) SetKeys(keys ...Key) {
	i.mu.Lock()
	defer i.mu.Unlock()
	i.keys = keys
}

// SetJWKS changes the jwks_uri.
func (i *Issuer) SetJWKS(url string) {
	i.mu.Lock()
	defer i.mu.Unlock()
	i.jwks = url
}

// SetUnavailable makes it respond with status 503, or normally again.
func (i *Issuer) SetUnavailable(down bool) {
	i.mu.Lock()
	defer i.mu.Unlock()
	i.down = down
}

// KeyReads returns how often its keys were read.
func (i *Issuer) KeyReads() int {
	i.mu.Lock()
	defer i.mu.Unlock()
	return i.asks
}

// Claims returns the claims of a valid token with changes; a nil value removes a
// claim.
func (i *Issuer) Claims(audience, subject string, changes map[string]any) map[string]any {
	now := time.Now()
	claims := map[string]any{
		"iss": i.URL,
		"aud": audience,
		"sub": subject,
		"iat": now.Unix(),
		"nbf": now.Unix(),
		"exp": now.Add(5 * time.Minute).Unix(),
	}
	maps.Copy(claims, changes)
	maps.DeleteFunc(claims, func(_ string, v any) bool { return v == nil })
	return claims
}

// Token returns Claims signed with its first key.
func (i *Issuer) Token(audience, subject string, changes map[string]any) string {
	i.t.Helper()
	i.mu.Lock()
	k := i.keys[0]
	i.mu.Unlock()
	return k.Sign(i.t, i.Claims(audience, subject, changes))
}
