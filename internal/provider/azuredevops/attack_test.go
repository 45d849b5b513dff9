package azuredevops_test

import (
	"bytes"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/lockstephq/lockstep"
	"github.com/lockstephq/lockstep/internal/gitwire/gitwiretest"
	"github.com/lockstephq/lockstep/internal/gitwire/transport"
	"github.com/lockstephq/lockstep/internal/provider/azuredevops"
)

// noSHA is a commit for hosts that have none.
const noSHA lockstep.SHA = "1234567812345678123456781234567812345678"

// hostile are bodies that make careless readers panic.
func hostile() []string {
	return []string{
		"", "null", "[]", "{}", "1", `"x"`, "{", `{"value":null}`, `{"value":[null]}`, `{"value":[{}]}`,
		`{"value":{}}`, `{"value":[[]]}`,
		`{"value":[{"id":1,"comments":null}]}`, `{"value":[{"id":1,"comments":[null]}]}`,
		`{"id":1,"comments":[]}`, `{"id":"x"}`,
		`{"value":[{"pullRequestId":-1,"lastMergeSourceCommit":null,"forkSource":[]}]}`,
		`{"value":[{"id":"../../x","consumerInputs":null}]}`,
		`{"value":[{"id":"..","consumerInputs":{"url":"https://lockstep.example.com/webhooks/azure-devops/abc"}}]}`,
		`{"authenticatedUser":{"id":""}}`, `{"authenticatedUser":null}`, `{"refUpdates":[],"value":[{"success":true}]}`,
		`{"pullRequestId":99999999999999999999}`, `{"message":{"message":[]}}`, strings.Repeat("[", 100_000),
	}
}

func TestAttack13NoAnswerOfTheHostPanics(t *testing.T) {
	server := newHost(t, token(), gitwiretest.Options{})
	sha := lockstep.SHA(server.repo.Commit(map[string]string{"a": "1"}))
	for _, body := range hostile() {
		for _, status := range []int{http.StatusOK, http.StatusBadRequest} {
			server.answerBy(func(w http.ResponseWriter, r *http.Request) {
				if r.Method == http.MethodDelete && strings.Contains(r.URL.Path, "..") {
					t.Errorf("%s: deletes %s", body, r.URL.Path)
				}

				w.WriteHeader(status)
				_, _ = io.WriteString(w, body)
			})
			for name, err := range anything(t, server.open(t, token()), sha) {
				if lockstep.KindOf(err) == lockstep.Internal && err != nil {
					t.Errorf("%.60s, %s: %v", body, name, err)
				}
			}
		}
	}
}

func FuzzAnswersOfTheHost(f *testing.F) {
	names, err := filepath.Glob(filepath.Join("testdata", "*.json"))
	if err != nil || len(names) == 0 {
		f.Fatal("no recorded answers")
	}

	for _, name := range names {
		b, err := os.ReadFile(name)
		if err != nil {
			f.Fatal(err)
		}

		f.Add(b)
		f.Add(fmt.Appendf(nil, `{"value":[%s],"count":1}`, b))
	}

	for _, body := range hostile() {
		f.Add([]byte(body))
	}

	var body atomic.Pointer[[]byte]
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if strings.Contains(r.URL.Path, "/_git/") {
			http.NotFound(w, r)
			return
		}
		_, _ = w.Write(*body.Load())
	}))

	f.Cleanup(server.Close)
	network := transport.NewNetwork(transport.NetworkOptions{AllowLoopback: true})
	f.Cleanup(network.Close)
	d := azuredevops.New(azuredevops.Options{Network: network, URL: server.URL})
	f.Fuzz(func(t *testing.T, b []byte) {
		body.Store(&b)
		for name, err := range anything(t, openAt(t, d, nil, token()), noSHA) {
			if err != nil && lockstep.KindOf(err) == lockstep.Internal {
				t.Errorf("%s: %v", name, err)
			}
		}
	})
}

func TestAttack10AnEndlessAnswerIsCutOff(t *testing.T) {
	server := newHost(t, token(), gitwiretest.Options{})
	server.answerBy(func(w http.ResponseWriter, _ *http.Request) {
		_, _ = io.WriteString(w, `{"value":[{"title":"`)
		for range 5 << 10 {
			if _, err := io.WriteString(w, strings.Repeat("a", 1<<10)); err != nil {
				return
			}
		}

		_, _ = io.WriteString(w, `"}]}`)
	})
	if _, err := server.open(t, token()).PullRequests(t.Context(), "main"); lockstep.KindOf(err) != lockstep.Limit {
		t.Errorf("got %v", err)
	}
}

