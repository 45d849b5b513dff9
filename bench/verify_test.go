package bench

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"net/http"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	v4 "github.com/aws/aws-sdk-go-v2/aws/signer/v4"

	"github.com/lockstephq/lockstep/internal/sigv4"
)

// BenchmarkVerify checks a signature, with the derived key known as it is from a
// client's second request of the day on, against AWS's own signer making it.
func BenchmarkVerify(b *testing.B) {
	body := []byte(`{"ResourceName":"stack-1","SyncType":"CFN_STACK_SYNC"}`)
	sum := sha256.Sum256(body)
	r, err := http.NewRequest(http.MethodPost, "http://127.0.0.1:8080/", bytes.NewReader(body))
	if err != nil {
		b.Fatal(err)
	}

	r.Header.Set("Content-Type", "application/x-amz-json-1.0")
	r.Header.Set("X-Amz-Target", statusOf(1).target)
	credentials := aws.Credentials{AccessKeyID: "LSAKEXAMPLE", SecretAccessKey: "secret"}
	signer := v4.NewSigner()
	now := time.Now()
	sign := func() {
		if err := signer.SignHTTP(context.Background(), credentials, r, hex.EncodeToString(sum[:]), "codeconnections",
			region, now); err != nil {
			b.Fatal(err)
		}
	}

	verifier := &sigv4.Verifier{}
	verify := func() {
		a, err := verifier.Parse(r, "codeconnections")
		if err == nil {
			err = verifier.Verify(r, body, a, credentials.SecretAccessKey, now)
		}

		if err != nil {
			b.Fatal(err)
		}
	}

	sign()
	const times = 5000
	var ours, theirs []time.Duration
	each := func(f func()) time.Duration {
		before := own()
		for range times {
			f()
		}
		return (own() - before) / times
	}
	for range turns {
		theirs, ours = append(theirs, each(sign)), append(ours, each(verify))
	}

	us, them := median(ours), median(theirs)
	report(b, row{
		what:   "verify a signature, CPU",
		ours:   fmt.Sprintf("%.1f µs", float64(us)/1e3),
		peer:   fmt.Sprintf("AWS's signer %.1f µs", float64(them)/1e3),
		ratio:  fmt.Sprintf("%.2f", float64(us)/float64(them)),
		budget: "≤ 8 µs",
		kept:   us <= 8*time.Microsecond,
	})
}
