package azuredevops_test

import (
	"encoding/pem"
	"net/http"
	"net/http/httptest"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/lockstephq/lockstep"
	"github.com/lockstephq/lockstep/internal/gitwire/gitwiretest"
	"github.com/lockstephq/lockstep/internal/gitwire/transport"
	"github.com/lockstephq/lockstep/internal/provider"
	"github.com/lockstephq/lockstep/internal/provider/azuredevops"
	"github.com/lockstephq/lockstep/internal/provider/providertest"
)

// anything calls every ability once.
func anything(t testing.TB, client providertest.FullClient, base lockstep.SHA) map[string]error {
	t.Helper()
	const hook = "https://lockstep.example.com/webhooks/azure-devops/abc"
	pr := provider.PullRequest{Number: 22}
	all := map[string]error{}
	_, all["ReportStatus"] = client.ReportStatus(t.Context(), provider.CommitStatus{
		SHA:         base,
		Environment: "e",
		State:       provider.CommitFailed,
		URL:         hook,
	}, nil)
	_, all["PullRequests"] = client.PullRequests(t.Context(), "main")
	_, all["PutComment"] = client.PutComment(t.Context(), pr, provider.Comment{
		ID:     "148/1",
		Marker: "<!-- m -->",
		Body:   "<!-- m -->",
	})
	_, all["Propose"] = client.Propose(t.Context(), provider.Proposal{
		Base:    "main",
		BaseSHA: base,
		Branch:  "new",
		Title:   "New",
		Files:   []provider.ProposedFile{{Path: "new.yaml", Content: []byte("x")}},
	})
	all["RegisterWebhook"] = client.RegisterWebhook(t.Context(), hook, "secret-of-16-characters")
	all["RemoveWebhook"] = client.RemoveWebhook(t.Context(), hook)

	return all
}

func TestWithoutACredentialPublicProjectsAreReadAndNothingElse(t *testing.T) {
	none := lockstep.Credential{Kind: lockstep.NoCredential}
	server := newHost(t, none, gitwiretest.Options{})
	sha := server.repo.Commit(map[string]string{"a": "1"})
	client := server.open(t, none)
	if got, err := client.Heads(t.Context(), []string{"main"}); err != nil || string(got["main"]) != sha {
		t.Errorf("read: %v, %v", got, err)
	}

	for name, err := range anything(t, client, lockstep.SHA(sha)) {
		if lockstep.KindOf(err) != lockstep.Denied || !strings.Contains(err.Error(), "has no credential") {
			t.Errorf("%s: %v", name, err)
		}
	}

	for _, r := range server.Requests() {
		if r.Header.Get("Authorization") != "" {
			t.Errorf("%s %s with a credential", r.Method, r.Path)
		}
	}

	if asked := server.requests(); len(asked) != 0 {
		t.Errorf("asked: %q", asked)
	}
}

func TestThePageToSignInIsDenied(t *testing.T) {
	server := newHost(t, token(), gitwiretest.Options{})
	sha := lockstep.SHA(server.repo.Commit(map[string]string{"a": "1"}))
	page := func(status int) http.HandlerFunc {
		return func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Type", "text/html; charset=utf-8")
			w.WriteHeader(status)
			_, _ = w.Write(file("signin.html"))
		}
	}
	for name, handler := range map[string]http.HandlerFunc{
		"203":             page(http.StatusNonAuthoritativeInfo),
		"200 with a page": page(http.StatusOK),
		"401":             page(http.StatusUnauthorized),
		"302 elsewhere": func(w http.ResponseWriter, r *http.Request) {
			http.Redirect(w, r, "https://spsprodcus1.vssps.visualstudio.com/_signin?realm=dev.azure.com",
				http.StatusFound)
		},
		"302 to the same host": func(w http.ResponseWriter, r *http.Request) {
			if strings.HasPrefix(r.URL.Path, "/_apis/_signin") {
				page(http.StatusOK)(w, r)
				return
			}
			http.Redirect(w, r, "/_apis/_signin", http.StatusFound)
		},
	} {
		server.answerBy(handler)
		for ability, err := range anything(t, server.open(t, token()), sha) {
			if lockstep.KindOf(err) != lockstep.Denied {
				t.Errorf("%s, %s: %s, %v", name, ability, lockstep.KindOf(err), err)
			}
		}
	}
}

