package git_test

import (
	"context"
	"encoding/base64"
	"errors"
	"fmt"
	"net/http"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/lockstephq/lockstep"
	"github.com/lockstephq/lockstep/internal/gitwire/gitwiretest"
	"github.com/lockstephq/lockstep/internal/gitwire/transport"
	"github.com/lockstephq/lockstep/internal/provider"
	"github.com/lockstephq/lockstep/internal/provider/git"
	"github.com/lockstephq/lockstep/internal/provider/providertest"
)

const (
	canary        = "canary-of-a-secret"
	webhookSecret = "canary-of-a-webhook"
	marker        = "<!-- lockstep: 9b1f -->"
)

// A giteaServer is a fake Gitea server with a driver and its credential.
type giteaServer struct {
	*giteaHost
	server *gitwiretest.Server
	driver *git.Driver
	right  lockstep.Credential
}

func newGiteaServer(t testing.TB, version string, credential lockstep.Credential) *giteaServer {
	t.Helper()
	options := gitwiretest.Options{Token: credential.Secret}
	authorization := "token " + credential.Secret
	if credential.Kind == lockstep.BasicCredential {
		options = gitwiretest.Options{User: credential.Username, Password: credential.Secret}
		authorization = "Basic " + base64.StdEncoding.EncodeToString([]byte(credential.Username+":"+credential.Secret))
	}

	folder := t.TempDir()
	h := newGiteaHost(t, gitwiretest.NewRepoAt(t, filepath.Join(folder, "acme", "infra.git")), version, authorization)
	options.Wrap = h.wrap
	w := &giteaServer{giteaHost: h, right: credential, server: gitwiretest.NewServer(t, folder, options)}
	w.driver = overHTTP(t, transport.NetworkOptions{AllowLoopback: true})

	return w
}

func overHTTP(t testing.TB, o transport.NetworkOptions) *git.Driver {
	t.Helper()
	network := transport.NewNetwork(o)
	t.Cleanup(network.Close)
	return git.New(git.Options{Network: network})
}

func token() lockstep.Credential {
	return lockstep.Credential{Kind: lockstep.TokenCredential, Secret: canary}
}

func (w *giteaServer) open(t testing.TB, right bool) provider.Client {
	t.Helper()
	credential := w.right
	if !right {
		credential.Secret = "another-secret"
	}
	return open(t, w.driver, ofAcme(w.server.URL, credential))
}

func ofAcme(endpoint string, c lockstep.Credential) provider.Repository {
	r := repository(endpoint, c)
	r.Link.OwnerID = "acme"
	return r
}

func TestGiteaIsReportedTo(t *testing.T) {
	for version, credential := range map[string]lockstep.Credential{
		"gitea-version":   token(),
		"forgejo-version": {Kind: lockstep.BasicCredential, Username: "deployer", Secret: canary},
	} {
		t.Run(version, func(t *testing.T) {
			providertest.TestCapabilities(t, func(t *testing.T) providertest.CapabilityFixture {
				w := newGiteaServer(t, version, credential)
				w.steady = true
				return providertest.CapabilityFixture{
					Host:        w,
					Repo:        w.Repo,
					Open:        w.open,
					Fail:        w.Fail,
					OneProgress: true,
				}
			})
		})
	}
}

func TestARepositoryThatGiteaRenamedHasAllCapabilities(t *testing.T) {
	providertest.TestCapabilities(t, func(t *testing.T) providertest.CapabilityFixture {
		w := newGiteaServer(t, "gitea-version", token())
		w.steady, w.moved = true, true
		return providertest.CapabilityFixture{Host: w, Repo: w.Repo, Open: w.open, Fail: w.Fail, OneProgress: true}
	})
}

func TestGiteaIsReadAsAnyGitServerIs(t *testing.T) {
	providertest.Test(t, func(t *testing.T) providertest.Fixture {
		w := newGiteaServer(t, "gitea-version", token())
		t.Cleanup(func() {
			if asked := w.TakeRequests(); len(asked) != 0 {
				t.Errorf("reading asked the API: %q", asked)
			}
		})
		return providertest.Fixture{Repo: w.Repo, Open: w.open, Fail: w.server.Fail}
	})
}

