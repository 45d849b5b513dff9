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

	// More headers than any client signs, and longer than any access key id.
	maxSignedHeaders = 64
	maxAccessKeyID   = 128
)

// An Authorization is the Authorization header of a request and the headers that
// belong to it. It is not verified.
type Authorization struct {
	AccessKeyID string
	// Day is the date of Time, as YYYYMMDD.
	Day string
	// Region has the form of AWS's regions.
	Region  string
	Service string
	// SignedHeaders are in lower case, sorted and unique.
	SignedHeaders []string
	// Signature is 64 hexadecimal digits.
	Signature string
	// Time is X-Amz-Date.
	Time time.Time
	// SecurityToken is X-Amz-Security-Token, or "" for a long-term key.
	SecurityToken string

	date string // X-Amz-Date as it was sent
}

// Parse returns the Authorization of r. It returns an error if it cannot be a valid
// signature for one of services. It does not read the body.
func (v *Verifier) Parse(r *http.Request, services ...string) (*Authorization, error) {
	headers := r.Header.Values("Authorization")
	if err := refusePresigned(r, len(headers) > 0); err != nil {
		return nil, err
	}
	if len(headers) > 1 {
		return nil, errorf(Incomplete, "The Authorization header must occur once.")
	}

	if len(headers) == 0 || !strings.HasPrefix(headers[0], "AWS4-") {
		return nil, &Error{Missing, "Missing Authentication Token"}
	}

	authorization, credential, err := parseHeader(headers[0], r.Header["X-Amz-Date"])
	if err != nil {
		return nil, err
	}
	if err := authorization.readTime(r.Header["X-Amz-Date"][0]); err != nil {
		return nil, err
	}

	if err := authorization.readCredential(credential, services); err != nil {
		return nil, err
	}
	if err := authorization.checkSignedHeaders(r); err != nil {
		return nil, err
	}

	tokens := r.Header["X-Amz-Security-Token"]
	if len(tokens) > 1 {
		return nil, errorf(Incomplete, "The X-Amz-Security-Token header must occur once.")
	}

	if len(tokens) == 1 {
		authorization.SecurityToken = tokens[0]
	}

	return authorization, nil
}

func refusePresigned(r *http.Request, header bool) error {
	_, query := target(r)
	for pair := range strings.SplitSeq(query, "&") {
		name, _, _ := strings.Cut(pair, "=")
		switch unescape(name) {
		case "X-Amz-Algorithm", "X-Amz-Credential", "X-Amz-Signature":
			if header {
				return errorf(Mismatch,
					"Found both 'X-Amz-Algorithm' as a query-string param and 'Authorization' as HTTP header.")
			}
			return errorf(Unsupported, "Presigned requests are not supported: sign the request with an "+
				"Authorization header.")
		}
	}

	return nil
}

// parseHeader parses an Authorization header. The error lists everything that is
// missing, as AWS does. The credential is returned separately.
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
			return nil, "", errorf(Incomplete,
				"'%.64s' not a valid key=value pair (missing equal-sign) in Authorization header %s",
				name, describeHeader(header))
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
	for _, parameter := range [...]struct{ name, value string }{
		{"Credential", credential},
		{"Signature", signature},
		{"SignedHeaders", signedHeaders},
	} {
		if parameter.value == "" {
			lacks.WriteString("Authorization header requires '" + parameter.name + "' parameter. ")
		}
	}

	if len(dates) == 0 {
		lacks.WriteString("Authorization header requires existence of a 'X-Amz-Date' header. ")
	}

	if lacks.Len() > 0 {
		return nil, "", errorf(Incomplete, "%s%s", lacks.String(), describeHeader(header))
	}
	if scheme != algorithm {
		return nil, "", errorf(Unsupported, "Unsupported AWS 'algorithm': '%.64s' (only %s for now). %s",
			scheme, algorithm, describeHeader(header))
	}
	if len(dates) > 1 {
		return nil, "", errorf(Incomplete, "The X-Amz-Date header must occur once.")
	}

	authorization := &Authorization{Signature: signature}
	if err := authorization.readSignedHeaders(signedHeaders); err != nil {
		return nil, "", err
	}

	return authorization, credential, nil
}

