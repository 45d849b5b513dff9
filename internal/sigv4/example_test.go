package sigv4_test

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	v4 "github.com/aws/aws-sdk-go-v2/aws/signer/v4"

	"github.com/lockstephq/lockstep/internal/sigv4"
)

func Example() {
	const body = "{}"
	now := time.Date(2026, 11, 22, 10, 0, 0, 0, time.UTC)
	r := httptest.NewRequest(http.MethodPost, "/", strings.NewReader(body))
	hash := sha256.Sum256([]byte(body))
	credentials := aws.Credentials{AccessKeyID: "AKIDEXAMPLE", SecretAccessKey: "secret"}
	err := v4.NewSigner().SignHTTP(context.Background(), credentials, r, hex.EncodeToString(hash[:]), "sts",
		"eu-west-1", now)
	if err != nil {
		fmt.Println(err)
		return
	}

	var verifier sigv4.Verifier
	authorization, err := verifier.Parse(r, "sts")
	if err != nil {
		fmt.Println(err)
		return
	}

	fmt.Println(authorization.AccessKeyID, authorization.Region)
	fmt.Println(verifier.Verify(r, []byte(body), authorization, "secret", now))
	fmt.Println(verifier.Verify(r, []byte(body), authorization, "secret", now.Add(time.Hour)))

	// Output:
	// AKIDEXAMPLE eu-west-1
	// <nil>
	// InvalidSignatureException: Signature expired: 20261122T100000Z is now earlier than 20261122T105500Z (20261122T110000Z - 5 min.)
}