func TestAttack16OnlyAllowedAddressesAreDialled(t *testing.T) {
	server := newHost(t, token(), gitwiretest.Options{})
	network := transport.NewNetwork(transport.NetworkOptions{})
	defer network.Close()

	for name, at := range map[string]*lockstep.Host{"the default": nil, "a host": {Endpoint: server.URL},
		"metadata": {Endpoint: "http://169.254.169.254"}} {
		client := openAt(t, azuredevops.New(azuredevops.Options{Network: network, URL: server.URL}), at, token())
		if _, err := client.Heads(t.Context(), []string{"main"}); lockstep.KindOf(err) != lockstep.Denied {
			t.Errorf("%s: %v", name, err)
		}

		for ability, err := range anything(t, client, noSHA) {
			if lockstep.KindOf(err) != lockstep.Denied {
				t.Errorf("%s, %s: %v", name, ability, err)
			}
		}
	}

	if git, api := server.Requests(), server.requests(); len(git)+len(api) != 0 {
		t.Errorf("asked: %v %v", git, api)
	}
}

func TestAttack17TheCredentialStaysAtItsOrigin(t *testing.T) {
	var stolen atomic.Int64
	thief := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		if r.Header.Get("Authorization") != "" {
			stolen.Add(1)
		}
	}))

	defer thief.Close()

	for _, status := range []int{301, 302, 303, 307, 308} {
		away := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			http.Redirect(w, r, thief.URL+r.URL.String(), status)
		}))
		network := transport.NewNetwork(transport.NetworkOptions{AllowLoopback: true})
		for _, c := range []lockstep.Credential{token(), {Kind: lockstep.OAuthCredential, Secret: canary}} {
			client := openAt(t, azuredevops.New(azuredevops.Options{Network: network, URL: away.URL}), nil, c)
			if _, err := client.Heads(t.Context(), []string{"main"}); err == nil {
				t.Errorf("%d: read from elsewhere", status)
			}

			for ability, err := range anything(t, client, noSHA) {
				if err == nil {
					t.Errorf("%d: %s went elsewhere", status, ability)
				}
			}
		}

		away.Close()
		network.Close()
	}

	if n := stolen.Load(); n != 0 {
		t.Errorf("%d requests with the credential elsewhere", n)
	}
}

// A host may repeat what it was shown, in any form.
func TestAttack18And19NoErrorShowsTheCredential(t *testing.T) {
	for _, credential := range []lockstep.Credential{
		token(), {Kind: lockstep.BasicCredential, Username: "ann", Secret: canary},
		{Kind: lockstep.OAuthCredential, Secret: canary},
	} {
		encoded := strings.TrimPrefix(headerOf(credential), "Basic ")
		said := fmt.Sprintf("who is %s, %s, %s?", canary, encoded, headerOf(credential))
		form := 0
		server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			switch {
			case strings.Contains(r.URL.Path, "/_git/"):
				http.Error(w, said, http.StatusForbidden)
			case form == 1 && !strings.HasPrefix(r.URL.Path, "/steal/"):
				http.Redirect(w, r, "/steal/"+canary+"/"+url.PathEscape(encoded), http.StatusTemporaryRedirect)
			case form == 2:
				_, _ = fmt.Fprintf(w, `{"value":%q,"id":%q}`, said, said)
			case form == 3:
				w.Header().Set("Content-Type", "text/html")
				_, _ = io.WriteString(w, said)
			default:
				refuse(w, http.StatusBadRequest, said)
			}
		}))

		network := transport.NewNetwork(transport.NetworkOptions{AllowLoopback: true})
		client := openAt(t, azuredevops.New(azuredevops.Options{Network: network, URL: server.URL}), nil, credential)
		for form = range 4 {
			errs := anything(t, client, noSHA)
			_, errs["Heads"] = client.Heads(t.Context(), []string{"main"})
			for ability, err := range errs {
				var log bytes.Buffer
				slog.New(slog.NewJSONHandler(&log, nil)).Error("x", "err", err, "client", client)
				for _, text := range []string{fmt.Sprintf("%v %+v", err, client), log.String()} {
					if strings.Contains(text, canary) || strings.Contains(text, encoded) ||
						err == nil && (form != 2 || ability != "ReportStatus") {
						t.Errorf("%s, %s, form %d: %s", credential.Kind, ability, form, text)
					}
				}
			}
		}

		server.Close()
		network.Close()
	}
}
