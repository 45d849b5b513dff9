package client_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/codeconnections"

	"github.com/lockstephq/lockstep/internal/client"
	"github.com/lockstephq/lockstep/internal/wire"
)

const (
	keyID  = "LSAKABCDEFGHIJKLMNOP"
	secret = "a-secret-that-is-only-for-tests"
)

// settings returns the settings of a user who sets all of them in the environment.
func settings(t testing.TB, url string) client.Settings {
	t.Helper()
	env := map[string]string{
		"LOCKSTEP_ENDPOINT_URL":      url,
		"LOCKSTEP_ACCESS_KEY_ID":     keyID,
		"LOCKSTEP_SECRET_ACCESS_KEY": secret,
	}
	found, err := client.Find(t.Context(), client.Options{Getenv: func(name string) string { return env[name] }})
	if err != nil {
		t.Fatal(err)
	}
	return found
}

// serve answers the requests of a client one after the other.
func serve(t testing.TB, answers ...http.HandlerFunc) (c *client.Client, requests *[]*http.Request) {
	t.Helper()
	requests = new([]*http.Request)
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		served := len(*requests)
		*requests = append(*requests, r)
		if served >= len(answers) {
			t.Errorf("request %d was not expected", served+1)
			return
		}

		answers[served](w, r)
	}))

	t.Cleanup(server.Close)
	return client.New(settings(t, server.URL)), requests
}

func respondWith(status int, body string) http.HandlerFunc {
	return func(w http.ResponseWriter, _ *http.Request) {
		w.WriteHeader(status)
		_, _ = io.WriteString(w, body)
	}
}

func TestOperationsUseTheAWSJSONProtocol(t *testing.T) {
	var body []byte
	caller, requests := serve(t, func(w http.ResponseWriter, r *http.Request) {
		body, _ = io.ReadAll(r.Body)
		respondWith(200, `{"Sha":"s","Status":"SUCCEEDED"}`)(w, r)
	})
	out, err := caller.GetRevisionSync(t.Context(), &wire.GetRevisionSyncInput{
		ResourceName: "web",
		SyncType:     "CFN_STACK_SYNC",
	})
	if err != nil || out.Status != wire.RevisionSucceeded {
		t.Fatalf("got %v, %v", out, err)
	}

	r := (*requests)[0]
	authorization := r.Header.Get("Authorization")
	if !strings.HasPrefix(authorization, "AWS4-HMAC-SHA256 Credential="+keyID+"/") ||
		!strings.Contains(authorization, "/us-east-1/lockstep/aws4_request") {
		t.Errorf("Authorization: %s", authorization)
	}

	got := r.Method + " " + r.URL.Path + " " + r.Header.Get("X-Amz-Target") + " " + r.Header.Get("Content-Type")
	if got !=
		"POST / "+wire.Lockstep().Prefix+".GetRevisionSync application/x-amz-json-1.0" {
		t.Errorf("the request is %s", got)
	}

	if want := `{"ResourceName":"web","SyncType":"CFN_STACK_SYNC"}`; string(body) != want {
		t.Errorf("the body is %s, want %s", body, want)
	}
}

func TestTransientErrorsAreRetried(t *testing.T) {
	throttled := respondWith(400, `{"__type":"com.amazon.coral#ThrottlingException","message":"Slow down."}`)
	broken := respondWith(500, `{"__type":"InternalServerException","Message":"Internal error."}`)
	caller, requests := serve(t, throttled, broken, respondWith(200, `{}`))
	_, err := caller.StartResourceSync(t.Context(), &wire.StartResourceSyncInput{})
	if err != nil || len(*requests) != 3 {
		t.Errorf("%d requests, %v", len(*requests), err)
	}
	caller, requests = serve(t, throttled, throttled, throttled)
	_, err = caller.StartResourceSync(t.Context(), &wire.StartResourceSyncInput{})
	if client.Code(err) != "ThrottlingException" || len(*requests) != 3 {
		t.Errorf("%d requests, %v", len(*requests), err)
	}
}

func TestOtherErrorsAreNotRetried(t *testing.T) {
	caller, _ := serve(t, respondWith(400, `{"__type":"x#InvalidInputException","Message":"No."}`))
	_, err := caller.StartResourceSync(t.Context(), &wire.StartResourceSyncInput{})
	if problem, _ := caller.Settings().Explain(err); problem != "InvalidInputException: No." {
		t.Errorf("got %v, explained as %q", err, problem)
	}
	caller, _ = serve(t, respondWith(404, `<html>`))
	if _, err := caller.StartResourceSync(t.Context(), &wire.StartResourceSyncInput{}); !client.Unreachable(err) {
		t.Errorf("got %v", err)
	}
}