// call is one way in which a client speaks to the API.
type call func(ctx context.Context, c provider.Client) error

func calls(sha lockstep.SHA) map[string]call {
	pr := provider.PullRequest{Number: 1}
	return map[string]call{
		"status": func(ctx context.Context, client provider.Client) error {
			_, err := client.(provider.StatusReporter).ReportStatus(ctx, provider.CommitStatus{
				SHA:         sha,
				Environment: "e",
			}, nil)
			return err
		},
		"pull requests": func(ctx context.Context, client provider.Client) error {
			_, err := client.(provider.Commenter).PullRequests(ctx, "main")
			return err
		},
		"comment": func(ctx context.Context, client provider.Client) error {
			_, err := client.(provider.Commenter).PutComment(ctx, pr, provider.Comment{ID: "7", Marker: "m", Body: "m"})
			return err
		},
		"proposal": func(ctx context.Context, client provider.Client) error {
			_, err := client.(provider.PullRequester).Propose(ctx, provider.Proposal{
				Base:    "main",
				BaseSHA: sha,
				Branch:  "b",
				Files:   []provider.ProposedFile{{Path: "f", Content: []byte("1")}},
			})
			return err
		},
		"webhook": func(ctx context.Context, client provider.Client) error {
			return client.(provider.WebhookRegistrar).RegisterWebhook(ctx, "https://lockstep.example.com",
				webhookSecret)
		},
		"no webhook": func(ctx context.Context, client provider.Client) error {
			return client.(provider.WebhookRegistrar).RemoveWebhook(ctx, "https://lockstep.example.com")
		},
	}
}

func TestAServerWithoutTheAPIHasNoAbility(t *testing.T) {
	for name, row := range map[string]struct {
		status int
		body   string
	}{
		"nothing there":              {404, "not found"},
		"forbidden":                  {403, ""},
		"a page":                     {200, "<html>"},
		"other JSON":                 {200, `{"revision":"1"}`},
		"not an providertest.Object": {200, `"1.2"`},
		"to a page":                  {302, ""},
		"not by reading":             {405, ""},
	} {
		asked := 0
		server := gitwiretest.NewServer(t, t.TempDir(), gitwiretest.Options{Wrap: func(http.Handler) http.Handler {
			return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				if asked++; r.URL.Path != "/sub/api/v1/version" {
					t.Errorf("%s: asked %s", name, r.URL.Path)
				}

				w.Header().Set("Location", "https://login.example.com/")
				w.WriteHeader(row.status)
				fmt.Fprint(w, row.body)
			})
		}})

		c := open(t, overHTTP(t, transport.NetworkOptions{AllowLoopback: true}), ofAcme(server.URL+"/sub/", token()))
		for what, do := range calls("") {
			if err := do(t.Context(), c); lockstep.KindOf(err) != lockstep.Invalid ||
				!errors.Is(err, provider.ErrUnsupported) {
				t.Errorf("%s, %s: %v", name, what, err)
			}
		}

		if asked != 1 {
			t.Errorf("%s: asked %d times, want once", name, asked)
		}
	}
}

func TestWhatCannotBeGiteaIsNotAsked(t *testing.T) {
	folder := t.TempDir()
	gitwiretest.NewRepoAt(t, filepath.Join(folder, "acme", "infra.git"))
	w := newGiteaServer(t, "gitea-version", token())
	key := lockstep.Credential{Kind: lockstep.SSHKeyCredential, Secret: gitwiretest.NewSSHKey(t)}
	deep := ofAcme(w.server.URL, token())
	deep.Link.OwnerID = "acme/sub"

	for name, repository := range map[string]provider.Repository{
		"ssh": ofAcme("ssh://git.example.com", key), "file": ofAcme("file://"+folder, lockstep.Credential{}),
		"no owner": repository(w.server.URL, token()), "a deep path": deep,
	} {
		network := transport.NewNetwork(transport.NetworkOptions{AllowLoopback: true})
		t.Cleanup(network.Close)
		c := open(t, git.New(git.Options{Network: network, Roots: []string{folder}}), repository)
		for what, do := range calls("") {
			if err := do(t.Context(), c); lockstep.KindOf(err) != lockstep.Invalid ||
				!errors.Is(err, provider.ErrUnsupported) {
				t.Errorf("%s, %s: %v", name, what, err)
			}
		}
	}

	if asked := w.TakeRequests(); len(asked) != 0 {
		t.Errorf("asked %q", asked)
	}
}

