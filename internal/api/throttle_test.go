package api_test

import (
	"net/http"
	"sync/atomic"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws/retry"
	"github.com/aws/aws-sdk-go-v2/service/codeconnections"

	"github.com/lockstephq/lockstep/internal/access"
	"github.com/lockstephq/lockstep/internal/db/dbtest"
	"github.com/lockstephq/lockstep/internal/identity"
)

// throttled is a world in which a principal may read twice in a long time.
func throttled(t *testing.T) *world {
	return newWorld(t, dbtest.Open(t), func(o *options) { o.Rates = access.Rates{Read: 0.001, Write: 1000} })
}

func TestWhoAsksTooOftenIsThrottledAsAtAWS(t *testing.T) {
	w := throttled(t)
	sam := w.principal("sam", identity.Reader)
	list := w.signed("codeconnections", newPrefix+".ListHosts", "{}")
	if status, got := w.send(list); status != http.StatusOK {
		t.Fatalf("the first: %s", got)
	}

	for _, target := range []string{newPrefix + ".ListHosts", newPrefix + ".ListConnections"} {
		list.target = target
		status, got := w.send(list)
		refused(t, exception(t, got), "ThrottlingException", "Rate exceeded")

		if status != http.StatusBadRequest {
			t.Errorf("%s: status %d", target, status)
		}
	}

	if status, got := w.send(request{key: sam, region: region, service: "codeconnections", target: list.target, body: "{}"}); status != http.StatusOK {
		t.Errorf("another principal: %s", got)
	}

	w.host("another class")
	// Who is not let in takes from nobody's bucket.
	forged := request{key: w.key(account, identity.Reader), region: region, service: "codeconnections", target: list.target, body: "{}"}
	forged.key.AccessKeyID = sam.AccessKeyID

	for range 3 {
		_, got := w.send(forged)
		refused(t, exception(t, got), "InvalidSignatureException", "")
	}
}

// As SDKs know ThrottlingException: they wait and try again.
func TestAnSDKTriesAgainWhenThrottled(t *testing.T) {
	w := throttled(t)
	var asked atomic.Int32
	counting := &http.Client{Transport: roundTrip(func(r *http.Request) (*http.Response, error) {
		asked.Add(1)
		return http.DefaultTransport.RoundTrip(r)
	})}
	client := codeconnections.New(codeconnections.Options{
		Region: region, BaseEndpoint: &w.url, Credentials: credentialsOf(w.admin), HTTPClient: counting,
		Retryer: retry.NewStandard(func(o *retry.StandardOptions) { o.MaxBackoff, o.MaxAttempts = 1, 4 }),
	})
	if _, err := client.ListHosts(t.Context(), &codeconnections.ListHostsInput{}); err != nil {
		t.Fatal(err)
	}

	_, err := client.ListHosts(t.Context(), &codeconnections.ListHostsInput{})
	refused(t, err, "ThrottlingException", "Rate exceeded")
	if n := asked.Load(); n != 1+4 {
		t.Errorf("%d requests, want one and four", n)
	}
}

type roundTrip func(*http.Request) (*http.Response, error)

// RoundTrip is f.
func (f roundTrip) RoundTrip(r *http.Request) (*http.Response, error) { return f(r) }
