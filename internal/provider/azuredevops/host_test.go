package azuredevops_test

import (
	"encoding/base64"
	"encoding/json"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"github.com/lockstephq/lockstep"
	"github.com/lockstephq/lockstep/internal/gitwire/gitwiretest"
	"github.com/lockstephq/lockstep/internal/gitwire/transport"
	"github.com/lockstephq/lockstep/internal/provider"
	"github.com/lockstephq/lockstep/internal/provider/azuredevops"
	"github.com/lockstephq/lockstep/internal/provider/providertest"
)

const (
	organization = "fabrikam"
	project      = "Fiber Web" // escaped in every path
	repository   = "infra"
	canary       = "canary-of-a-personal-access-token"
	me           = "d6245f20-2af8-44f4-9451-8107cb2767db" // of connection_data.json
)

// A host is a fake Azure DevOps with one repository: the REST API, its bodies
// those of testdata, and Git, in version 0, on one port.
type host struct {
	*gitwiretest.Server
	repo  *gitwiretest.Repo
	shown string // the Authorization that is right, "" for any

	mu            sync.Mutex
	status        int // of every answer of the API, if it is not 0
	header        http.Header
	instead       http.Handler // answers the API, if it is not nil
	asked         []string     // methods and escaped paths
	writes        int
	statuses      map[string][]map[string]any // by commit, oldest first
	pulls         []*pull
	subscriptions []map[string]any
}

// headerOf returns how a credential is shown to Azure.
func headerOf(credential lockstep.Credential) string {
	switch credential.Kind {
	case lockstep.NoCredential:
		return ""
	case lockstep.OAuthCredential:
		return "Bearer " + credential.Secret
	}
	return "Basic " + base64.StdEncoding.EncodeToString([]byte(credential.Username+":"+credential.Secret))
}

func newHost(t testing.TB, c lockstep.Credential, options gitwiretest.Options) *host {
	t.Helper()
	folder := t.TempDir()
	server := &host{shown: headerOf(c), statuses: map[string][]map[string]any{}}
	server.repo = gitwiretest.NewRepoAt(t, filepath.Join(folder, organization, project, "_git", repository))
	options.Version0, options.Wrap = true, server.wrap
	server.Server = gitwiretest.NewServer(t, folder, options)
	return server
}

// wrap stands in front of Git.
func (h *host) wrap(git http.Handler) http.Handler {
	api := h.api()
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		known := h.shown == "" || r.Header.Get("Authorization") == h.shown
		if !strings.Contains(r.URL.Path, "/_apis/") {
			if !known {
				w.Header().Set("WWW-Authenticate", `Basic realm="https://dev.azure.com"`)
				http.Error(w, "TF401019", http.StatusUnauthorized)
				return
			}

			git.ServeHTTP(w, r)
			return
		}

		h.mu.Lock()
		defer h.mu.Unlock()

		h.asked = append(h.asked, r.Method+" "+r.URL.EscapedPath())
		switch {
		case h.instead != nil:
			h.instead.ServeHTTP(w, r)
		case h.status != 0:
			for k, v := range h.header {
				w.Header()[k] = v
			}
			answer(w, h.status, fixture("error", nil))

		case !known:
			signIn(w)
		default:
			api.ServeHTTP(w, r)
		}
	})
}

// signIn is what Azure answers to an unknown token.
func signIn(w http.ResponseWriter) {
	w.Header().Set("Content-Type", "text/html; charset=utf-8")
	w.WriteHeader(http.StatusNonAuthoritativeInfo)
	_, _ = w.Write(file("signin.html"))
}

