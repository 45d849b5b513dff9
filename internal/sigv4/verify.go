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

// A Verifier verifies signatures. The zero value is ready to use. It is safe for
// concurrent use.
type Verifier struct {
	// Skew is the maximum difference between the clocks of the signer and the
	// verifier. Defaults to AWS's 5 minutes.
	Skew time.Duration

	mu   sync.Mutex
	keys map[scope]derived
}

// maxKeys bounds the signing keys that a Verifier caches.
const maxKeys = 1024

// A scope identifies a signing key.
type scope struct{ accessKeyID, day, region, service string }

// A derived key keeps the hash of its secret, so that it is not used after the
// secret changes.
type derived struct{ secret, key [sha256.Size]byte }

// Verify checks that the owner of secret signed r with this body, at most the skew
// before or after now. authorization must be that of r. An empty secret is an error.
func (v *Verifier) Verify(
	r *http.Request, body []byte, authorization *Authorization, secret string, now time.Time,
) error {
	if err := v.CheckTime(authorization, now); err != nil {
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
	canonical, ok := appendCanonical(buffer[:0], r, authorization.SignedHeaders, payload[:])
	if !ok {
		return mismatchError()
	}

	key, cached := v.key(authorization, secret)
	want := sign(key, authorization, canonical)
	if !hmac.Equal(want[:], []byte(authorization.Signature)) {
		if cached {
			// Take as long as for a key that is not cached: otherwise the time would
			// reveal which keys were used today.
			derive(authorization, secret)
		}
		return mismatchError()
	}

	if !cached {
		// Only valid signatures are cached, so that only owners of keys can fill the
		// cache.
		v.remember(authorization, secret, key)
	}

	return nil
}

// CheckTime returns an error if the time of a signature is not within the skew before
// or after now. Verify checks it too; this needs neither body nor secret.
func (v *Verifier) CheckTime(authorization *Authorization, now time.Time) error {
	skew := v.Skew
	if skew == 0 {
		skew = 5 * time.Minute
	}
	return checkTime(authorization.Time, now, skew)
}

// payloadHash returns the hexadecimal hash of body, as it is signed.
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
		return text, errorf(Unsupported, "UNSIGNED-PAYLOAD is not supported: sign the request's body.")
	case strings.HasPrefix(declared, "STREAMING-"):
		return text, errorf(Unsupported,
			"Chunked payloads (%.64s) are not supported: sign the request's body as a whole.", declared)
	case len(values) > 1 || declared != string(text[:]):
		return text, mismatchError()
	}

	return text, nil
}

// sign returns the hexadecimal signature of a canonical request.
func sign(key [sha256.Size]byte, authorization *Authorization, canonical []byte) [sha256.Size * 2]byte {
	sum := sha256.Sum256(canonical)
	var buffer [256]byte
	b := append(buffer[:0], algorithm+"\n"...)
	b = append(append(b, authorization.date...), '\n')
	for _, part := range [...]string{authorization.Day, authorization.Region, authorization.Service} {
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

// key returns the signing key, and reports whether it was cached.
func (v *Verifier) key(authorization *Authorization, secret string) ([sha256.Size]byte, bool) {
	v.mu.Lock()
	d, ok := v.keys[authorization.scope()]
	v.mu.Unlock()
	if hash := sha256.Sum256([]byte(secret)); ok && subtle.ConstantTimeCompare(d.secret[:], hash[:]) == 1 {
		return d.key, true
	}
	return derive(authorization, secret), false
}

func (v *Verifier) remember(authorization *Authorization, secret string, key [sha256.Size]byte) {
	v.mu.Lock()
	defer v.mu.Unlock()
	if v.keys == nil || len(v.keys) >= maxKeys {
		// Scopes end with the day. Deriving a key again is cheap.
		v.keys = map[scope]derived{}
	}
	v.keys[authorization.scope()] = derived{sha256.Sum256([]byte(secret)), key}
}
