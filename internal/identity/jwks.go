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
	maxKeys    = 50   // of a set: each may have to be tried
	minRSABits = 2048 // less can be broken
	maxRSABits = 8192 // more costs too much to verify
)

// parseKeys gives the keys of a JSON Web Key Set that may verify a token. What it
// does not know, or must not use, it leaves out.
func parseKeys(text []byte) ([]jose.JSONWebKey, error) {
	var set struct {
		Keys []json.RawMessage `json:"keys"`
	}
	if err := json.Unmarshal(text, &set); err != nil {
		return nil, errors.New("it is no JSON Web Key Set")
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
		return nil, errors.New("it has no public key that a token can be verified with")
	}

	return keys, nil
}

// parseProvidedKeys is readKeys for a set that a person has given, who should hear of a
// private key that is in it.
func parseProvidedKeys(text string) ([]jose.JSONWebKey, error) {
	var set struct {
		Keys []struct {
			D string `json:"d"`
			K string `json:"k"`
		} `json:"keys"`
	}
	if err := json.Unmarshal([]byte(text), &set); err != nil {
		return nil, errors.New("it is no JSON Web Key Set")
	}

	for _, k := range set.Keys {
		if k.D != "" || k.K != "" {
			return nil, errors.New("it holds a secret key: give public ones alone, and take that one out of use")
		}
	}

	return parseKeys([]byte(text))
}

func isUsable(k jose.JSONWebKey) bool {
	if !k.Valid() || k.Use != "" && k.Use != "sig" {
		return false
	}
	switch public := k.Key.(type) {
	case *rsa.PublicKey:
		bits := public.N.BitLen()
		return bits >= minRSABits && bits <= maxRSABits
	case *ecdsa.PublicKey, ed25519.PublicKey:
		return true
	}
	return false
}

// keysFor gives those of keys that may have signed a token.
func keysFor(keys []jose.JSONWebKey, t idToken) []crypto.PublicKey {
	var fit []crypto.PublicKey
	for _, k := range keys {
		if (t.kid == "" || k.KeyID == t.kid) && (k.Algorithm == "" || k.Algorithm == t.algorithm) {
			fit = append(fit, k.Key)
		}
	}
	return fit
}