// api routes what the driver uses of the REST API. All of it runs with mu held.
func (h *host) api() http.Handler {
	mux := http.NewServeMux()
	const (
		ofOrganization = "/{organization}/_apis/"
		ofRepository   = "/{organization}/{project}/_apis/git/repositories/{repository}"
	)

	handle := func(pattern, version string, f func(w http.ResponseWriter, r *http.Request)) {
		mux.HandleFunc(pattern, func(w http.ResponseWriter, r *http.Request) {
			switch p := r.PathValue("project"); {
			case r.URL.Query().Get("api-version") != version || r.Header.Get("X-TFS-FedAuthRedirect") != "Suppress":
				refuse(w, http.StatusBadRequest, "TF400813: no such version")
			case r.PathValue("organization") != organization,
				p != "" && (p != project || r.PathValue("repository") != repository):
				answer(w, http.StatusNotFound, fixture("error", nil))
			default:
				f(w, r)
			}
		})
	}
	handle("GET "+ofOrganization+"connectionData", "7.1-preview", func(w http.ResponseWriter, _ *http.Request) {
		answer(w, http.StatusOK, fixture("connection_data", nil))
	})
	handle("GET "+ofRepository, "7.1", func(w http.ResponseWriter, _ *http.Request) {
		answer(w, http.StatusOK, fixture("repository", nil))
	})
	handle("POST "+ofRepository+"/commits/{sha}/statuses", "7.1", h.postStatus)
	handle("GET "+ofRepository+"/pullrequests", "7.1", h.getPulls)
	handle("POST "+ofRepository+"/pullrequests", "7.1", h.postPull)
	handle("GET "+ofRepository+"/pullRequests/{number}/threads", "7.1", h.getThreads)
	handle("POST "+ofRepository+"/pullRequests/{number}/threads", "7.1", h.postThread)
	handle("GET "+ofRepository+"/pullRequests/{number}/threads/{thread}", "7.1", h.getThread)
	handle("PATCH "+ofRepository+"/pullRequests/{number}/threads/{thread}/comments/{comment}", "7.1", h.patchComment)
	handle("POST "+ofRepository+"/refs", "7.1", h.postRefs)
	handle("POST "+ofRepository+"/pushes", "7.1", h.postPush)
	handle("GET "+ofOrganization+"hooks/subscriptions", "7.1", h.getSubscriptions)
	handle("POST "+ofOrganization+"hooks/subscriptions", "7.1", h.postSubscription)
	handle("DELETE "+ofOrganization+"hooks/subscriptions/{id}", "7.1", h.deleteSubscription)

	return mux
}

func file(name string) []byte {
	b, err := os.ReadFile(filepath.Join("testdata", name))
	if err != nil {
		panic(err)
	}
	return b
}

// fixture returns a recorded body with some fields changed.
func fixture(name string, fields map[string]any) map[string]any {
	var body map[string]any
	if err := json.Unmarshal(file(name+".json"), &body); err != nil {
		panic(err)
	}
	for k, v := range fields {
		body[k] = v
	}
	return body
}

func answer(w http.ResponseWriter, status int, body any) {
	w.Header().Set("Content-Type", "application/json; charset=utf-8; api-version=7.1")
	w.WriteHeader(status)
	_ = json.NewEncoder(w).Encode(body)
}

func refuse(w http.ResponseWriter, status int, message string) {
	answer(w, status, fixture("error", map[string]any{"message": message}))
}

// listed is how Azure gives several.
func listed[T any](all []T) map[string]any {
	if all == nil {
		all = []T{}
	}
	return map[string]any{"value": all, "count": len(all)}
}

// take reads a request's body.
func take[T any](r *http.Request) T {
	var body T
	if err := json.NewDecoder(r.Body).Decode(&body); err != nil {
		panic(http.ErrAbortHandler)
	}
	return body
}

// fail makes the API answer with a status.
func (h *host) fail(status int, header http.Header) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.status, h.header = status, header
}

// answerBy lets a handler answer the API.
func (h *host) answerBy(handler http.HandlerFunc) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.instead = nil
	if handler != nil {
		h.instead = handler
	}
}

// requests returns what the API was asked so far, and forgets it.
func (h *host) requests() []string {
	h.mu.Lock()
	defer h.mu.Unlock()
	all := h.asked
	h.asked = nil
	return all
}

func token() lockstep.Credential {
	return lockstep.Credential{Kind: lockstep.TokenCredential, Secret: canary}
}

// open returns a client of the fake host.
func (h *host) open(t testing.TB, credential lockstep.Credential) providertest.FullClient {
	t.Helper()
	network := transport.NewNetwork(transport.NetworkOptions{AllowLoopback: true})
	t.Cleanup(network.Close)
	return openAt(t, azuredevops.New(azuredevops.Options{Network: network, URL: h.URL}), nil, credential)
}

func openAt(
	t testing.TB, driver *azuredevops.Driver, at *lockstep.Host, credential lockstep.Credential,
) providertest.FullClient {
	t.Helper()
	r := link(organization+"/"+project, repository)
	r.Host = at
	r.Credential = credential
	client, err := driver.Open(r)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(client.Close)
	return client.(providertest.FullClient)
}

func link(owner, name string) provider.Repository {
	return provider.Repository{
		Link:   lockstep.RepositoryLink{OwnerID: owner, RepositoryName: name, ProviderType: azuredevops.Type},
		Access: provider.Access{Connection: lockstep.Connection{Name: "test"}, Credential: token()},
	}
}
