package rest_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/lockstephq/lockstep"
	"github.com/lockstephq/lockstep/internal/gitwire/transport"
	"github.com/lockstephq/lockstep/internal/provider"
	"github.com/lockstephq/lockstep/internal/provider/rest"
)

const canary = "canary-of-a-token"

// call opens a client for a server and makes one request.
func call(t *testing.T, base, method, path string, in, out any) error {
	t.Helper()
	_, err := newClient(t, base).Do(t.Context(), method, path, in, out)
	if err != nil && strings.Contains(err.Error(), canary) {
		t.Errorf("the credential is shown: %v", err)
	}
	return err
}

func newClient(t *testing.T, base string) *rest.Client {
	t.Helper()
	network := transport.NewNetwork(transport.NetworkOptions{AllowLoopback: true})
	t.Cleanup(network.Close)
	client, err := rest.New(rest.Options{Base: base, Network: network,
		Authorize: func(_ context.Context, h http.Header) error {
			h.Set("Authorization", "Bearer "+canary)
			return nil
		}})
	if err != nil {
		t.Fatal(err)
	}
	return client
}

func serve(t *testing.T, h http.HandlerFunc) string {
	t.Helper()
	s := httptest.NewServer(h)
	t.Cleanup(s.Close)
	return s.URL
}

func TestDoSendsAndReadsJSON(t *testing.T) {
	base := serve(t, func(w http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		fmt.Fprintf(w, `{"said":%q,"path":%q,"query":%q}`,
			r.Method+" "+string(body)+" "+r.Header.Get("Authorization"), r.URL.EscapedPath(), r.URL.RawQuery)
	})
	var out struct{ Said, Path, Query string }
	if err := call(t, base+"/api/", http.MethodPost, "/a%2Fb/c?page=2", map[string]int{"n": 1}, &out); err != nil {
		t.Fatal(err)
	}
	if out.Said != `POST {"n":1} Bearer `+canary || out.Path != "/api/a%2Fb/c" || out.Query != "page=2" {
		t.Errorf("got %+v", out)
	}
}

func TestAnswersSayWhoHasToAct(t *testing.T) {
	for name, row := range map[string]struct {
		status int
		header map[string]string
		body   string
		want   lockstep.Kind
		says   string
		wait   time.Duration
	}{
		"unauthorized": {
			status: 401,
			body:   `{"message":"Bad credentials"}`,
			want:   lockstep.Denied,
			says:   "Bad credentials",
			wait:   0,
		},
		"forbidden": {
			status: 403,
			body:   `{"error":{"message":"no right"}}`,
			want:   lockstep.Denied,
			says:   "no right",
			wait:   0,
		},
		"rate limit": {
			status: 403,
			header: map[string]string{"X-RateLimit-Remaining": "0"},
			want:   lockstep.Unavailable,
			says:   "403 Forbidden",
			wait:   0,
		},
		"secondary limit": {
			status: 403,
			header: map[string]string{"Retry-After": "60"},
			want:   lockstep.Unavailable,
			says:   "403 Forbidden",
			wait:   time.Minute,
		},
		"too many": {
			status: 429,
			header: map[string]string{"Retry-After": "999999"},
			want:   lockstep.Unavailable,
			says:   "429",
			wait:   time.Hour,
		},
		"not there": {
			status: 404,
			body:   "plain words\nmore",
			want:   lockstep.NotFound,
			says:   "plain words",
			wait:   0,
		},
		"conflict": {
			status: 409,
			body:   `{"message":{"base":["taken"]}}`,
			want:   lockstep.Exists,
			says:   `taken`,
			wait:   0,
		},
		"refused": {
			status: 422,
			body:   "<html>page</html>",
			want:   lockstep.Invalid,
			says:   "422 Unprocessable Entity.",
			wait:   0,
		},
		"broken": {status: 502, want: lockstep.Unavailable, says: "502", wait: 0},
		"repeats": {
			status: 400,
			body:   `{"message":"what is ` + canary + `?"}`,
			want:   lockstep.Invalid,
			says:   "what is ****?",
			wait:   0,
		},
		"no JSON": {
			status: 200,
			body:   "<html>",
			want:   lockstep.Unavailable,
			says:   "not the JSON",
			wait:   0,
		},
	} {
		base := serve(t, func(w http.ResponseWriter, _ *http.Request) {
			for k, v := range row.header {
				w.Header().Set(k, v)
			}

			w.WriteHeader(row.status)
			_, _ = io.WriteString(w, row.body)
		})

		var out struct{}
		err := call(t, base, http.MethodGet, "/x?token=secret", nil, &out)
		if lockstep.KindOf(err) != row.want {
			t.Fatalf("%s: got kind %s, want %s: %v", name, lockstep.KindOf(err), row.want, err)
		}

		if !strings.Contains(err.Error(), row.says) {
			t.Errorf("%s: %q does not contain %q", name, err.Error(), row.says)
		}

		if !strings.Contains(err.Error(), "GET "+base+"/x") {
			t.Errorf("%s: %q does not contain %q", name, err.Error(), "GET "+base+"/x")
		}

		if strings.Contains(err.Error(), "token=secret") {
			t.Errorf("%s: the query is shown: %v", name, err)
		}

		if got := provider.RetryAfter(err); got != row.wait {
			t.Errorf("%s: wait %s, want %s", name, got, row.wait)
		}
	}
}

