package sigv4

import (
	"crypto/hmac"
	"crypto/sha256"
	"crypto/subtle"
	"encoding/hex"
	"net/http"
	"strings"
	"sync"
	"time"
)

// A Verifier checks signatures. The zero value is ready, and many goroutines
// may use one at the same time.
type Verifier struct {
	// Skew is how far the signer's clock may be from ours, either way. Defaults
	// to AWS's 5 minutes.
	Skew time.Duration

	mu   sync.Mutex
	keys map[scope]derived
}

// maxKeys bounds the derived keys that a Verifier remembers.
const maxKeys = 1024

// A scope is what a signing key is derived for.
type scope struct{ accessKeyID, day, region, service string }

// A derived key remembers the hash of the secret it came from, so that a rotated
// secret is never answered with the old key.
type derived struct{ secret, key [sha256.Size]byte }

// Verify checks that the owner of secret signed r with this body, within the
// skew of now. Parse must have returned a for the same request. An empty secret
// verifies nothing.
func (v *Verifier) Verify(r *http.Request, body []byte, a *Authorization, secret string, now time.Time) error {
	skew := v.Skew
	if skew == 0 {
		skew = 5 * time.Minute
	}

	if err := checkTime(a.Time, now, skew); err != nil {
		return err
	}
	if secret == "" {
		return UnknownKeyError()
	}

	payload, err := payloadHash(r, body)
	if err != nil {
		return err
	}

	var buffer [1024]byte
	canonical, ok := appendCanonical(buffer[:0], r, a.SignedHeaders, payload[:])
	if !ok {
		return mismatch()
	}

	key, cached := v.key(a, secret)
	want := sign(key, a, canonical)
	if !hmac.Equal(want[:], []byte(a.Signature)) {
		if cached {
			// Else a wrong signature would cost less than an unknown key, and tell
			// whoever has the time to measure that the key was used here today.
			derive(a, secret)
		}
		return mismatch()
	}

	if !cached {
		// Only the owner of the secret gets this far, so that nobody else can fill
		// the cache with scopes of no use.
		v.remember(a, secret, key)
	}

	return nil
}

// payloadHash returns the hexadecimal hash that stands for body in the
// signature.
func payloadHash(r *http.Request, body []byte) ([sha256.Size * 2]byte, error) {
	sum := sha256.Sum256(body)
	var text [sha256.Size * 2]byte
	hex.Encode(text[:], sum[:])
	values := r.Header["X-Amz-Content-Sha256"]
	if len(values) == 0 {
		return text, nil
	}

	switch declared := values[0]; {
	case declared == "UNSIGNED-PAYLOAD":
		return text, refuse(Unsupported, "UNSIGNED-PAYLOAD is not supported: sign the request's body.")
	case strings.HasPrefix(declared, "STREAMING-"):
		return text, refuse(Unsupported, "Chunked payloads (%.64s) are not supported: sign the request's body as a whole.", declared)
	case len(values) > 1 || declared != string(text[:]):
		return text, mismatch()
	}

	return text, nil
}

// sign returns the hexadecimal signature of a canonical request.
func sign(key [sha256.Size]byte, a *Authorization, canonical []byte) [sha256.Size * 2]byte {
	sum := sha256.Sum256(canonical)
	var buffer [256]byte
	b := append(buffer[:0], algorithm+"\n"...)
	b = append(append(b, a.date...), '\n')
	for _, part := range [...]string{a.Day, a.Region, a.Service} {
		b = append(append(b, part...), '/')
	}

	b = append(b, terminator+"\n"...)
	b = hex.AppendEncode(b, sum[:])
	signature := mac(key[:], b)
	var text [sha256.Size * 2]byte
	hex.Encode(text[:], signature[:])

	return text
}

func mac(key, message []byte) (sum [sha256.Size]byte) {
	h := hmac.New(sha256.New, key)
	h.Write(message)
	h.Sum(sum[:0])
	return sum
}

func derive(a *Authorization, secret string) [sha256.Size]byte {
	key := mac([]byte("AWS4"+secret), []byte(a.Day))
	for _, part := range [...]string{a.Region, a.Service, terminator} {
		key = mac(key[:], []byte(part))
	}
	return key
}

func (a *Authorization) scope() scope { return scope{a.AccessKeyID, a.Day, a.Region, a.Service} }

// key returns the signing key and whether it was remembered.
func (v *Verifier) key(a *Authorization, secret string) ([sha256.Size]byte, bool) {
	v.mu.Lock()
	d, ok := v.keys[a.scope()]
	v.mu.Unlock()
	if hash := sha256.Sum256([]byte(secret)); ok && subtle.ConstantTimeCompare(d.secret[:], hash[:]) == 1 {
		return d.key, true
	}
	return derive(a, secret), false
}

func (v *Verifier) remember(a *Authorization, secret string, key [sha256.Size]byte) {
	v.mu.Lock()
	defer v.mu.Unlock()
	if v.keys == nil || len(v.keys) >= maxKeys {
		// Scopes end with the day: to forget them all costs one derivation each.
		v.keys = map[scope]derived{}
	}
	v.keys[a.scope()] = derived{sha256.Sum256([]byte(secret)), key}
}
