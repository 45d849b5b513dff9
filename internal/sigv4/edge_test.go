package sigv4_test

import (
	"net/http"
	"strings"
	"testing"

	"github.com/lockstephq/lockstep/internal/sigv4"
)

// Cases that the published suite lacks, signed by AWS's signer: escapes in a path
// are escaped again, those of a query are decoded and encoded again, and a header
// is joined, trimmed and its spaces are collapsed.
func TestEdgesOfTheCanonicalRequestAreAsAWSsSignerHasThem(t *testing.T) {
	for _, tc := range []struct {
		name, url string
		headers   http.Header
	}{
		{"an escaped slash", "/a%2Fb", nil},
		{"small hexadecimal digits", "/%c3%a9/%e6%bc%a2", nil},
		{"an escaped percent sign", "/100%25", nil},
		{"a plus sign in the path", "/a+b", nil},
		{"what only some clients escape", "/!$&'()*,;=:@", nil},
		{"a trailing slash", "/a/", nil},
		{"dots that are no segments", "/a..b/...", nil},
		{"a parameter without a value", "/?a", nil},
		{"a parameter with an empty value", "/?a=", nil},
		{"a value with an equal sign", "/?a=b%3Dc", nil},
		{"the same parameter three times", "/?a=2&a=10&a=1", nil},
		{"names that begin alike", "/?a-b=1&a=2&aB=3&ab=4", nil},
		{"blanks in a query", "/?a=b%20c&d=%2B", nil},
		{"a header without a value", "/", http.Header{"X-Empty": {""}}},
		{"a header of blanks", "/", http.Header{"X-Blank": {"   "}}},
		{"blanks inside quotation marks", "/", http.Header{"X-Quoted": {`"a   b"`}}},
		{"a tab", "/", http.Header{"X-Tab": {"a\tb"}}},
		{"values that are not sorted", "/", http.Header{"X-Order": {"z", "a", "m"}}},
		{"commas in values", "/", http.Header{"X-Comma": {"a,b", "c, d"}}},
		{"names that begin alike, in headers", "/", http.Header{"X-A-B": {"1"}, "X-A": {"2"}, "X-Ab": {"3"}}},
		{"a long value", "/", http.Header{"X-Long": {strings.Repeat("a  b", 2000)}}},
	} {
		t.Run(tc.name, func(t *testing.T) {
			r, err := http.NewRequest("POST", "http://localhost:4747"+tc.url, strings.NewReader(exampleBody))
			if err != nil {
				t.Fatal(err)
			}

			for name, values := range tc.headers {
				r.Header[name] = values
			}

			var verifier sigv4.Verifier
			o := example()
			o.key.SessionToken = "a token/of+base64=="

			if err := verify(&verifier, o.send(t, r, exampleBody), exampleBody, o); err != nil {
				t.Error(err)
			}
		})
	}
}