// TestAttack18 has hosts that put the credential where a library's own error
// would repeat it.
func TestAttack18WhatALibraryCouldNotReadIsNotRepeated(t *testing.T) {
	for name, row := range map[string]struct {
		status int
		want   lockstep.Kind
	}{"an answer": {200, lockstep.Unavailable}, "a refusal": {400, lockstep.Invalid}} {
		base := serve(t, func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(row.status) })
		client := newClient(t, base)
		resp, err := client.HTTP().Get(base + "/x")
		if err != nil {
			t.Fatal(err)
		}

		resp.Body.Close()
		_, err = time.Parse(time.RFC3339, canary)
		err = client.TransportError(resp, err, "it is "+canary)
		if lockstep.KindOf(err) != row.want {
			t.Fatalf("%s: got kind %s, want %s: %v", name, lockstep.KindOf(err), row.want, err)
		}

		if strings.Contains(err.Error(), canary) {
			t.Errorf("%s: %q contains %q", name, err.Error(), canary)
		}

		if !strings.Contains(err.Error(), "GET "+base+"/x") {
			t.Errorf("%s: %q does not contain %q", name, err.Error(), "GET "+base+"/x")
		}
	}
}

func TestTheEndOfARateLimitsWindowIsWaitedFor(t *testing.T) {
	for _, prefix := range []string{"X-RateLimit-", "RateLimit-"} {
		base := serve(t, func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set(prefix+"Remaining", "0")
			w.Header().Set(prefix+"Reset", strconv.FormatInt(time.Now().Add(10*time.Minute).Unix(), 10))
			w.WriteHeader(http.StatusTooManyRequests)
		})
		err := call(t, base, http.MethodGet, "/", nil, nil)
		if wait := provider.RetryAfter(err); wait < 9*time.Minute || wait > 10*time.Minute {
			t.Errorf("%s: wait %s, %v", prefix, wait, err)
		}
	}
}

func TestAttack17TheCredentialStaysAtItsOrigin(t *testing.T) {
	stolen := ""
	other := serve(t, func(_ http.ResponseWriter, r *http.Request) {
		stolen += r.Method + r.Header.Get("Authorization")
	})
	base := serve(t, func(w http.ResponseWriter, r *http.Request) {
		switch r.URL.Path {
		case "/renamed":
			http.Redirect(w, r, "/now", http.StatusMovedPermanently)
		case "/now":
			fmt.Fprintf(w, `{"who":%q}`, r.Header.Get("Authorization"))
		case "/loop":
			http.Redirect(w, r, "/loop", http.StatusFound)
		default:
			http.Redirect(w, r, other+"/steal?code=1", http.StatusTemporaryRedirect)
		}
	})

	var out struct{ Who string }
	if err := call(t, base, http.MethodGet, "/renamed", nil, &out); err != nil || out.Who != "Bearer "+canary {
		t.Errorf("on the same origin: %+v, %v", out, err)
	}

	for _, row := range []struct{ method, path string }{{"GET", "/away"}, {"POST", "/away"}, {"POST", "/renamed"},
		{"GET", "/loop"}, {"PUT", "/away"}, {"DELETE", "/away"}, {"PATCH", "/renamed"}} {
		err := call(t, base, row.method, row.path, nil, nil)
		if lockstep.KindOf(err) != lockstep.Invalid || !strings.Contains(err.Error(), "not followed") {
			t.Errorf("%s %s: %v", row.method, row.path, err)
		}
	}

	resp, err := newClient(t, base).HTTP().Get(other)
	if err == nil {
		resp.Body.Close()
	}

	if err == nil || stolen != "" {
		t.Errorf("another origin was asked: %q, %v", stolen, err)
	}
}

