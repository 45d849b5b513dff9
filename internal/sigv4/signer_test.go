package sigv4_test

import (
	"bufio"
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"io"
	"math/rand/v2"
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	v4 "github.com/aws/aws-sdk-go-v2/aws/signer/v4"

	"github.com/lockstephq/lockstep/internal/sigv4"
)

// An oracle signs with AWS's own signer and sends the request over a wire of
// bytes.
type oracle struct {
	key     aws.Credentials
	region  string
	service string
	at      time.Time
}

func (o oracle) send(t testing.TB, r *http.Request, body string) *http.Request {
	t.Helper()
	sum := sha256.Sum256([]byte(body))
	if err := v4.NewSigner().SignHTTP(context.Background(), o.key, r, hex.EncodeToString(sum[:]), o.service, o.region,
		o.at); err != nil {
		t.Fatal(err)
	}

	var wire bytes.Buffer
	if err := r.Write(&wire); err != nil {
		t.Fatal(err)
	}

	got, err := http.ReadRequest(bufio.NewReader(&wire))
	if err != nil {
		t.Fatal(err)
	}

	return got
}

func example() oracle {
	return oracle{
		key:     aws.Credentials{AccessKeyID: exampleKey, SecretAccessKey: exampleSecret},
		region:  "eu-west-1",
		service: "codeconnections",
		at:      time.Date(2026, 11, 22, 10, 0, 0, 0, time.UTC),
	}
}

const exampleBody = `{"ResourceName":"web","SyncType":"CFN_STACK_SYNC"}`

func exampleRequest(t testing.TB) *http.Request {
	t.Helper()
	r, err := http.NewRequest("POST", "http://127.0.0.1:4747/", strings.NewReader(exampleBody))
	if err != nil {
		t.Fatal(err)
	}
	r.Header.Set("Content-Type", "application/x-amz-json-1.0")
	r.Header.Set("X-Amz-Target", "com.amazonaws.codeconnections.CodeConnections_20231201.GetResourceSyncStatus")
	return r
}

func verify(verifier *sigv4.Verifier, r *http.Request, body string, signer oracle) error {
	authorization, err := verifier.Parse(r, signer.service)
	if err != nil {
		return err
	}
	return verifier.Verify(r, []byte(body), authorization, signer.key.SecretAccessKey, signer.at)
}

const alphabet = "abcXYZ019 -._~!$&'()*+,;=:@%/?#[]\"<>\\^`{|}é漢\u00a0"

func word(rnd *rand.Rand, alphabet string, n int) string {
	letters := []rune(alphabet)
	var b strings.Builder
	for range rnd.IntN(n + 1) {
		b.WriteRune(letters[rnd.IntN(len(letters))])
	}
	return b.String()
}

func randomRequest(t testing.TB, rnd *rand.Rand) (*http.Request, string) {
	t.Helper()
	address := url.URL{
		Scheme: "http",
		Host:   []string{"localhost", "127.0.0.1:4747", "[::1]:80", "api.example.com:443"}[rnd.IntN(4)],
		Path:   "/",
	}
	for range rnd.IntN(3) {
		// AWS's signer for Go does not normalise paths, so these need none.
		address.Path += "x" + strings.ReplaceAll(word(rnd, alphabet, 6), "/", "") + "/"
	}

	query := url.Values{}
	for range rnd.IntN(4) {
		query.Add(word(rnd, alphabet, 3), word(rnd, alphabet, 5))
	}

	address.RawQuery = query.Encode()
	body := word(rnd, alphabet, 40)
	r, err := http.NewRequest([]string{"GET", "POST", "PUT"}[rnd.IntN(3)], address.String(), strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}

	for range rnd.IntN(5) {
		name := "x-h" + word(rnd, "abcXYZ019-_", 5)
		r.Header.Add(name, word(rnd, "aB9 \t,;:=\"é", 12))
	}

	if rnd.IntN(2) == 0 {
		r.Header.Set("X-Amz-Target", "Service."+word(rnd, "abc", 9))
	}

	return r, body
}

func TestSignaturesOfAWSsSignerAreVerified(t *testing.T) {
	rnd := rand.New(rand.NewPCG(1, 2))
	var verifier sigv4.Verifier
	for i := range 3000 {
		signer := oracle{
			key: aws.Credentials{
				AccessKeyID:     fmt.Sprint("LSK", i%7),
				SecretAccessKey: "s" + word(rnd, alphabet, 40),
			},
			region:  []string{"eu-west-1", "us-gov-east-1", "ap-southeast-7"}[rnd.IntN(3)],
			service: []string{"codeconnections", "cloudformation", "sts"}[rnd.IntN(3)],
			at:      time.Unix(1.8e9+rnd.Int64N(1e7), 0).UTC(),
		}
		if rnd.IntN(3) == 0 {
			signer.key.SessionToken = "t" + word(rnd, "aB9+/=", 60)
		}

		sent, body := randomRequest(t, rnd)
		r := signer.send(t, sent, body)
		line := r.Method + " " + r.RequestURI
		if err := verify(&verifier, r, body, signer); err != nil {
			t.Fatalf("request %d, %s %q\nheader %q\n%v", i, line, body, r.Header, err)
		}

		other := signer
		other.key.SecretAccessKey += "x"
		if verify(&verifier, r, body, other) == nil {
			t.Fatalf("request %d, %s: verified with another secret", i, line)
		}
	}
}

