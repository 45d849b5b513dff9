package sigv4

import (
	"net/http"
	"net/textproto"
	"slices"
	"strconv"
	"strings"
)

// appendCanonical appends the canonical request, which the signer and the verifier
// compute alike. It reports false if a signed header is absent.
func appendCanonical(b []byte, r *http.Request, signed []string, payload []byte) ([]byte, bool) {
	path, query := target(r)
	b = append(append(b, r.Method...), '\n')
	b = append(appendEscaped(b, normalizePath(path), true), '\n')
	b = append(appendQuery(b, query), '\n')
	for _, name := range signed {
		b = append(append(b, name...), ':')
		var ok bool
		if b, ok = appendHeader(b, r, name); !ok {
			return nil, false
		}

		b = append(b, '\n')
	}

	b = append(b, '\n')
	for i, name := range signed {
		if i > 0 {
			b = append(b, ';')
		}
		b = append(b, name...)
	}

	b = append(b, '\n')
	return append(b, payload...), true
}

// target returns the path and the query as they were in the request line, or those
// of the URL for a request that was not received over a connection.
func target(r *http.Request) (path, query string) {
	if strings.HasPrefix(r.RequestURI, "/") {
		path, query, _ = strings.Cut(r.RequestURI, "?")
		return path, query
	}
	if path = r.URL.EscapedPath(); path == "" {
		path = "/"
	}
	return path, r.URL.RawQuery
}

// normalizePath removes dot segments and empty segments from a path. It keeps a
// trailing slash.
func normalizePath(path string) string {
	if !strings.Contains(path, "//") && !strings.Contains(path, "/.") {
		return path
	}

	var kept []string
	for segment := range strings.SplitSeq(path, "/") {
		switch segment {
		case "", ".":
		case "..":
			kept = kept[:max(len(kept)-1, 0)]
		default:
			kept = append(kept, segment)
		}
	}

	clean := "/" + strings.Join(kept, "/")
	if len(kept) > 0 && strings.HasSuffix(path, "/") {
		clean += "/"
	}

	return clean
}

// appendQuery appends the parameters in canonical encoding, sorted.
func appendQuery(b []byte, query string) []byte {
	if query == "" {
		return b
	}

	type parameter struct{ name, value string }
	var all []parameter
	for pair := range strings.SplitSeq(query, "&") {
		if pair == "" {
			continue
		}

		name, value, _ := strings.Cut(pair, "=")
		all = append(all, parameter{escape(unescape(name)), escape(unescape(value))})
	}

	slices.SortFunc(all, func(left, right parameter) int {
		if c := strings.Compare(left.name, right.name); c != 0 {
			return c
		}
		return strings.Compare(left.value, right.value)
	})
	for i, pair := range all {
		if i > 0 {
			b = append(b, '&')
		}
		b = append(append(append(b, pair.name...), '='), pair.value...)
	}

	return b
}

// unescape decodes a query parameter. Invalid escapes stay as they are.
func unescape(text string) string {
	if !strings.ContainsAny(text, "%+") {
		return text
	}

	b := make([]byte, 0, len(text))
	for i := 0; i < len(text); i++ {
		if text[i] == '%' && i+2 < len(text) {
			if n, err := strconv.ParseUint(text[i+1:i+3], 16, 8); err == nil {
				b = append(b, byte(n))
				i += 2
				continue
			}
		}

		if text[i] == '+' {
			b = append(b, ' ')
			continue
		}

		b = append(b, text[i])
	}

	return string(b)
}

func escape(s string) string { return string(appendEscaped(nil, s, false)) }

func appendEscaped(b []byte, s string, slash bool) []byte {
	const hex = "0123456789ABCDEF"
	for i := 0; i < len(s); i++ {
		char := s[i]
		switch {
		case char >= 'a' && char <= 'z', char >= 'A' && char <= 'Z', char >= '0' && char <= '9',
			char == '-', char == '.', char == '_', char == '~', slash && char == '/':
			b = append(b, char)
		default:
			b = append(b, '%', hex[char>>4], hex[char&15])
		}
	}
	return b
}

// appendHeader appends the values of a header, trimmed and joined by commas. Host
// and Content-Length are not in Request.Header.
func appendHeader(b []byte, r *http.Request, name string) ([]byte, bool) {
	switch name {
	case "host":
		return appendTrimmed(b, r.Host), true
	case "content-length":
		return strconv.AppendInt(b, r.ContentLength, 10), r.ContentLength >= 0
	}

	values := r.Header[canonicalName(name)]
	for i, value := range values {
		if i > 0 {
			b = append(b, ',')
		}
		b = appendTrimmed(b, value)
	}

	return b, len(values) > 0
}

// canonicalName is textproto.CanonicalMIMEHeaderKey without an allocation for common
// headers.
func canonicalName(name string) string {
	switch name {
	case "content-type":
		return "Content-Type"
	case "x-amz-date":
		return "X-Amz-Date"
	case "x-amz-target":
		return "X-Amz-Target"
	case "x-amz-security-token":
		return "X-Amz-Security-Token"
	case "x-amz-content-sha256":
		return "X-Amz-Content-Sha256"
	}

	return textproto.CanonicalMIMEHeaderKey(name)
}

// appendTrimmed appends text without leading and trailing space, and with runs of
// spaces as one.
func appendTrimmed(b []byte, text string) []byte {
	text = strings.Trim(text, " \t")
	for i := 0; i < len(text); i++ {
		if text[i] == ' ' && i > 0 && text[i-1] == ' ' {
			continue
		}
		b = append(b, text[i])
	}
	return b
}