// Hosts answer so for a repository under its former name.
func TestAWriteFollowsARedirectThatKeepsItsMethod(t *testing.T) {
	base := serve(t, func(w http.ResponseWriter, r *http.Request) {
		status, err := strconv.Atoi(strings.Trim(r.URL.Path, "/"))
		if err == nil {
			http.Redirect(w, r, "/repositories/5", status)
			return
		}
		body, _ := io.ReadAll(r.Body)
		fmt.Fprintf(w, `{"said":%q}`, r.Method+" "+r.URL.Path+" "+string(body)+" "+r.Header.Get("Authorization"))
	})

	for _, method := range []string{http.MethodPost, http.MethodPut, http.MethodPatch, http.MethodDelete} {
		for _, status := range []int{http.StatusTemporaryRedirect, http.StatusPermanentRedirect} {
			var out struct{ Said string }
			err := call(t, base, method, fmt.Sprintf("/%d", status), map[string]int{"n": 1}, &out)
			want := method + ` /repositories/5 {"n":1} Bearer ` + canary
			if err != nil || out.Said != want {
				t.Errorf("%s, %d: got %q, %v, want %q", method, status, out.Said, err, want)
			}
		}
	}
}

// On the same origin a redirect leads to an address of the host's choice.
func TestAttack18AnAddressOfTheHostsChoiceShowsNoCredential(t *testing.T) {
	base := serve(t, func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path == "/x" {
			http.Redirect(w, r, "/"+canary, http.StatusTemporaryRedirect)
			return
		}
		w.WriteHeader(http.StatusBadRequest)
	})
	for _, method := range []string{http.MethodGet, http.MethodPost} {
		if err := call(t, base, method, "/x", nil, nil); lockstep.KindOf(err) != lockstep.Invalid ||
			!strings.Contains(err.Error(), "/****") {
			t.Errorf("%s: %v", method, err)
		}
	}
}

func TestAttack10AnEndlessAnswerIsCutOff(t *testing.T) {
	base := serve(t, func(w http.ResponseWriter, _ *http.Request) {
		_, _ = io.WriteString(w, `{"a":"`)
		for range 10 << 10 {
			if _, err := io.WriteString(w, strings.Repeat("a", 1<<10)); err != nil {
				return
			}
		}

		_, _ = io.WriteString(w, `"}`)
	})

	var out struct{ A string }
	if err := call(t, base, http.MethodGet, "/", nil, &out); lockstep.KindOf(err) != lockstep.Limit {
		t.Errorf("got %d bytes, %v", len(out.A), err)
	}
}

func TestAttack16OnlyAllowedAddressesAreDialled(t *testing.T) {
	asked := false
	base := serve(t, func(http.ResponseWriter, *http.Request) { asked = true })
	network := transport.NewNetwork(transport.NetworkOptions{})
	defer network.Close()
	client, err := rest.New(rest.Options{Base: base, Network: network})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := client.Do(t.Context(), http.MethodGet, "/", nil, nil); lockstep.KindOf(err) != lockstep.Denied ||
		!errors.Is(err, provider.ErrCredentialNotSent) || asked {
		t.Errorf("loopback: %v", err)
	}
}

