package sigv4

import (
	"crypto/sha256"
	"encoding/base64"
	"net/http"
	"slices"
	"strings"
	"time"
)

const (
	algorithm  = "AWS4-HMAC-SHA256"
	terminator = "aws4_request"

	// No client signs as many headers, and no access key is as long.
	maxSignedHeaders = 64
	maxAccessKeyID   = 128
)

// An Authorization is what a request says of its signature. Nothing of it is
// proven before Verify.
type Authorization struct {
	AccessKeyID string
	// Day is YYYYMMDD, and that of Time.
	Day string
	// Region has only small letters, digits and hyphens.
	Region  string
	Service string
	// SignedHeaders are in small letters, ascending, each once.
	SignedHeaders []string
	// Signature is 64 hexadecimal digits.
	Signature string
	// Time is X-Amz-Date.
	Time time.Time
	// SecurityToken is X-Amz-Security-Token, empty for a long-term key.
	SecurityToken string

	date string // X-Amz-Date as it was sent
}

// Parse reads how r is signed, and refuses what cannot be a good signature for
// one of the services, whoever made it. It does not read r's body.
func (v *Verifier) Parse(r *http.Request, services ...string) (*Authorization, error) {
	headers := r.Header.Values("Authorization")
	if err := refusePresigned(r, len(headers) > 0); err != nil {
		return nil, err
	}
	if len(headers) > 1 {
		return nil, refuse(Incomplete, "Authorization header must be there once.")
	}

	if len(headers) == 0 || !strings.HasPrefix(headers[0], "AWS4-") {
		return nil, &Error{Missing, "Missing Authentication Token"}
	}

	a, credential, err := parseHeader(headers[0], r.Header["X-Amz-Date"])
	if err != nil {
		return nil, err
	}
	if err := a.readTime(r.Header["X-Amz-Date"][0]); err != nil {
		return nil, err
	}

	if err := a.readCredential(credential, services); err != nil {
		return nil, err
	}
	if err := a.mustSign(r); err != nil {
		return nil, err
	}

	tokens := r.Header["X-Amz-Security-Token"]
	if len(tokens) > 1 {
		return nil, refuse(Incomplete, "X-Amz-Security-Token header must be there once.")
	}

	if len(tokens) == 1 {
		a.SecurityToken = tokens[0]
	}

	return a, nil
}

func refusePresigned(r *http.Request, header bool) error {
	_, query := target(r)
	for pair := range strings.SplitSeq(query, "&") {
		name, _, _ := strings.Cut(pair, "=")
		switch unescape(name) {
		case "X-Amz-Algorithm", "X-Amz-Credential", "X-Amz-Signature":
			if header {
				return refuse(Mismatch, "Found both 'X-Amz-Algorithm' as a query-string param and 'Authorization' as HTTP header.")
			}
			return refuse(Unsupported, "Presigned requests are not supported: sign the request with an Authorization header.")
		}
	}

	return nil
}

// parseHeader splits an Authorization header and tells all that it lacks. It
// returns the credential apart.
func parseHeader(header string, dates []string) (*Authorization, string, error) {
	scheme, rest, _ := strings.Cut(header, " ")
	var credential, signature, signedHeaders string
	for rest != "" {
		var part string
		if part, rest = nextPart(rest); part == "" {
			continue
		}

		name, value, ok := strings.Cut(part, "=")
		if !ok {
			return nil, "", refuse(Incomplete, "'%.64s' not a valid key=value pair (missing equal-sign) in Authorization header %s", name, hashed(header))
		}

		switch name {
		case "Credential":
			credential = value
		case "Signature":
			signature = value
		case "SignedHeaders":
			signedHeaders = value
		}
	}

	var lacks strings.Builder
	for _, p := range [...]struct{ name, value string }{{"Credential", credential}, {"Signature", signature}, {"SignedHeaders", signedHeaders}} {
		if p.value == "" {
			lacks.WriteString("Authorization header requires '" + p.name + "' parameter. ")
		}
	}

	if len(dates) == 0 {
		lacks.WriteString("Authorization header requires existence of a 'X-Amz-Date' header. ")
	}

	if lacks.Len() > 0 {
		return nil, "", refuse(Incomplete, "%s%s", lacks.String(), hashed(header))
	}
	if scheme != algorithm {
		return nil, "", refuse(Unsupported, "Unsupported AWS 'algorithm': '%.64s' (only %s for now). %s", scheme, algorithm, hashed(header))
	}
	if len(dates) > 1 {
		return nil, "", refuse(Incomplete, "X-Amz-Date header must be there once.")
	}

	a := &Authorization{Signature: signature}
	if err := a.readSignedHeaders(signedHeaders); err != nil {
		return nil, "", err
	}

	return a, credential, nil
}

