package api_test

import (
	"net/http"
	"sync/atomic"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws/retry"
	"github.com/aws/aws-sdk-go-v2/service/codeconnections"

	"github.com/lockstephq/lockstep/internal/access"
	"github.com/lockstephq/lockstep/internal/api/apitest"
	"github.com/lockstephq/lockstep/internal/db/dbtest"
	"github.com/lockstephq/lockstep/internal/identity"
)

// throttled is a world in which a principal may read twice in a long time.
func throttled(t *testing.T) *world {
	return newWorld(t, dbtest.Open(t), func(o *options) { o.Rates = access.Rates{Read: 0.001, Write: 1000} })
}

func TestFrequentCallersAreThrottledAsAtAWS(t *testing.T) {
	w := throttled(t)
	sam := w.CreatePrincipal("sam", identity.Reader)
	list := w.NewRequest("codeconnections", newPrefix+".ListHosts", "{}")
	if status, got := w.Send(list); status != http.StatusOK {
		t.Fatalf("the first: %s", got)
	}

	for _, target := range []string{newPrefix + ".ListHosts", newPrefix + ".ListConnections"} {
		list.Target = target
		status, got := w.Send(list)
		apitest.ExpectError(t, apitest.DecodeError(t, got), "ThrottlingException", "Rate exceeded")

		if status != http.StatusBadRequest {
			t.Errorf("%s: status %d", target, status)
		}
	}

	if status, got := w.Send(request{
		Key:     sam,
		Region:  region,
		Service: "codeconnections",
		Target:  list.Target,
		Body:    "{}",
	}); status != http.StatusOK {
		t.Errorf("another principal: %s", got)
	}

	w.createHost("another class")
	// A request that is not authenticated uses no bucket.
	forged := request{
		Key:     w.CreateKey(account, identity.Reader),
		Region:  region,
		Service: "codeconnections",
		Target:  list.Target,
		Body:    "{}",
	}
	forged.Key.AccessKeyID = sam.AccessKeyID

	for range 3 {
		_, got := w.Send(forged)
		apitest.ExpectError(t, apitest.DecodeError(t, got), "InvalidSignatureException", "")
	}
}

// As SDKs know ThrottlingException: they wait and try again.
func TestSDKRetriesWhenThrottled(t *testing.T) {
	w := throttled(t)
	var asked atomic.Int32
	counting := &http.Client{Transport: roundTrip(func(r *http.Request) (*http.Response, error) {
		asked.Add(1)
		return http.DefaultTransport.RoundTrip(r)
	})}
	client := codeconnections.New(codeconnections.Options{
		Region:       region,
		BaseEndpoint: &w.URL,
		Credentials:  apitest.CredentialsOf(w.Key),
		HTTPClient:   counting,
		Retryer:      retry.NewStandard(func(o *retry.StandardOptions) { o.MaxBackoff, o.MaxAttempts = 1, 4 }),
	})
	if _, err := client.ListHosts(t.Context(), &codeconnections.ListHostsInput{}); err != nil {
		t.Fatal(err)
	}

	_, err := client.ListHosts(t.Context(), &codeconnections.ListHostsInput{})
	apitest.ExpectError(t, err, "ThrottlingException", "Rate exceeded")
	if n := asked.Load(); n != 1+4 {
		t.Errorf("%d requests, want one and four", n)
	}
}

type roundTrip func(*http.Request) (*http.Response, error)

// RoundTrip is f.
func (f roundTrip) RoundTrip(r *http.Request) (*http.Response, error) { return f(r) }
