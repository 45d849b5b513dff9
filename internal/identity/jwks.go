package identity

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/rsa"
	"encoding/json"
	"errors"

	jose "github.com/go-jose/go-jose/v4"
)

const (
	maxKeys    = 50   // in a set: each may have to be tried
	minRSABits = 2048 // smaller keys are insecure
	maxRSABits = 8192 // larger keys are too slow to verify
)

// parseKeys returns the keys of a JSON Web Key Set that may verify a token. It
// skips keys that are unknown or unsuitable.
func parseKeys(text []byte) ([]jose.JSONWebKey, error) {
	var set struct {
		Keys []json.RawMessage `json:"keys"`
	}
	if err := json.Unmarshal(text, &set); err != nil {
		return nil, errors.New("it is not a JSON Web Key Set")
	}
	if len(set.Keys) > maxKeys {
		return nil, errors.New("it has too many keys")
	}

	var keys []jose.JSONWebKey
	for _, raw := range set.Keys {
		var k jose.JSONWebKey
		if err := json.Unmarshal(raw, &k); err == nil && isUsable(k) {
			keys = append(keys, k)
		}
	}

	if len(keys) == 0 {
		return nil, errors.New("it has no public key that can verify a token")
	}

	return keys, nil
}

// parseProvidedKeys is parseKeys for a set provided by a user, who should learn
// that it contains a private key.
func parseProvidedKeys(text string) ([]jose.JSONWebKey, error) {
	var set struct {
		Keys []struct {
			D string `json:"d"`
			K string `json:"k"`
		} `json:"keys"`
	}
	if err := json.Unmarshal([]byte(text), &set); err != nil {
		return nil, errors.New("it is not a JSON Web Key Set")
	}

	for _, k := range set.Keys {
		if k.D != "" || k.K != "" {
			return nil, errors.New("it contains a private key: provide public keys only, and revoke that one")
		}
	}

	return parseKeys([]byte(text))
}

func isUsable(key jose.JSONWebKey) bool {
	if !key.Valid() || key.Use != "" && key.Use != "sig" {
		return false
	}
	switch public := key.Key.(type) {
	case *rsa.PublicKey:
		bits := public.N.BitLen()
		return bits >= minRSABits && bits <= maxRSABits
	case *ecdsa.PublicKey, ed25519.PublicKey:
		return true
	}
	return false
}

// keysFor returns the keys that may have signed a token.
func keysFor(keys []jose.JSONWebKey, t idToken) []crypto.PublicKey {
	var suitable []crypto.PublicKey
	for _, k := range keys {
		if (t.kid == "" || k.KeyID == t.kid) && (k.Algorithm == "" || k.Algorithm == t.algorithm) {
			suitable = append(suitable, k.Key)
		}
	}
	return suitable
}