func TestThrottledCallsSayForHowLong(t *testing.T) {
	server := newHost(t, token(), gitwiretest.Options{})
	reset := strconv.FormatInt(time.Now().Add(10*time.Minute).Unix(), 10)
	for _, row := range []struct {
		status   int
		header   http.Header
		min, max time.Duration
	}{
		{
			status: 429,
			header: http.Header{"Retry-After": {"30"}, "X-Ratelimit-Remaining": {"0"}},
			min:    30 * time.Second,
			max:    30 * time.Second,
		},
		{
			status: 503,
			header: http.Header{"Retry-After": {"7"}},
			min:    7 * time.Second,
			max:    7 * time.Second,
		},
		{
			status: 429,
			header: http.Header{"X-Ratelimit-Remaining": {"0"}, "X-Ratelimit-Reset": {reset}},
			min:    9 * time.Minute,
			max:    10 * time.Minute,
		},
		{status: 503, min: 0, max: 0},
	} {
		server.fail(row.status, row.header)
		_, err := server.open(t, token()).PullRequests(t.Context(), "main")
		if wait := provider.RetryAfter(err); lockstep.KindOf(err) != lockstep.Unavailable || wait < row.min ||
			wait > row.max {
			t.Errorf("%d %v: %s, %v", row.status, row.header, wait, err)
		}
	}
}

func TestAnOwnerIsAnOrganizationAndAProject(t *testing.T) {
	var asked []string
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		asked = append(asked, r.URL.EscapedPath())
		http.NotFound(w, r)
	}))
	defer server.Close()

	network := transport.NewNetwork(transport.NetworkOptions{AllowLoopback: true})
	defer network.Close()

	driver := azuredevops.New(azuredevops.Options{Network: network, URL: server.URL + "/"})
	for _, row := range []struct{ owner, name, git, api string }{
		{
			owner: "fabrikam/web",
			name:  "infra",
			git:   "/fabrikam/web/_git/infra",
			api:   "/fabrikam/web/_apis/git/repositories/infra",
		},
		{
			owner: "fabrikam",
			name:  "infra",
			git:   "/fabrikam/infra/_git/infra",
			api:   "/fabrikam/infra/_apis/git/repositories/infra",
		}, // the short form
		{
			owner: "fabrikam/Fiber Web",
			name:  "my %41 inf+ra",
			git:   "/fabrikam/Fiber%20Web/_git/my%20%2541%20inf+ra",
			api:   "/fabrikam/Fiber%20Web/_apis/git/repositories/my%20%2541%20inf+ra",
		},
		{
			owner: "fabrikam/a?b#c",
			name:  "x",
			git:   "/fabrikam/a%3Fb%23c/_git/x",
			api:   "/fabrikam/a%3Fb%23c/_apis/git/repositories/x",
		},
	} {
		client, err := driver.Open(link(row.owner, row.name))
		if err != nil {
			t.Errorf("%s/%s: %v", row.owner, row.name, err)
			continue
		}

		_, gitErr := client.Heads(t.Context(), []string{"main"})
		_, apiErr := client.(providertest.FullClient).PullRequests(t.Context(), "main")
		client.Close()

		if lockstep.KindOf(gitErr) != lockstep.NotFound || lockstep.KindOf(apiErr) != lockstep.NotFound {
			t.Errorf("%s/%s: %v, %v", row.owner, row.name, gitErr, apiErr)
		}

		if diff := cmp.Diff([]string{row.git + "/info/refs", row.api + "/pullrequests"}, asked); diff != "" {
			t.Errorf("%s/%s: want -, got +:\n%s", row.owner, row.name, diff)
		}

		asked = nil
	}

	for _, row := range [][2]string{
		{"-", "infra"}, {"", "infra"}, {"fabrikam/", "infra"}, {"/web", "infra"}, {"a/b/c", "infra"},
		{"fabrikam/..", "infra"},
		{"..", "infra"}, {"fabrikam/web", ".."}, {"fabrikam/web", "a/b"}, {"fabrikam/web", `a\b`},
		{"fabrikam/web", ""}, {"fabrikam/a\nb", "x"},
	} {
		if _, err := driver.Open(link(row[0], row[1])); lockstep.KindOf(err) != lockstep.Invalid ||
			!strings.Contains(err.Error(), "ORGANIZATION/PROJECT") {
			t.Errorf("%q, %q: %v", row[0], row[1], err)
		}
	}
}