func TestAnErrorOfWhoGivesTheCredentialIsTheRequests(t *testing.T) {
	base := serve(t, func(http.ResponseWriter, *http.Request) { t.Error("was asked without a credential") })
	network := transport.NewNetwork(transport.NetworkOptions{AllowLoopback: true})
	defer network.Close()
	want := lockstep.Errorf(lockstep.Denied, "The application was removed.")
	client, err := rest.New(rest.Options{
		Base:      base,
		Network:   network,
		Authorize: func(context.Context, http.Header) error { return want },
	})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := client.Do(t.Context(), http.MethodGet, "/", nil, nil); !errors.Is(err, want) {
		t.Errorf("got %v", err)
	}
}

func TestBaseIsAURLWithoutUser(t *testing.T) {
	for _, base := range []string{"", "example.com", "ftp://example.com", "https://ann:x@example.com", "https://"} {
		if _, err := rest.New(rest.Options{Base: base}); lockstep.KindOf(err) != lockstep.Invalid {
			t.Errorf("%q: %v", base, err)
		}
	}
}

// The proxy's own refusal of a tunnel, and an answer in the clear that may be its.
func TestAttack18AProxyThatRefusesIsNamedWithoutItsPassword(t *testing.T) {
	const password = "canary-of-a-proxy"
	for _, row := range []struct {
		status        int
		tunnel, clear lockstep.Kind
	}{
		{http.StatusProxyAuthRequired, lockstep.Denied, lockstep.Denied},
		{http.StatusForbidden, lockstep.Denied, lockstep.Denied},
		{http.StatusBadGateway, lockstep.Unavailable, lockstep.Unavailable},
	} {
		address := serve(t, func(w http.ResponseWriter, r *http.Request) {
			http.Error(w, "you are lockstep and "+password, row.status)
		})
		proxy, err := transport.ParseProxy(strings.Replace(address, "://", "://lockstep:"+password+"@", 1))
		if err != nil {
			t.Fatal(err)
		}

		network := transport.NewNetwork(transport.NetworkOptions{Proxy: proxy})
		t.Cleanup(network.Close)
		for base, want := range map[string]lockstep.Kind{"https://api.example.com": row.tunnel,
			"http://api.example.com": row.clear} {
			client, err := rest.New(rest.Options{Base: base, Network: network})
			if err != nil {
				t.Fatal(err)
			}

			_, err = client.Do(t.Context(), http.MethodGet, "/x", nil, nil)
			if lockstep.KindOf(err) != want {
				t.Fatalf("%d, %s: got kind %s, want %s: %v", row.status, base, lockstep.KindOf(err), want, err)
			}

			if !strings.Contains(err.Error(), "the proxy "+address) {
				t.Errorf("%d, %s: %q does not contain %q", row.status, base, err.Error(), "the proxy "+address)
			}

			if strings.Contains(err.Error(), password) {
				t.Errorf("%d, %s: %q contains %q", row.status, base, err.Error(), password)
			}
		}
	}
}

func TestAttack16AProxyIsNotAskedForAForbiddenAddress(t *testing.T) {
	asked := 0
	address := serve(t, func(w http.ResponseWriter, r *http.Request) {
		asked++
		http.Redirect(w, r, "http://169.254.169.254/latest", http.StatusFound)
	})
	proxy, err := transport.ParseProxy(address)
	if err != nil {
		t.Fatal(err)
	}

	network := transport.NewNetwork(transport.NetworkOptions{Proxy: proxy})
	t.Cleanup(network.Close)
	for base, want := range map[string]struct {
		kind  lockstep.Kind
		asked int
	}{
		"http://169.254.169.254": {lockstep.Denied, 0},
		"https://10.0.0.1":       {lockstep.Denied, 0},
		"https://localhost":      {lockstep.Denied, 0},
		"http://api.example.com": {lockstep.Invalid, 1}, // which points away, and is not followed
	} {
		asked = 0
		client, err := rest.New(rest.Options{Base: base, Network: network})
		if err != nil {
			t.Fatal(err)
		}

		if _, err := client.Do(t.Context(), http.MethodGet, "/x", nil, nil); lockstep.KindOf(err) != want.kind ||
			asked != want.asked {
			t.Errorf("%s: the proxy was asked %d times: %v", base, asked, err)
		}
	}
}