// Each row changes one thing of a good request after it was signed.
func TestChangedRequestsAreRefused(t *testing.T) {
	for name, change := range map[string]func(*http.Request){
		"method":          func(r *http.Request) { r.Method = "PUT" },
		"path":            func(r *http.Request) { r.RequestURI = "/a" },
		"query":           func(r *http.Request) { r.RequestURI = "/?a=b" },
		"host":            func(r *http.Request) { r.Host = "localhost:4747" },
		"target":          func(r *http.Request) { r.Header.Set("X-Amz-Target", "a.b") },
		"second target":   func(r *http.Request) { r.Header.Add("X-Amz-Target", "a.b") },
		"no target":       func(r *http.Request) { r.Header.Del("X-Amz-Target") },
		"date":            func(r *http.Request) { r.Header.Set("X-Amz-Date", "20261122T100001Z") },
		"second date":     func(r *http.Request) { r.Header.Add("X-Amz-Date", "20261122T100000Z") },
		"no date":         func(r *http.Request) { r.Header.Del("X-Amz-Date") },
		"content type":    func(r *http.Request) { r.Header.Set("Content-Type", "text/plain") },
		"content length":  func(r *http.Request) { r.ContentLength++ },
		"unknown length":  func(r *http.Request) { r.ContentLength = -1 },
		"token":           func(r *http.Request) { r.Header.Set("X-Amz-Security-Token", "other") },
		"no token":        func(r *http.Request) { r.Header.Del("X-Amz-Security-Token") },
		"second token":    func(r *http.Request) { r.Header.Add("X-Amz-Security-Token", "token") },
		"hash":            func(r *http.Request) { r.Header.Set("X-Amz-Content-Sha256", strings.Repeat("0", 64)) },
		"unsigned":        func(r *http.Request) { r.Header.Set("X-Amz-Content-Sha256", "UNSIGNED-PAYLOAD") },
		"day":             inAuthorization("/20261122/", "/20261121/"),
		"region":          inAuthorization("/eu-west-1/", "/eu-west-2/"),
		"terminator":      inAuthorization("aws4_request", "aws5_request"),
		"algorithm":       inAuthorization("AWS4-HMAC-SHA256", "AWS4-HMAC-SHA1"),
		"one header less": inAuthorization("content-type;", ""),
		"header order":    inAuthorization("content-length;content-type;", "content-type;content-length;"),
		"header twice":    inAuthorization("content-type;", "content-type;content-type;"),
		"header's case":   inAuthorization("content-type;", "Content-Type;"),
		"absent header":   inAuthorization("host;", "host;x-absent;"),
		"no signature":    inAuthorization("Signature=", "Signature=, x="),
		"short signature": func(r *http.Request) {
			header := r.Header.Get("Authorization")
			r.Header.Set("Authorization", header[:len(header)-1])
		},
		"upper signature": func(r *http.Request) {
			header, s, _ := strings.Cut(r.Header.Get("Authorization"), "Signature=")
			r.Header.Set("Authorization", header+"Signature="+strings.ToUpper(s))
		},
	} {
		var verifier sigv4.Verifier
		signer := example()
		signer.key.SessionToken = "token"
		r := signer.send(t, exampleRequest(t), exampleBody)
		if err := verify(&verifier, r, exampleBody, signer); err != nil {
			t.Fatal(err)
		}

		change(r)
		if verify(&verifier, r, exampleBody, signer) == nil {
			t.Errorf("%s: verified", name)
		}
	}
}

func inAuthorization(from, to string) func(*http.Request) {
	return func(r *http.Request) {
		r.Header.Set("Authorization", strings.Replace(r.Header.Get("Authorization"), from, to, 1))
	}
}

func TestEachCharacterOfTheSignatureCounts(t *testing.T) {
	var verifier sigv4.Verifier
	signer := example()
	r := signer.send(t, exampleRequest(t), exampleBody)
	authorization, err := verifier.Parse(r, signer.service)
	if err != nil {
		t.Fatal(err)
	}

	good := authorization.Signature
	for i := range good {
		authorization.Signature = good[:i] + string(good[i]^1) + good[i+1:]
		if verifier.Verify(r, []byte(exampleBody), authorization, exampleSecret, signer.at) == nil {
			t.Errorf("verified with another character %d", i)
		}
	}
}

func TestBodyIsWhatWasSigned(t *testing.T) {
	var verifier sigv4.Verifier
	signer := example()
	r := signer.send(t, exampleRequest(t), exampleBody)
	if body, err := io.ReadAll(r.Body); err != nil || string(body) != exampleBody {
		t.Fatalf("body %q, %v", body, err)
	}
	if verify(&verifier, r, exampleBody+" ", signer) == nil {
		t.Error("another body is verified")
	}
}