func TestAServerThatIsDownIsAskedAgainWhetherItIsGitea(t *testing.T) {
	w := newGiteaServer(t, "gitea-version", token())
	sha := lockstep.SHA(w.Repo.Commit(map[string]string{"a": "1"}))
	client := w.open(t, true)
	for status, want := range map[int]lockstep.Kind{502: lockstep.Unavailable, 429: lockstep.Unavailable,
		401: lockstep.Denied} {
		w.Fail(status, nil)
		if err := calls(sha)["status"](t.Context(), client); lockstep.KindOf(err) != want ||
			errors.Is(err, provider.ErrUnsupported) {
			t.Errorf("%d: %v", status, err)
		}
	}

	w.Fail(0, nil)
	w.TakeRequests()
	for range 3 {
		if err := calls(sha)["status"](t.Context(), client); err != nil {
			t.Error(err)
		}
	}

	want := []string{"GET /version"}
	for range 3 {
		want = append(want, "POST /repos/acme/infra/statuses/"+string(sha))
	}

	if diff := cmp.Diff(want, w.TakeRequests()); diff != "" {
		t.Errorf("want -, got +:\n%s", diff)
	}
}

func TestGiteaIsNotToldAgainWhatDidNotChange(t *testing.T) {
	w := newGiteaServer(t, "gitea-version", token())
	sha := lockstep.SHA(w.Repo.Commit(map[string]string{"a": "1"}))
	reporter := w.open(t, true).(provider.StatusReporter)
	var memory []byte
	for _, step := range []struct {
		state  provider.CommitState
		writes int
	}{
		{provider.CommitPending, 1}, {provider.CommitPending, 1}, {provider.CommitRunning, 1}, // the same to Gitea
		{provider.CommitFailed, 2}, {provider.CommitFailed, 2}, {provider.CommitSucceeded, 3},
	} {
		var err error
		status := provider.CommitStatus{SHA: sha, Environment: "e", State: step.state, Summary: "told"}
		if memory, err = reporter.ReportStatus(t.Context(), status, memory); err != nil || w.Writes() != step.writes {
			t.Errorf("%s: %d writes, want %d, %v", step.state, w.Writes(), step.writes, err)
		}
	}

	w.Fail(502, nil)
	status := provider.CommitStatus{SHA: sha, Environment: "e", State: provider.CommitFailed, Summary: "told"}
	if memory, err := reporter.ReportStatus(t.Context(), status, memory); err == nil || memory != nil {
		t.Errorf("after an error: %q, %v", memory, err)
	}
}

func TestAttack30GiteaPullRequestsFromElsewhereAreForks(t *testing.T) {
	w := newGiteaServer(t, "gitea-version", token())
	w.Repo.Commit(map[string]string{"a": "1"})
	w.Repo.CommitTo("refs/heads/change", map[string]string{"a": "2"})

	for _, fork := range []bool{false, true, false, false, false} {
		w.OpenPullRequest("change", "main", fork)
	}

	providertest.SetField(w.pulls[2], "head.repo",
		nil) // the fork was deleted
	providertest.SetField(providertest.SetField(w.pulls[3], "head.label", ""), "head.ref",
		"refs/pull/4/head") // pushed to refs/for/main
	providertest.SetField(providertest.SetField(w.pulls[4], "html_url", "javascript:alert(1)"), "head.sha",
		"garbage") // no head, no page
	got, err := w.open(t, true).(provider.Commenter).PullRequests(t.Context(), "main")
	if err != nil {
		t.Fatal(err)
	}

	forks := map[int64]bool{}
	for _, pr := range got {
		forks[pr.Number] = pr.Fork
		if !pr.Head.Valid() || pr.HeadBranch == "" ||
			pr.URL != fmt.Sprintf("%s/acme/infra/pulls/%d", w.server.URL, pr.Number) {
			t.Errorf("pull request: %+v", pr)
		}
	}

	if diff := cmp.Diff(map[int64]bool{1: false, 2: true, 3: true, 4: true}, forks); diff != "" {
		t.Errorf("want -, got +:\n%s", diff)
	}
}