// nextPart cuts at the first comma or blank.
func nextPart(s string) (part, rest string) {
	for i := range len(s) {
		if c := s[i]; c == ',' || c == ' ' || c == '\t' {
			return s[:i], s[i+1:]
		}
	}
	return s, ""
}

// hashed names a header without repeating it, as AWS does.
func hashed(header string) string {
	sum := sha256.Sum256([]byte(header))
	return "(Hashed with SHA-256 and encoded with Base64) Authorization=" + base64.StdEncoding.EncodeToString(sum[:])
}

// readSignedHeaders wants the list in canonical order: in any other the
// signature could not be what a right signer makes.
func (a *Authorization) readSignedHeaders(list string) error {
	if strings.Count(list, ";") >= maxSignedHeaders {
		return refuse(Incomplete, "At most %d headers may be signed.", maxSignedHeaders)
	}

	for i := range len(list) {
		if c := list[i]; c >= 'A' && c <= 'Z' {
			return mismatch()
		}
	}

	a.SignedHeaders = strings.Split(list, ";")
	for i, name := range a.SignedHeaders {
		if name == "" || i > 0 && a.SignedHeaders[i-1] >= name {
			return mismatch()
		}
	}

	return nil
}

func (a *Authorization) readTime(date string) error {
	t, err := time.Parse(timeFormat, date)
	// Parse would take a fraction of a second as well.
	if err != nil || len(date) != len(timeFormat) {
		return refuse(Incomplete, "Date must be in ISO-8601 'basic format'. Got '%.64s'. See http://en.wikipedia.org/wiki/ISO_8601", date)
	}
	a.Time, a.date = t, date
	return nil
}

// readCredential checks the scope against what the request is for, and tells
// all that is wrong with it, as AWS does.
func (a *Authorization) readCredential(credential string, services []string) error {
	var parts [5]string
	n := 0
	for part := range strings.SplitSeq(credential, "/") {
		parts[min(n, 4)] = part
		n++
	}

	if n != len(parts) {
		return refuse(Incomplete, "Credential must have exactly 5 slash-delimited elements, e.g. keyid/date/region/service/term, got '%.256s'", credential)
	}

	a.AccessKeyID, a.Day, a.Region, a.Service = parts[0], parts[1], parts[2], parts[3]
	var wrong strings.Builder
	if !isRegion(a.Region) {
		wrong.WriteString("Credential should be scoped to a valid region, not '" + shorten(a.Region) + "'. ")
	}

	if !slices.Contains(services, a.Service) {
		wrong.WriteString("Credential should be scoped to correct service: '" + strings.Join(services, "' or '") + "'. ")
	}

	if parts[4] != terminator {
		wrong.WriteString("Credential should be scoped with a valid terminator: '" + terminator + "', not '" + shorten(parts[4]) + "'. ")
	}

	if day := a.date[:len("YYYYMMDD")]; a.Day != day {
		wrong.WriteString("Date in Credential scope does not match YYYYMMDD from ISO-8601 version of date from HTTP: '" +
			shorten(a.Day) + "' != '" + day + "', from '" + a.date + "'. ")
	}

	if wrong.Len() > 0 {
		return &Error{Scope, strings.TrimSuffix(wrong.String(), " ")}
	}
	if a.AccessKeyID == "" || len(a.AccessKeyID) > maxAccessKeyID {
		return UnknownKeyError()
	}
	if len(a.Signature) != sha256.Size*2 {
		return mismatch()
	}

	return nil
}

func shorten(s string) string { return s[:min(len(s), 64)] }

// isRegion keeps odd characters out of what becomes part of ARNs and keys.
func isRegion(s string) bool {
	if s == "" || len(s) > 64 {
		return false
	}
	for _, c := range []byte(s) {
		if (c < 'a' || c > 'z') && (c < '0' || c > '9') && c != '-' {
			return false
		}
	}
	return true
}

// mustSign wants under the signature what says where a request goes, when it was
// made, what it asks for and by which session. The last two need not be there.
func (a *Authorization) mustSign(r *http.Request) error {
	for _, name := range []string{"Host", "X-Amz-Date", "X-Amz-Target", "X-Amz-Security-Token"} {
		if name != "Host" && len(r.Header[name]) == 0 {
			continue
		}
		if !slices.Contains(a.SignedHeaders, strings.ToLower(name)) {
			return refuse(Unsigned, "'%s' must be a 'SignedHeader' in the AWS Authorization.", name)
		}
	}
	return nil
}