// nextPart cuts text at the first comma or blank.
func nextPart(text string) (part, rest string) {
	for i := range len(text) {
		if c := text[i]; c == ',' || c == ' ' || c == '\t' {
			return text[:i], text[i+1:]
		}
	}
	return text, ""
}

// describeHeader returns the hash of a header for a message, as AWS does.
func describeHeader(header string) string {
	sum := sha256.Sum256([]byte(header))
	return "(Hashed with SHA-256 and encoded with Base64) Authorization=" + base64.StdEncoding.EncodeToString(sum[:])
}

// readSignedHeaders parses the list of signed headers. It must be in canonical
// order: otherwise no signature is valid.
func (a *Authorization) readSignedHeaders(list string) error {
	if strings.Count(list, ";") >= maxSignedHeaders {
		return errorf(Incomplete, "At most %d headers may be signed.", maxSignedHeaders)
	}

	for i := range len(list) {
		if c := list[i]; c >= 'A' && c <= 'Z' {
			return mismatchError()
		}
	}

	a.SignedHeaders = strings.Split(list, ";")
	for i, name := range a.SignedHeaders {
		if name == "" || i > 0 && a.SignedHeaders[i-1] >= name {
			return mismatchError()
		}
	}

	return nil
}

func (a *Authorization) readTime(date string) error {
	t, err := time.Parse(timeFormat, date)
	// Parse would accept a fraction of a second.
	if err != nil || len(date) != len(timeFormat) {
		return errorf(Incomplete,
			"Date must be in ISO-8601 'basic format'. Got '%.64s'. See http://en.wikipedia.org/wiki/ISO_8601", date)
	}
	a.Time, a.date = t, date
	return nil
}

// readCredential parses the credential. The error lists everything that is wrong
// with its scope, as AWS does.
func (a *Authorization) readCredential(credential string, services []string) error {
	var parts [5]string
	count := 0
	for part := range strings.SplitSeq(credential, "/") {
		parts[min(count, 4)] = part
		count++
	}

	if count != len(parts) {
		return errorf(Incomplete,
			"Credential must have exactly 5 slash-delimited elements, e.g. keyid/date/region/service/term, got "+
				"'%.256s'",
			credential)
	}

	a.AccessKeyID, a.Day, a.Region, a.Service = parts[0], parts[1], parts[2], parts[3]
	var wrong strings.Builder
	if !isRegion(a.Region) {
		wrong.WriteString("Credential should be scoped to a valid region, not '" + truncate(a.Region) + "'. ")
	}

	if !slices.Contains(services, a.Service) {
		wrong.WriteString("Credential should be scoped to correct service: '" +
			strings.Join(services, "' or '") + "'. ")
	}

	if parts[4] != terminator {
		wrong.WriteString("Credential should be scoped with a valid terminator: '" + terminator +
			"', not '" + truncate(parts[4]) + "'. ")
	}

	if day := a.date[:len("YYYYMMDD")]; a.Day != day {
		wrong.WriteString("Date in Credential scope does not match YYYYMMDD from ISO-8601 version of date from " +
			"HTTP: '" +
			truncate(a.Day) + "' != '" + day + "', from '" + a.date + "'. ")
	}

	if wrong.Len() > 0 {
		return &Error{Scope, strings.TrimSuffix(wrong.String(), " ")}
	}
	if a.AccessKeyID == "" || len(a.AccessKeyID) > maxAccessKeyID {
		return UnknownKeyError()
	}
	if len(a.Signature) != sha256.Size*2 {
		return mismatchError()
	}

	return nil
}

func truncate(s string) string { return s[:min(len(s), 64)] }

// checkSignedHeaders returns an error unless the signature covers the destination,
// the time, and, if present, the operation and the session.
func (a *Authorization) checkSignedHeaders(r *http.Request) error {
	for _, name := range []string{"Host", "X-Amz-Date", "X-Amz-Target", "X-Amz-Security-Token"} {
		if name != "Host" && len(r.Header[name]) == 0 {
			continue
		}
		if !slices.Contains(a.SignedHeaders, strings.ToLower(name)) {
			return errorf(Unsigned, "'%s' must be a 'SignedHeader' in the AWS Authorization.", name)
		}
	}
	return nil
}