func TestAWrongClockIsSetByTheServers(t *testing.T) {
	const ahead = 3 * time.Hour
	now := func() time.Time { return time.Now().Add(ahead) }
	check := func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Date", now().UTC().Format(http.TimeFormat))
		signed, err := time.Parse("20060102T150405Z", r.Header.Get("X-Amz-Date"))
		if err != nil || now().Sub(signed).Abs() > 5*time.Minute {
			respondWith(400, `{"__type":"InvalidSignatureException","message":"Signature expired."}`)(w, r)
			return
		}

		respondWith(200, `{}`)(w, r)
	}

	c, requests := serve(t, check, check, check)
	for range 2 {
		if _, err := c.StartResourceSync(t.Context(), &wire.StartResourceSyncInput{}); err != nil {
			t.Fatal(err)
		}
	}

	if len(*requests) != 3 {
		t.Errorf("%d requests, want two for the first call and one for the second", len(*requests))
	}
}

func TestAWrongSecretIsNotTakenForAWrongClock(t *testing.T) {
	c, _ := serve(t, respondWith(400, `{"__type":"InvalidSignatureException","message":"It does not match."}`))
	_, err := c.StartResourceSync(t.Context(), &wire.StartResourceSyncInput{})
	if client.Code(err) != "InvalidSignatureException" {
		t.Errorf("got %v", err)
	}
}

func TestRedirectsAreNotFollowed(t *testing.T) {
	elsewhere := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		t.Errorf("a redirect was followed with %s", body)
	}))
	t.Cleanup(elsewhere.Close)
	away := func(w http.ResponseWriter, r *http.Request) {
		http.Redirect(w, r, elsewhere.URL, http.StatusTemporaryRedirect)
	}
	caller, _ := serve(t, away, away)
	_, err := caller.CompleteConnection(t.Context(), &wire.CompleteConnectionInput{Credential: wire.Credential{
		Secret: "hunter2",
	}})
	if err == nil {
		t.Error("a redirect is an answer")
	}

	if _, err := caller.AWS.ListHosts(t.Context(), &codeconnections.ListHostsInput{}); err == nil {
		t.Error("a redirect is an answer to the SDK")
	}
}

func TestSettingsHideTheSecret(t *testing.T) {
	s := settings(t, "http://127.0.0.1:1")
	for _, verb := range []string{"%v", "%+v", "%#v", "%s", "%q"} {
		if got := fmt.Sprintf(verb, s); strings.Contains(got, secret) {
			t.Errorf("%s prints %s", verb, got)
		}
	}
}

func TestACanceledCallIsNotAnUnreachableServer(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	caller, _ := serve(t, func(w http.ResponseWriter, r *http.Request) {
		_, _ = io.Copy(io.Discard, r.Body) // else the server does not notice that the client is gone
		cancel()
		<-r.Context().Done()
	})
	_, err := caller.ListSyncEvents(ctx, &wire.ListSyncEventsInput{})
	if !errors.Is(err, context.Canceled) || client.Unreachable(err) {
		t.Errorf("got %v", err)
	}
}

func TestRefusedConnectionsAreNotRetried(t *testing.T) {
	server := httptest.NewServer(http.NotFoundHandler())
	server.Close()
	caller := client.New(settings(t, server.URL))
	ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
	defer cancel()

	_, err := caller.AWS.ListHosts(ctx, &codeconnections.ListHostsInput{})
	_, own := caller.ListSyncEvents(ctx, &wire.ListSyncEventsInput{})
	for _, err := range []error{err, own} {
		problem, remedy := caller.Settings().Explain(err)
		if problem != "Nothing listens at "+server.URL+" (from LOCKSTEP_ENDPOINT_URL)." ||
			!strings.Contains(remedy, "lockstep up") {
			t.Errorf("%v is explained as %q, %q", err, problem, remedy)
		}
	}
}

func TestPlainHTTPIsAllowedOnlyToLoopback(t *testing.T) {
	for endpoint, allowed := range map[string]bool{
		"http://127.0.0.1:4747":        true,
		"http://127.9.9.9":             true,
		"http://[::1]:4747":            true,
		"http://localhost":             true,
		"http://a.localhost":           true,
		"https://lockstep.example.com": true,
		"https://192.0.2.1/base":       true,
		"http://lockstep.example.com":  false,
		"http://192.0.2.1":             false,
		"http://127.0.0.1.example.com": false,
		"http://localhost.example.com": false,
		"ftp://127.0.0.1":              false,
		"https://":                     false,
		"//127.0.0.1":                  false,
		"https://example.com?x=y":      false,
	} {
		env := map[string]string{
			"LOCKSTEP_ENDPOINT_URL":      endpoint,
			"LOCKSTEP_ACCESS_KEY_ID":     keyID,
			"LOCKSTEP_SECRET_ACCESS_KEY": secret,
		}
		options := client.Options{Getenv: func(name string) string { return env[name] }}
		if _, err := client.Find(t.Context(), options); (err == nil) != allowed {
			t.Errorf("%s: %v", endpoint, err)
		}

		options.AllowHTTP = true
		if _, err := client.Find(t.Context(), options); err != nil && strings.HasPrefix(endpoint, "http://") {
			t.Errorf("%s with AllowHTTP: %v", endpoint, err)
		}
	}
}
