package sigv4

import (
	"net/http"
	"net/textproto"
	"slices"
	"strconv"
	"strings"
)

// appendCanonical writes the canonical request: what signer and verifier must
// agree on, byte by byte. It reports false when a signed header is not there.
func appendCanonical(b []byte, r *http.Request, signed []string, payload []byte) ([]byte, bool) {
	path, query := target(r)
	b = append(append(b, r.Method...), '\n')
	b = append(appendEscaped(b, normalise(path), true), '\n')
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

// target returns path and query as they stood in the request line. A request
// that did not come over a wire has only a URL.
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

// normalise takes dot segments and empty segments out of a path. A trailing
// slash stays.
func normalise(path string) string {
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

// appendQuery decodes the parameters, encodes them in the one canonical way and
// sorts them by what that gives.
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

	slices.SortFunc(all, func(x, y parameter) int {
		if c := strings.Compare(x.name, y.name); c != 0 {
			return c
		}
		return strings.Compare(x.value, y.value)
	})
	for i, p := range all {
		if i > 0 {
			b = append(b, '&')
		}
		b = append(append(append(b, p.name...), '='), p.value...)
	}

	return b
}

// unescape leaves what is no escape as it is.
func unescape(s string) string {
	if !strings.ContainsAny(s, "%+") {
		return s
	}

	b := make([]byte, 0, len(s))
	for i := 0; i < len(s); i++ {
		if s[i] == '%' && i+2 < len(s) {
			if n, err := strconv.ParseUint(s[i+1:i+3], 16, 8); err == nil {
				b = append(b, byte(n))
				i += 2
				continue
			}
		}

		if s[i] == '+' {
			b = append(b, ' ')
			continue
		}

		b = append(b, s[i])
	}

	return string(b)
}

func escape(s string) string { return string(appendEscaped(nil, s, false)) }

func appendEscaped(b []byte, s string, slash bool) []byte {
	const hex = "0123456789ABCDEF"
	for i := 0; i < len(s); i++ {
		c := s[i]
		switch {
		case c >= 'a' && c <= 'z', c >= 'A' && c <= 'Z', c >= '0' && c <= '9', c == '-', c == '.', c == '_', c == '~', slash && c == '/':
			b = append(b, c)
		default:
			b = append(b, '%', hex[c>>4], hex[c&15])
		}
	}
	return b
}

// appendHeader writes the values of a header, trimmed and joined by commas. Two
// headers are not in Request.Header.
func appendHeader(b []byte, r *http.Request, name string) ([]byte, bool) {
	switch name {
	case "host":
		return appendTrimmed(b, r.Host), true
	case "content-length":
		return strconv.AppendInt(b, r.ContentLength, 10), r.ContentLength >= 0
	}

	values := r.Header[canonicalName(name)]
	for i, v := range values {
		if i > 0 {
			b = append(b, ',')
		}
		b = appendTrimmed(b, v)
	}

	return b, len(values) > 0
}

// canonicalName spares the usual headers an allocation.
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

// appendTrimmed drops spaces at both ends and makes one of each run of them.
func appendTrimmed(b []byte, s string) []byte {
	s = strings.Trim(s, " \t")
	for i := 0; i < len(s); i++ {
		if s[i] == ' ' && i > 0 && s[i-1] == ' ' {
			continue
		}
		b = append(b, s[i])
	}
	return b
}