func TestAGiteaCommentOfSomebodyElseIsNotTaken(t *testing.T) {
	w := newGiteaServer(t, "gitea-version", token())
	pr := provider.PullRequest{Number: 1}
	w.AddComment(1, marker+" copied")
	commenter := w.open(t, true).(provider.Commenter)
	for _, text := range []string{" one", " two"} {
		if _, err := commenter.PutComment(t.Context(), pr,
			provider.Comment{Marker: marker, Body: marker + text}); err != nil {
			t.Fatal(err)
		}
	}

	if diff := cmp.Diff([]string{marker + " copied", marker + " two"}, w.Comments(1)); diff != "" {
		t.Errorf("want -, got +:\n%s", diff)
	}

	w.Refuse["GET /user"] = http.StatusForbidden // a token without read:user
	if _, err := commenter.PutComment(t.Context(), pr,
		provider.Comment{Marker: marker, Body: marker}); lockstep.KindOf(err) != lockstep.Denied {
		t.Errorf("where the author is not known: %v", err)
	}
}

func TestAGiteaProposalThatFailsLeavesNoBranch(t *testing.T) {
	for _, refused := range []string{"POST /contents", "POST /pulls"} {
		w := newGiteaServer(t, "gitea-version", token())
		w.Refuse[refused] = http.StatusForbidden
		sha := lockstep.SHA(w.Repo.Commit(map[string]string{"a": "1"}))
		proposal := provider.Proposal{
			Base:    "main",
			BaseSHA: sha,
			Branch:  "lockstep/web#1",
			Title:   "t",
			Files:   []provider.ProposedFile{{Path: "f"}},
		}
		if _, err := w.open(t, true).(provider.PullRequester).Propose(t.Context(),
			proposal); lockstep.KindOf(err) != lockstep.Denied {
			t.Errorf("%s: %v", refused, err)
		}

		if head := w.Repo.ID("refs/heads/" + proposal.Branch); head != "" {
			t.Errorf("%s: the branch is left at %s", refused, head)
		}

		if asked := w.TakeRequests(); !slices.Contains(asked, "DELETE /repos/acme/infra/branches/lockstep/web%231") {
			t.Errorf("%s: asked %q", refused, asked)
		}
	}
}

// Gitea answers 500 if a rule of the repository forbids a push.
func TestAPushThatGiteaRejectsIsDenied(t *testing.T) {
	for _, rejects := range []string{"POST /branches", "POST /contents"} {
		w := newGiteaServer(t, "gitea-version", token())
		w.Refuse[rejects] = http.StatusInternalServerError
		w.ErrorMessage = "PushRejected Error: exit status 1 - remote: Not allowed to push to protected branch lockstep/web"
		_, err := w.open(t, true).(provider.PullRequester).Propose(t.Context(), provider.Proposal{
			Base:    "main",
			BaseSHA: lockstep.SHA(w.Repo.Commit(map[string]string{"a": "1"})),
			Branch:  "lockstep/web",
			Title:   "t",
			Files:   []provider.ProposedFile{{Path: "f"}},
		})
		if lockstep.KindOf(err) != lockstep.Denied {
			t.Errorf("%s: kind %s, want %s", rejects, lockstep.KindOf(err), lockstep.Denied)
		}
		if err == nil || !strings.Contains(err.Error(), "protected branch lockstep/web") {
			t.Errorf("%s: got %v, want Gitea's reason", rejects, err)
		}
	}
}