// An Azure DevOps Server is a host, whose endpoint may have a path.
func TestAServerIsReachedAtItsEndpoint(t *testing.T) {
	behind := newHost(t, token(), gitwiretest.Options{})
	sha := lockstep.SHA(behind.repo.Commit(map[string]string{"a": "1"}))
	server := httptest.NewTLSServer(http.StripPrefix("/tfs", behind.Config.Handler))
	defer server.Close()

	certificate := string(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: server.Certificate().Raw}))
	network := transport.NewNetwork(transport.NetworkOptions{AllowLoopback: true})
	defer network.Close()

	driver := azuredevops.New(azuredevops.Options{Network: network})
	client := openAt(t, driver, &lockstep.Host{
		Endpoint: server.URL + "/tfs/",
		VPC:      &lockstep.VPCConfiguration{TLSCertificate: certificate},
	}, token())
	if got, err := client.Heads(t.Context(), []string{"main"}); err != nil || got["main"] != sha {
		t.Errorf("heads: %v, %v", got, err)
	}

	number := behind.OpenPullRequest("main", "main", false)
	got, err := client.PullRequests(t.Context(), "main")
	if err != nil {
		t.Fatalf("pull requests: %v", err)
	}

	if len(got) != 1 {
		t.Fatalf("got %d pull requests, want 1: %+v", len(got), got)
	}

	if got[0].Number != number {
		t.Errorf("pull requests: Number is %v, want %v", got[0].Number, number)
	}

	want := server.URL + "/tfs/fabrikam/Fiber%20Web/_git/infra/pullrequest/22"
	if got[0].URL != want {
		t.Errorf("pull requests: URL is %v, want %v", got[0].URL, want)
	}

	for _, host := range []lockstep.Host{
		{Endpoint: "ssh://devops.example.com"},
		{Endpoint: server.URL, VPC: &lockstep.VPCConfiguration{TLSCertificate: "no certificate"}},
	} {
		r := link("fabrikam/web", "infra")
		r.Host = &host
		if _, err := driver.Open(r); lockstep.KindOf(err) != lockstep.Invalid {
			t.Errorf("%+v: %v", host, err)
		}
	}
}

func TestEndpointsAreHTTP(t *testing.T) {
	for endpoint, want := range map[string]bool{
		"https://devops.example.com":         true,
		"http://devops.example.com:8080/tfs": true,
		"https://":                           false,
		"https://ann@devops.example.com":     false,
		"ssh://devops.example.com":           false,
		"file:///x":                          false,
		"https://devops.example.com?x":       false,
		"https://devops.example.com#x":       false,
		"%":                                  false,
	} {
		err := azuredevops.New(azuredevops.Options{}).Metadata().CheckEndpoint(endpoint)
		if (err == nil) != want || err != nil && lockstep.KindOf(err) != lockstep.Invalid {
			t.Errorf("%s: %v", endpoint, err)
		}
	}
}

func TestApplicationsAreLetInByEntra(t *testing.T) {
	driver := azuredevops.New(azuredevops.Options{})
	want := provider.OAuthEndpoints{
		AuthURL:  "https://login.microsoftonline.com/organizations/oauth2/v2.0/authorize",
		TokenURL: "https://login.microsoftonline.com/organizations/oauth2/v2.0/token",
		Scopes:   []string{"499b84ac-1321-427f-aa17-267ca6975798/.default", "offline_access"},
	}
	for _, h := range []*lockstep.Host{nil, {Endpoint: "https://dev.azure.com/"}} {
		got, err := driver.OAuthEndpoints(h)
		if diff := cmp.Diff(want, got); diff != "" || err != nil {
			t.Errorf("%+v: %v, want -, got +:\n%s", h, err, diff)
		}
	}

	host := &lockstep.Host{Endpoint: "https://devops.example.com"}
	if _, err := driver.OAuthEndpoints(host); lockstep.KindOf(err) != lockstep.Invalid {
		t.Errorf("a server: %v", err)
	}
}

func TestACredentialThatIsOfNoUseIsInvalid(t *testing.T) {
	driver := azuredevops.New(azuredevops.Options{})
	for _, kind := range []lockstep.CredentialKind{lockstep.SSHKeyCredential, lockstep.AppCredential, ""} {
		r := link("fabrikam/web", "infra")
		r.Credential = lockstep.Credential{Kind: kind, Secret: canary}
		if _, err := driver.Open(r); lockstep.KindOf(err) != lockstep.Invalid || strings.Contains(err.Error(), canary) {
			t.Errorf("%s: %v", kind, err)
		}
	}
}
