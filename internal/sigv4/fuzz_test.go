package sigv4_test

import (
	"crypto/sha256"
	"encoding/hex"
	"net/http"
	"net/url"
	"strings"
	"testing"

	v4 "github.com/aws/aws-sdk-go-v2/aws/signer/v4"

	"github.com/lockstephq/lockstep/internal/sigv4"
)

func FuzzAuthorization(f *testing.F) {
	f.Add("AWS4-HMAC-SHA256 Credential=AKIDEXAMPLE/20261122/eu-west-1/codeconnections/aws4_request, "+
		"SignedHeaders=host;x-amz-date, Signature="+
		strings.Repeat("0", 64), "/", "20261122T100000Z", "")
	f.Add("AWS4-HMAC-SHA256 Credential=AKIDEXAMPLE/20261122/eu-west-1/codeconnections/aws4_request,"+
		"SignedHeaders=a;host;x-amz-date,Signature="+
		strings.Repeat("f", 64)+",Signature=0", "//example/../?b=%20&a=+&%E1%88%B4", "20261122T100000Z",
		strings.Repeat("A", 64))
	f.Add("AWS4-HMAC-SHA256\tCredential=a/b/c/d/e/f SignedHeaders=Host", "/%", "2026-11-22T10:00:00Z", "")
	f.Add("AWS4-ECDSA-P256-SHA256 Credential=AKIDEXAMPLE/20261122/eu-west-1/codeconnections/aws4_request, "+
		"SignedHeaders=host;x-amz-date, Signature=0",
		"/?X-Amz-Algorithm=AWS4-HMAC-SHA256", "20261122T100000Z", "")
	f.Add("AWS4-HMAC-SHA256 Credential=/////,SignedHeaders=;;,Signature==", "/a/../%zz?%=+&&=", "20261122T100000Z",
		"STREAMING-")
	f.Add("AWS4-", "//?X-Amz-Signature", "", "UNSIGNED-PAYLOAD")
	f.Add("", "*", "x", strings.Repeat("0", 64))
	f.Fuzz(func(t *testing.T, header, uri, date, hash string) {
		signer := example()
		r := &http.Request{Method: "POST", Host: "localhost", RequestURI: uri, URL: &url.URL{}, Header: http.Header{
			"Authorization": {header}, "X-Amz-Date": {date}, "X-Amz-Content-Sha256": {hash},
		}}
		var verifier sigv4.Verifier
		authorization, err := verifier.Parse(r, signer.service)
		if err != nil {
			refused(t, err)
			return
		}

		if authorization.Service != signer.service || authorization.AccessKeyID == "" ||
			strings.Contains(authorization.AccessKeyID, "/") || len(authorization.Signature) != 64 {
			t.Errorf("parsed %+v", authorization)
		}

		// To guess a signature is out of reach, so this must be refused too.
		refused(t, verifier.Verify(r, []byte("{}"), authorization, exampleSecret, signer.at))
	})
}

func refused(t *testing.T, err error) {
	t.Helper()
	if e, ok := err.(*sigv4.Error); !ok || e.Message == "" || len(e.Message) > 1000 {
		t.Errorf("%v is not a *sigv4.Error with a short message", err)
	}
}

func BenchmarkVerify(b *testing.B) {
	signer := example()
	r := signer.send(b, exampleRequest(b), exampleBody)
	body := []byte(exampleBody)
	var verifier sigv4.Verifier
	b.ReportAllocs()

	for b.Loop() {
		authorization, err := verifier.Parse(r, signer.service)
		if err != nil {
			b.Fatal(err)
		}

		if err := verifier.Verify(r, body, authorization, exampleSecret, signer.at); err != nil {
			b.Fatal(err)
		}
	}
}

// The reference that BenchmarkVerify is compared with: AWS's signer on the same
// request.
func BenchmarkSignWithAWSsSigner(b *testing.B) {
	example := example()
	r := exampleRequest(b)
	signer := v4.NewSigner()
	b.ReportAllocs()
	for b.Loop() {
		sum := sha256.Sum256([]byte(exampleBody))
		if err := signer.SignHTTP(b.Context(), example.key, r, hex.EncodeToString(sum[:]), example.service,
			example.region, example.at); err != nil {
			b.Fatal(err)
		}
	}
}