func TestAGiteaProposalStandsAboveTheCommitItWasMadeOf(t *testing.T) {
	w := newGiteaServer(t, "gitea-version", token())
	sha := lockstep.SHA(w.Repo.Commit(map[string]string{"a": "1"}))
	w.Repo.Commit(map[string]string{"a": "2"}) // meanwhile
	p := provider.Proposal{
		Base:    "main",
		BaseSHA: sha,
		Branch:  "b",
		Title:   "t",
		Files:   []provider.ProposedFile{{Path: "f"}, {Path: "g/h"}},
	}
	pr, err := w.open(t, true).(provider.PullRequester).Propose(t.Context(), p)
	if err != nil {
		t.Fatal(err)
	}

	if parent := w.Repo.Git("rev-parse", string(pr.Head)+"^"); parent != string(sha) {
		t.Errorf("it stands above %s, want %s", parent, sha)
	}

	if got := w.Repo.Git("diff", "--name-only", string(sha), string(pr.Head)); got != "f\ng/h" {
		t.Errorf("changed: %q", got)
	}
}

func TestGiteaWebhooksOfOthersStay(t *testing.T) {
	w := newGiteaServer(t, "gitea-version", token())
	const url = "https://lockstep.example.com/webhooks/gitea/abc"
	for i, other := range []string{"https://one.example.com", url, "https://two.example.com", url} {
		w.hooks = append(w.hooks, providertest.SetField(providertest.SetField(providertest.ReadTestdata(t,
			"gitea-hook"), "config.url", other), "id", i+1))
	}

	registrar := w.open(t, true).(provider.WebhookRegistrar)
	if err := registrar.RegisterWebhook(t.Context(), url, webhookSecret); err != nil {
		t.Fatal(err)
	}

	if got := w.Webhooks(); len(got) != 3 || got[2] != (providertest.ShownWebhook{URL: url, Secret: webhookSecret}) {
		t.Errorf("webhooks: %+v", got)
	}

	want := []any{"push", "create", "delete", "pull_request_only", "pull_request_sync"}
	if diff := cmp.Diff(want, w.hooks[2]["events"]); diff != "" {
		t.Errorf("want -, got +:\n%s", diff)
	}

	if registrar.WebhookKind() != lockstep.GiteaWebhook {
		t.Errorf("kind %s", registrar.WebhookKind())
	}
}

func TestAttack10AListOfGiteaThatNeverEndsIsLeft(t *testing.T) {
	pages := 0
	server := gitwiretest.NewServer(t, t.TempDir(), gitwiretest.Options{Wrap: func(http.Handler) http.Handler {
		return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			if strings.HasSuffix(r.URL.Path, "/version") {
				fmt.Fprint(w, `{"version":"1"}`)
				return
			}

			pages++
			fmt.Fprint(w, `[{"config":{"url":"https://other.example.com"}}]`)
		})
	}})

	c := open(t, overHTTP(t, transport.NetworkOptions{AllowLoopback: true}), ofAcme(server.URL, token()))
	if err := calls("")["no webhook"](t.Context(), c); err != nil || pages > 50 {
		t.Errorf("%d pages, %v", pages, err)
	}
}

func TestGiteaIsAskedWithItsHostsOwnCertificate(t *testing.T) {
	asked := 0
	server := gitwiretest.NewServer(t, t.TempDir(),
		gitwiretest.Options{TLS: true, Wrap: func(http.Handler) http.Handler {
			return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				asked++
				if strings.HasSuffix(r.URL.Path, "/version") {
					fmt.Fprint(w, `{"version":"1"}`)
					return
				}

				fmt.Fprint(w, `[]`)
			})
		}})

	driver := overHTTP(t, transport.NetworkOptions{AllowLoopback: true})
	r := ofAcme(server.URL, token())
	pulls := calls("")["pull requests"]
	if err := pulls(t.Context(), open(t, driver, r)); err == nil || asked != 0 {
		t.Errorf("without the certificate it was asked %d times: %v", asked, err)
	}

	r.Host.VPC = &lockstep.VPCConfiguration{TLSCertificate: certificate(server)}
	if err := pulls(t.Context(), open(t, driver, r)); err != nil || asked < 2 {
		t.Errorf("with the certificate it was asked %d times: %v", asked, err)
	}
}

