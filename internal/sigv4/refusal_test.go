package sigv4_test

import (
	"errors"
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/lockstephq/lockstep/internal/sigv4"
)

// A refusal is what a client sees of an Error.
type refusal struct {
	Reason                   sigv4.Reason
	Code, QueryCode, Message string
}

func refusalOf(t *testing.T, err error) refusal {
	t.Helper()
	refused, ok := errors.AsType[*sigv4.Error](err)
	if !ok {
		t.Fatalf("%v is not a *sigv4.Error", err)
	}
	return refusal{
		Reason:    refused.Reason,
		Code:      refused.Code(),
		QueryCode: refused.QueryCode(),
		Message:   refused.Message,
	}
}

func TestErrorsAreThoseOfAWS(t *testing.T) {
	const (
		day    = "Credential=AKIDEXAMPLE/20261122/eu-west-1/codeconnections/aws4_request"
		zeros  = "0000000000000000000000000000000000000000000000000000000000000000"
		rest   = ", SignedHeaders=host;x-amz-date, Signature=" + zeros
		good   = "AWS4-HMAC-SHA256 " + day + rest
		hashed = "(Hashed with SHA-256 and encoded with Base64) Authorization="
		wrong  = "The request signature we calculated does not match the signature you provided. " +
			"Check your AWS Secret Access Key and signing method. Consult the service documentation for details."
	)

	missing := refusal{
		Reason:    sigv4.Missing,
		Code:      "MissingAuthenticationTokenException",
		QueryCode: "MissingAuthenticationToken",
		Message:   "Missing Authentication Token",
	}
	incomplete := func(reason sigv4.Reason, message string) refusal {
		return refusal{
			Reason:    reason,
			Code:      "IncompleteSignatureException",
			QueryCode: "IncompleteSignature",
			Message:   message,
		}
	}
	invalid := func(reason sigv4.Reason, message string) refusal {
		return refusal{
			Reason:    reason,
			Code:      "InvalidSignatureException",
			QueryCode: "SignatureDoesNotMatch",
			Message:   message,
		}
	}
	for _, tc := range []struct {
		name, uri, authorization, headers string
		want                              refusal
	}{
		{name: "nothing", uri: "/", want: missing},
		{name: "another scheme", uri: "/", authorization: "Bearer abc", want: missing},
		{name: "version 2", uri: "/", authorization: "AWS AKIDEXAMPLE:abc=", want: missing},
		{
			name:          "empty",
			uri:           "/",
			authorization: "AWS4-HMAC-SHA256",
			want: incomplete(sigv4.Incomplete,
				"Authorization header requires 'Credential' parameter. Authorization header requires 'Signature' "+
					"parameter. "+
					"Authorization header requires 'SignedHeaders' parameter. "+hashed+
					"YI2YWea8FSxnksZL2ETHbs5elHm9HQufxTLK0W0ffV0="),
		},
		{
			name:          "no pair",
			uri:           "/",
			authorization: "AWS4-HMAC-SHA256 Credential",
			want: incomplete(sigv4.Incomplete,
				"'Credential' not a valid key=value pair (missing equal-sign) in Authorization header "+hashed+
					"KfSoC26UaBDGXxo5AUFS45c1cmAbyLKDOxOTKcZYWt4="),
		},
		{
			name:          "asymmetric",
			uri:           "/",
			authorization: "AWS4-ECDSA-P256-SHA256 " + day + rest,
			want: incomplete(sigv4.Unsupported,
				"Unsupported AWS 'algorithm': 'AWS4-ECDSA-P256-SHA256' (only AWS4-HMAC-SHA256 for now). "+hashed+
					"WTsXBAJCU7gOuQ5k74yAUYc9VvkopogmkP2XgHmpS30="),
		},
		{
			name:          "two headers",
			uri:           "/",
			authorization: good,
			headers:       "Authorization: Bearer a\n",
			want:          incomplete(sigv4.Incomplete, "The Authorization header must occur once."),
		},
		{
			name: "presigned",
			uri:  "/?X-Amz-Algorithm=AWS4-HMAC-SHA256&X-Amz-Signature=a",
			want: incomplete(sigv4.Unsupported,
				"Presigned requests are not supported: sign the request with an Authorization header."),
		},
		{name: "presigned, escaped", uri: "/?a=b&%58-Amz-Signature=a", want: incomplete(sigv4.Unsupported,
			"Presigned requests are not supported: sign the request with an Authorization header.")},
		{
			name:          "signed twice",
			uri:           "/?X-Amz-Algorithm=AWS4-HMAC-SHA256",
			authorization: good,
			want: invalid(sigv4.Mismatch,
				"Found both 'X-Amz-Algorithm' as a query-string param and 'Authorization' as HTTP header."),
		},
		{
			name:          "short credential",
			uri:           "/",
			authorization: "AWS4-HMAC-SHA256 Credential=a/b/c/d" + rest,
			want: incomplete(sigv4.Incomplete,
				"Credential must have exactly 5 slash-delimited elements, e.g. keyid/date/region/service/term, got "+
					"'a/b/c/d'"),
		},
		{
			name:          "all of the scope",
			uri:           "/",
			authorization: "AWS4-HMAC-SHA256 Credential=a/b/C/d/e" + rest,
			want: invalid(sigv4.Scope,
				"Credential should be scoped to a valid region, not 'C'. Credential should be scoped to correct "+
					"service: 'codeconnections'. "+
					"Credential should be scoped with a valid terminator: 'aws4_request', not 'e'. "+
					"Date in Credential scope does not match YYYYMMDD from ISO-8601 version of date from HTTP: 'b' "+
					"!= '20261122', from '20261122T100000Z'."),
		},
		{
			name:          "no access key",
			uri:           "/",
			authorization: "AWS4-HMAC-SHA256 Credential=/20261122/eu-west-1/codeconnections/aws4_request" + rest,
			want: refusal{
				Reason:    sigv4.UnknownKey,
				Code:      "UnrecognizedClientException",
				QueryCode: "InvalidClientTokenId",
				Message:   "The security token included in the request is invalid.",
			},
		},
		{
			name:          "unsigned host",
			uri:           "/",
			authorization: strings.Replace(good, "host;", "", 1),
			want: invalid(sigv4.Unsigned,
				"'Host' must be a 'SignedHeader' in the AWS Authorization."),
		},
		{
			name:          "unsigned date",
			uri:           "/",
			authorization: strings.Replace(good, ";x-amz-date", "", 1),
			want: invalid(sigv4.Unsigned,
				"'X-Amz-Date' must be a 'SignedHeader' in the AWS Authorization."),
		},
		{
			name:          "unsigned target",
			uri:           "/",
			authorization: good,
			headers:       "X-Amz-Target: a.b\n",
			want: invalid(sigv4.Unsigned,
				"'X-Amz-Target' must be a 'SignedHeader' in the AWS Authorization."),
		},
		{
			name:          "chunked",
			uri:           "/",
			authorization: good,
			headers:       "X-Amz-Content-Sha256: STREAMING-AWS4-HMAC-SHA256-PAYLOAD\n",
			want: incomplete(sigv4.Unsupported,
				"Chunked payloads (STREAMING-AWS4-HMAC-SHA256-PAYLOAD) are not supported: sign the request's body "+
					"as a whole."),
		},
		{
			name:          "unsigned payload",
			uri:           "/",
			authorization: good,
			headers:       "X-Amz-Content-Sha256: UNSIGNED-PAYLOAD\n",
			want: incomplete(sigv4.Unsupported,
				"UNSIGNED-PAYLOAD is not supported: sign the request's body."),
		},
		{name: "wrong", uri: "/", authorization: good, want: invalid(sigv4.Mismatch, wrong)},
	} {
		t.Run(tc.name, func(t *testing.T) {
			headers := "Host: localhost\nX-Amz-Date: 20261122T100000Z\n" + tc.headers
			if tc.authorization != "" {
				headers += "Authorization: " + tc.authorization + "\n"
			}

			var v sigv4.Verifier
			err := verify(&v, received(t, "POST", tc.uri, headers, ""), "", example())
			if diff := cmp.Diff(tc.want, refusalOf(t, err)); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
		})
	}
}

