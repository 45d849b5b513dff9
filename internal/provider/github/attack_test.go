package github_test

import (
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/lockstephq/lockstep"
	"github.com/lockstephq/lockstep/internal/gitwire/transport"
	"github.com/lockstephq/lockstep/internal/provider"
	"github.com/lockstephq/lockstep/internal/provider/github"
)

// calls makes one call of each capability that writes, and returns their errors.
func calls(t *testing.T, client provider.Client) map[string]error {
	t.Helper()
	sha := strings.Repeat("ab", 20)
	_, read := client.Heads(t.Context(), []string{"main"})
	_, told := client.(provider.StatusReporter).ReportStatus(t.Context(),
		commitStatus(sha, provider.CommitFailed, "x"), nil)
	_, again := client.(provider.StatusReporter).ReportStatus(t.Context(),
		commitStatus(sha, provider.CommitFailed, "x"), []byte(`{"deployment":1}`))
	_, listed := client.(provider.Commenter).PullRequests(t.Context(), "main")
	_, commented := client.(provider.Commenter).PutComment(t.Context(), provider.PullRequest{Number: 1},
		provider.Comment{
			ID:   "1",
			Body: "x",
		})
	_, proposed := client.(provider.PullRequester).Propose(t.Context(), provider.Proposal{
		Base:    "main",
		BaseSHA: lockstep.SHA(sha),
		Branch:  "x",
	})

	return map[string]error{
		"read":          read,
		"status":        told,
		"status again":  again,
		"pull requests": listed,
		"comment":       commented,
		"proposal":      proposed,
		"webhook": client.(provider.WebhookRegistrar).RegisterWebhook(t.Context(), "https://lockstep.example.com",
			canary+"-secret"),
	}
}

func TestAttack16OnlyAllowedAddressesAreDialled(t *testing.T) {
	asked := ""
	server := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		asked += " " + r.URL.Path
	}))
	defer server.Close()

	network := transport.NewNetwork(transport.NetworkOptions{})
	defer network.Close()

	host := &lockstep.Host{Endpoint: strings.Replace(server.URL, "http:", "https:", 1)}
	for name, credential := range credentials() {
		for driver, at := range map[*github.Driver]*lockstep.Host{
			github.New(github.Options{Network: network, API: server.URL, Git: server.URL}): nil,
			github.New(github.Options{Network: network, Enterprise: true}):                 host,
		} {
			all := calls(t, open(t, driver, repository(at, credential)))
			all["check"] = driver.Check(t.Context(), provider.Access{Host: at, Credential: credential})
			for what, err := range all {
				if lockstep.KindOf(err) != lockstep.Denied || !strings.Contains(err.Error(), "loopback") {
					t.Errorf("%s, %s: %v", name, what, err)
				}
			}
		}
	}

	if asked != "" {
		t.Errorf("asked:%s", asked)
	}
}

func TestAttack17TheCredentialIsNotSentAfterARedirect(t *testing.T) {
	stolen := ""
	other := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		stolen += r.Header.Get("Authorization")
	}))
	defer other.Close()

	for name, credential := range credentials() {
		for _, status := range []int{301, 302, 307, 308} {
			f := newFake(t, false)
			driver, host := newDriver(t, f, github.Type)
			client := open(t, driver, repository(host, credential))
			f.Fail(status, http.Header{"Location": {other.URL + "/repos/acme/infra"}})

			for what, err := range calls(t, client) {
				if err == nil || strings.Contains(err.Error(), canary) {
					t.Errorf("%s, %d, %s: %v", name, status, what, err)
				}
			}

			if err := driver.Check(t.Context(), provider.Access{Host: host, Credential: credential}); err == nil {
				t.Errorf("%s, %d: the check went well", name, status)
			}
		}
	}

	if stolen != "" {
		t.Errorf("another origin saw %q", stolen)
	}
}

func TestAttack18ErrorsShowNoCredential(t *testing.T) {
	for name, credential := range credentials() {
		server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			if strings.HasSuffix(r.URL.Path, "/access_tokens") {
				w.WriteHeader(http.StatusCreated)
				fmt.Fprintf(w, `{"token":"ghs_%s","expires_at":"2999-01-01T00:00:00Z"}`, canary)
				return
			}

			body, _ := io.ReadAll(r.Body)
			_, password, _ := r.BasicAuth()
			w.WriteHeader(http.StatusUnprocessableEntity)
			fmt.Fprintf(w, `{"message":%q,"errors":[{"message":%q},%q]}`, r.Header.Get("Authorization")+" "+password,
				password, body)
		}))

		network := transport.NewNetwork(transport.NetworkOptions{AllowLoopback: true})
		d := github.New(github.Options{Network: network, API: server.URL, Git: server.URL})
		all := calls(t, open(t, d, repository(nil, credential)))
		all["check"] = d.Check(t.Context(), provider.Access{Credential: credential})

		for what, err := range all {
			if err == nil {
				t.Fatalf("%s, %s: got no error", name, what)
			}

			if strings.Contains(err.Error(), canary) {
				t.Errorf("%s, %s: %q contains %q", name, what, err.Error(), canary)
			}

			if strings.Contains(err.Error(), "eyJ") {
				t.Errorf("%s, %s: %q contains %q", name, what, err.Error(), "eyJ")
			}
		}

		network.Close()
		server.Close()
	}
}

func TestAttack18WhatCannotBeReadIsNotShown(t *testing.T) {
	network := transport.NewNetwork(transport.NetworkOptions{AllowLoopback: true})
	defer network.Close()
	for _, answer := range []string{
		`{"id":%q,"token":"x","expires_at":%[1]q}`, `{"token":%q,"expires_at":%[1]q,"id":1}`, `[%q]`,
		`{"created_at":%q}`, `[{"created_at":%q}]`,
	} {
		server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
			fmt.Fprintf(w, answer, canary)
		}))
		d := github.New(github.Options{Network: network, API: server.URL, Git: server.URL})
		for name, c := range credentials() {
			all := calls(t, open(t, d, repository(nil, c)))
			all["check"] = d.Check(t.Context(), provider.Access{Credential: c})
			for what, err := range all {
				if err != nil && (strings.Contains(err.Error(), canary) || lockstep.KindOf(err) == lockstep.Internal) {
					t.Errorf("%s, %s of %s: %v", name, what, answer, err)
				}
			}
		}

		server.Close()
	}
}

func TestAttack19AClientAndItsDriverPrintNoCredential(t *testing.T) {
	f := newFake(t, false)
	f.repo.Commit(map[string]string{"a": "1"})
	for name, credential := range credentials() {
		driver, h := newDriver(t, f, github.Type)
		client := open(t, driver, repository(h, credential))
		heads(t, client)

		for _, text := range []string{fmt.Sprintf("%v %+v", credential, driver), fmt.Sprintf("%v", client)} {
			if strings.Contains(text, canary) || strings.Contains(text, "PRIVATE KEY") {
				t.Errorf("%s: the credential is printed: %s", name, text)
			}
		}
	}
}