func TestAttack16GiteaIsAskedAtAllowedAddressesAlone(t *testing.T) {
	w := newGiteaServer(t, "gitea-version", token())
	sha := lockstep.SHA(w.Repo.Commit(map[string]string{"a": "1"}))
	c := open(t, overHTTP(t, transport.NetworkOptions{}), ofAcme(w.server.URL, w.right))
	for name, do := range calls(sha) {
		if err := do(t.Context(), c); lockstep.KindOf(err) != lockstep.Denied {
			t.Errorf("%s: %v", name, err)
		}
	}
	if asked := w.TakeRequests(); len(asked) != 0 {
		t.Errorf("asked %q", asked)
	}
}

func TestAttack17GiteaDoesNotLeadTheCredentialElsewhere(t *testing.T) {
	stolen := 0
	other := gitwiretest.NewServer(t, t.TempDir(), gitwiretest.Options{Wrap: func(http.Handler) http.Handler {
		return http.HandlerFunc(func(w http.ResponseWriter,
			_ *http.Request) {
			stolen++
			fmt.Fprint(w, `{"version":"1"}`)
		})
	}})
	for _, from := range []string{"/version", "/"} { // at once, or when it is known to be Gitea
		server := gitwiretest.NewServer(t, t.TempDir(), gitwiretest.Options{Wrap: func(http.Handler) http.Handler {
			return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				if from != "/version" && strings.HasSuffix(r.URL.Path, "/version") {
					fmt.Fprint(w, `{"version":"1"}`)
					return
				}
				http.Redirect(w, r, other.URL+r.URL.Path, http.StatusTemporaryRedirect)
			})
		}})

		c := open(t, overHTTP(t, transport.NetworkOptions{AllowLoopback: true}), ofAcme(server.URL, token()))
		for name, do := range calls("") {
			if err := do(t.Context(), c); err == nil {
				t.Errorf("%s: no error", name)
			}
		}
	}

	if stolen != 0 {
		t.Errorf("another origin was asked %d times", stolen)
	}
}

func TestAttack18And19NoErrorShowsASecretThatGiteaRepeats(t *testing.T) {
	for _, right := range []lockstep.Credential{token(),
		{Kind: lockstep.BasicCredential, Username: "deployer", Secret: canary}} {
		w := newGiteaServer(t, "gitea-version", right)
		sha := lockstep.SHA(w.Repo.Commit(map[string]string{"a": "1"}))
		w.RepeatSent = true

		for _, refused := range []int{0, http.StatusUnprocessableEntity, http.StatusUnauthorized, http.StatusConflict,
			http.StatusBadGateway} {
			for _, method := range []string{"POST", "PATCH", "DELETE"} { // 0: what is refused is writing alone
				w.Refuse[method+" "] = http.StatusUnprocessableEntity
			}

			client := w.open(t, true)
			if err := calls(sha)["pull requests"](t.Context(), client); err != nil { // it is known to be Gitea now
				t.Fatal(err)
			}

			w.Fail(refused, nil)
			for name, do := range calls(sha) {
				err := do(t.Context(), client)
				if err == nil && (refused != 0 || name != "no webhook" && name != "pull requests") {
					t.Errorf("%s, %d: no error", name, refused)
				}

				if shown := fmt.Sprintf("%v %+v %#v", err, err, err); strings.Contains(shown, canary) ||
					strings.Contains(shown, webhookSecret) {
					t.Errorf("%s, %d: %s", name, refused, shown)
				}
			}

			w.Fail(0, nil)
		}
	}
}