func TestDateIsRequiredAndValid(t *testing.T) {
	signer := example()
	var verifier sigv4.Verifier
	for date, want := range map[string]string{
		"": "Authorization header requires existence of a 'X-Amz-Date' header. (Hashed",
		"201": "Date must be in ISO-8601 'basic format'. Got '201'. See " +
			"http://en.wikipedia.org/wiki/ISO_8601",
		"20261122T100000.5Z": "Date must be in ISO-8601 'basic format'. Got '20261122T100000.5Z'.",
		"20261322T100000Z":   "Date must be in ISO-8601 'basic format'. Got '20261322T100000Z'.",
	} {
		r := signer.send(t, exampleRequest(t), exampleBody)
		r.Header.Del("X-Amz-Date")
		if date != "" {
			r.Header.Set("X-Amz-Date", date)
		}

		if got := refusalOf(t, verify(&verifier, r, exampleBody, signer)); got.Reason != sigv4.Incomplete ||
			!strings.HasPrefix(got.Message, want) {
			t.Errorf("%q: %+v", date, got)
		}
	}
}

func TestSignatureIsValidForFiveMinutes(t *testing.T) {
	signer := example()
	r := signer.send(t, exampleRequest(t), exampleBody)
	var verifier sigv4.Verifier
	for _, tc := range []struct {
		after time.Duration
		want  string
	}{
		{0, ""},
		{5 * time.Minute, ""},
		{5*time.Minute + 999*time.Millisecond, ""},
		{5*time.Minute + time.Second, "Signature expired: 20261122T100000Z is now earlier than 20261122T100001Z " +
			"(20261122T100501Z - 5 min.)"},
		{-5 * time.Minute, ""},
		{-5*time.Minute - time.Second, "Signature not yet current: 20261122T100000Z is still later than " +
			"20261122T095959Z (20261122T095459Z + 5 min.)"},
	} {
		authorization, err := verifier.Parse(r, signer.service)
		if err != nil {
			t.Fatal(err)
		}

		err = verifier.Verify(r, []byte(exampleBody), authorization, exampleSecret, signer.at.Add(tc.after))
		if tc.want == "" && err != nil || tc.want != "" && (err == nil || refusalOf(t, err).Message != tc.want) {
			t.Errorf("%v later: %v, want %q", tc.after, err, tc.want)
		}
	}
}

