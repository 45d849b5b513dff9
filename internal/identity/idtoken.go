package identity

import (
	"bytes"
	"encoding/json"
	"errors"
	"math"
	"time"

	jose "github.com/go-jose/go-jose/v4"

	"github.com/lockstephq/lockstep"
)

const (
	// maxIDToken is the limit of STS.
	maxIDToken = 20_000
	// leeway is the tolerated clock difference between an issuer and this server.
	leeway = time.Minute
)

// allowedAlgorithms returns the asymmetric signature algorithms. With a symmetric
// one, a holder of the verification key could sign tokens.
func allowedAlgorithms() []jose.SignatureAlgorithm {
	return []jose.SignatureAlgorithm{
		jose.RS256, jose.RS384, jose.RS512, jose.PS256, jose.PS384, jose.PS512, jose.ES256, jose.ES384, jose.ES512,
		jose.EdDSA,
	}
}

// An idToken is a parsed token whose signature has not been verified.
type idToken struct {
	raw       string
	algorithm string
	kid       string
	issuer    string
	subject   string
	audiences []string
	claims    map[string]json.RawMessage
}

// badToken returns the error for a token that no role accepts.
func badToken(format string, args ...any) error {
	return lockstep.Errorf(lockstep.Invalid,
		"The web identity token that was passed could not be validated: "+format, args...)
}

// parseToken parses a token and checks what can be checked without its issuer's
// keys. The error is Invalid, or Stale for an expired token.
func parseToken(raw string, now time.Time) (idToken, error) {
	if len(raw) > maxIDToken {
		return idToken{}, badToken("it has %d characters; the maximum is %d.", len(raw), maxIDToken)
	}

	jws, err := jose.ParseSignedCompact(raw, allowedAlgorithms())
	if err != nil {
		return idToken{}, badToken("it is not a JSON Web Token with an asymmetric signature.")
	}

	header := jws.Signatures[0].Header
	t := idToken{raw: raw, algorithm: header.Algorithm, kid: header.KeyID}
	if t.claims, err = readClaims(jws.UnsafePayloadWithoutVerification()); err != nil {
		return idToken{}, badToken("its claims are not a JSON object with unique names.")
	}

	t.issuer, _ = t.string("iss")
	t.subject, _ = t.string("sub")
	t.audiences = t.strings("aud")

	switch {
	case t.issuer == "":
		return idToken{}, badToken("it has no issuer.")
	case t.subject == "":
		// A missing subject must not match any pattern.
		return idToken{}, badToken("it has no subject.")
	case len(t.audiences) == 0:
		return idToken{}, badToken("it has no audience.")
	}

	return t, t.checkTime(now)
}

// readClaims returns the claims by their exact names: decoding into a struct would
// accept Sub for sub.
func readClaims(payload []byte) (map[string]json.RawMessage, error) {
	dec := json.NewDecoder(bytes.NewReader(payload))
	if open, err := dec.Token(); err != nil || open != json.Delim('{') {
		return nil, errors.New("no object")
	}

	claims := map[string]json.RawMessage{}
	for dec.More() {
		token, err := dec.Token()
		if err != nil {
			return nil, err
		}

		name, _ := token.(string) // the decoder ensures that names are strings
		if _, twice := claims[name]; twice {
			return nil, errors.New("a name twice")
		}

		var value json.RawMessage
		if err := dec.Decode(&value); err != nil {
			return nil, err
		}

		claims[name] = value
	}

	if _, err := dec.Token(); err != nil {
		return nil, err
	}

	return claims, nil
}

func (t idToken) checkTime(now time.Time) error {
	expires, ok := t.time("exp")
	if !ok {
		return badToken("it has no expiration time.")
	}
	if !now.Before(expires.Add(leeway)) {
		return lockstep.Errorf(lockstep.Stale,
			"Token expired: current date/time %d must be before the expiration date/time %d",
			now.Unix(), expires.Unix())
	}

	for name, what := range map[string]string{"nbf": "it is not valid yet.", "iat": "it was issued in the future."} {
		at, ok := t.time(name)
		if !ok && t.claims[name] != nil {
			return badToken("its %s is not a time.", name)
		}
		if ok && now.Add(leeway).Before(at) {
			return badToken("%s", what)
		}
	}

	return nil
}

func (t idToken) string(name string) (string, bool) {
	var s *string
	if err := json.Unmarshal(t.claims[name], &s); err != nil || s == nil {
		return "", false
	}
	return *s, true
}

// strings returns a claim that is a string or a list of strings.
func (t idToken) strings(name string) []string {
	if s, ok := t.string(name); ok {
		return []string{s}
	}
	var all []string
	if err := json.Unmarshal(t.claims[name], &all); err != nil {
		return nil
	}
	return all
}

// time returns a claim in seconds since 1970.
func (t idToken) time(name string) (time.Time, bool) {
	var seconds *float64
	if err := json.Unmarshal(t.claims[name], &seconds); err != nil || seconds == nil || math.Abs(*seconds) > 1e11 {
		return time.Time{}, false
	}
	return time.Unix(int64(*seconds), 0), true
}

// text returns a string, number or boolean claim as text.
func (t idToken) text(name string) (string, bool) {
	if s, ok := t.string(name); ok {
		return s, true
	}
	raw := t.claims[name]
	if len(raw) == 0 || raw[0] == '{' || raw[0] == '[' || raw[0] == '"' || string(raw) == "null" {
		return "", false
	}
	return string(raw), true
}