func TestServiceMustBeOneOfThoseAllowed(t *testing.T) {
	o := example()
	r := o.send(t, exampleRequest(t), exampleBody)
	var verifier sigv4.Verifier
	if _, err := verifier.Parse(r, "sts", "codeconnections"); err != nil {
		t.Error(err)
	}
	_, err := verifier.Parse(r, "cloudformation", "sts")
	want := "Credential should be scoped to correct service: 'cloudformation' or 'sts'."
	if got := refusalOf(t, err); got.Message != want {
		t.Errorf("got %q, want %q", got.Message, want)
	}
}

func TestRememberedKeyIsNotUsedForAnotherSecret(t *testing.T) {
	var verifier sigv4.Verifier
	old, rotated := example(), example()
	rotated.key.SecretAccessKey = "another"
	before := old.send(t, exampleRequest(t), exampleBody)
	if err := verify(&verifier, before, exampleBody, old); err != nil {
		t.Fatal(err)
	}

	if err := verify(&verifier, rotated.send(t, exampleRequest(t), exampleBody), exampleBody, rotated); err != nil {
		t.Errorf("the new secret's signature: %v", err)
	}

	authorization, err := verifier.Parse(before, old.service)
	if err != nil {
		t.Fatal(err)
	}

	if verifier.Verify(before, []byte(exampleBody), authorization, "another", old.at) == nil {
		t.Error("the old secret's signature is verified after the rotation")
	}
}

func TestEmptySecretVerifiesNothing(t *testing.T) {
	signer := example()
	r := signer.send(t, exampleRequest(t), exampleBody)
	var verifier sigv4.Verifier
	authorization, err := verifier.Parse(r, signer.service)
	if err != nil {
		t.Fatal(err)
	}
	if got := refusalOf(t, verifier.Verify(r, []byte(exampleBody), authorization, "",
		signer.at)); got.Reason != sigv4.UnknownKey {
		t.Errorf("refused with %+v", got)
	}
}

func TestManySignersAtOnce(t *testing.T) {
	var verifier sigv4.Verifier
	requests := make([]*http.Request, 40)
	oracles := make([]oracle, len(requests))
	for i := range requests {
		oracles[i] = example()
		oracles[i].key.AccessKeyID = fmt.Sprint("KEY", i)
		requests[i] = oracles[i].send(t, exampleRequest(t), exampleBody)
	}

	done := make(chan error)
	for worker := range 4 {
		go func() {
			for i := range 200 {
				n := (i*7 + worker) % len(requests)
				if err := verify(&verifier, requests[n], exampleBody, oracles[n]); err != nil {
					done <- err
					return
				}
			}

			done <- nil
		}()
	}

	for range 4 {
		if err := <-done; err != nil {
			t.Error(err)
		}
	}
}

func TestRememberedKeysAreBounded(t *testing.T) {
	var verifier sigv4.Verifier
	signer := example()
	for i := range 1100 {
		signer.key.AccessKeyID = fmt.Sprint("LSAK", i)
		if err := verify(&verifier, signer.send(t, exampleRequest(t), exampleBody), exampleBody, signer); err != nil {
			t.Fatalf("access key %d: %v", i, err)
		}

		if n := verifier.Remembered(); n > 1024 {
			t.Fatalf("%d keys are remembered after %d access keys", n, i+1)
		}
	}

	before := verifier.Remembered()
	signer.key.SecretAccessKey = "wrong"
	signer.key.AccessKeyID = "LSAKother"
	r := signer.send(t, exampleRequest(t), exampleBody)
	signer.key.SecretAccessKey = exampleSecret

	if verify(&verifier, r, exampleBody, signer) == nil || verifier.Remembered() != before {
		t.Error("a wrong signature left a key behind")
	}
}
