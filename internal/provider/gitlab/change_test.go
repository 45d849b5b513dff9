package gitlab_test

import (
	"errors"
	"net/http"
	"strconv"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/lockstephq/lockstep"
	"github.com/lockstephq/lockstep/internal/provider"
	"github.com/lockstephq/lockstep/internal/provider/gitlab"
	"github.com/lockstephq/lockstep/internal/provider/providertest"
)

const (
	marker     = "<!-- lockstep: 9b1f -->"
	hookURL    = "https://lockstep.example.com/webhooks/gitlab/abc"
	hookSecret = "canary-of-a-webhook"
)

// commented opens a merge request.
func commented(t *testing.T) (*fake, providertest.FullClient, provider.PullRequest) {
	t.Helper()
	f, c := meet(t)
	f.repo.Commit(map[string]string{"a": "1"})
	f.repo.CommitTo("refs/heads/change", map[string]string{"a": "2"})
	return f, c, provider.PullRequest{Number: f.OpenPullRequest("change", "main", false)}
}

func put(t *testing.T, c providertest.FullClient, pr provider.PullRequest, id, text string) string {
	t.Helper()
	id, err := c.PutComment(t.Context(), pr, provider.Comment{ID: id, Marker: marker, Body: marker + text})
	if err != nil {
		t.Fatal(err)
	}
	return id
}

func TestACommentOfSomebodyElseIsNeverTaken(t *testing.T) {
	server, client, pr := commented(t)
	server.AddComment(pr.Number, marker+" forged")
	server.mu.Lock()
	foreign := server.notes[1][0].id()
	server.note(1, 7, marker+" GitLab's own")["system"] = true
	server.mu.Unlock()
	server.maintainer = true
	id := put(t, client, pr, "", "one")
	server.maintainer = false
	server.users[canary] = 9 // the token is rotated: another user
	rotated := open(t, gitlab.New(gitlab.Options{Network: network(t), URL: server.URL}), repository(nil, token))
	again := put(t, rotated, pr, id, "two")
	if id == again || id == "" || again == strconv.Itoa(foreign) {
		t.Errorf("ids %q, %q", id, again)
	}

	want := []string{marker + " forged", marker + " GitLab's own", marker + "one", marker + "two"}
	if diff := cmp.Diff(want, server.Comments(pr.Number)); diff != "" {
		t.Errorf("want -, got +:\n%s", diff)
	}
}

func TestACommentIsFoundAmongMany(t *testing.T) {
	server, client, pr := commented(t)
	for range 150 {
		server.AddComment(pr.Number, "x")
	}

	id := put(t, client, pr, "", "one")
	server.asked()
	if again := put(t, client, pr, "", "two"); again != id || len(server.Comments(pr.Number)) != 151 {
		t.Errorf("ids %q, %q", id, again)
	}

	if asked := server.asked(); len(asked) != 4 { // two pages, the user and the edit
		t.Errorf("asked %q", asked)
	}

	if put(t, client, pr, id, "three"); len(server.asked()) != 1 {
		t.Error("an edit costs more than one request")
	}
}

func TestAttack30MergeRequestsOfForksAreToldApart(t *testing.T) {
	server, client, _ := commented(t)
	server.OpenPullRequest("change", "main", true)
	server.mu.Lock()
	server.open(object{"source_project_id": nil, "sha": "12", "target_branch": "main"}) // a fork that was removed
	server.open(object{"sha": nil, "target_branch": "main"})                            // nothing to see yet
	server.open(object{"state": "merged", "sha": "12", "target_branch": "main"})
	server.mu.Unlock()
	got, err := client.PullRequests(t.Context(), "main")
	if err != nil || len(got) != 3 || !got[0].Fork || !got[1].Fork || got[2].Fork {
		t.Errorf("%+v, %v", got, err)
	}
}

func newProposal(f *fake) provider.Proposal {
	return provider.Proposal{
		Base:    "main",
		BaseSHA: lockstep.SHA(f.repo.Commit(map[string]string{"a": "1"})),
		Branch:  "lockstep/web.x",
		Message: "m",
		Title:   "t",
		Files:   []provider.ProposedFile{{Path: "deployments/web.json", Content: []byte("{\r\n}")}},
	}
}

func TestABranchWithoutMergeRequestIsRemoved(t *testing.T) {
	server, client := meet(t)
	proposal := newProposal(server)
	server.refuse = func(r *http.Request) int {
		if strings.HasSuffix(r.URL.Path, "/merge_requests") {
			return http.StatusForbidden
		}
		return 0
	}

	if _, err := client.Propose(t.Context(), proposal); lockstep.KindOf(err) != lockstep.Denied {
		t.Errorf("got %v", err)
	}

	if id := server.repo.ID("refs/heads/" + proposal.Branch); id != "" {
		t.Errorf("the branch stays at %s", id)
	}
}

func TestAProposalArrivesAsItIs(t *testing.T) {
	server, c := meet(t)
	p := newProposal(server)
	pr, err := c.Propose(t.Context(), p)
	if err != nil || pr.Fork {
		t.Fatalf("%+v, %v", pr, err)
	}

	if got, err := server.gitSays("show", string(pr.Head)+":deployments/web.json"); err != nil || got != "{\r\n}" {
		t.Errorf("%q, %v", got, err)
	}

	if asked := server.asked(); len(asked) != 2 {
		t.Errorf("asked %q", asked)
	}
}

func TestARefusedProposalIsNotMistakenForOneThatIsThere(t *testing.T) {
	f, c := meet(t)
	p := newProposal(f)
	p.BaseSHA = lockstep.SHA(strings.Repeat("12", 20))
	if _, err := c.Propose(t.Context(), p); lockstep.KindOf(err) != lockstep.Invalid {
		t.Errorf("from no known commit: %v", err)
	}
}

func TestAWebhookIsReplacedWhereItIs(t *testing.T) {
	server, client := meet(t)
	if client.WebhookKind() != lockstep.GitLabWebhook {
		t.Errorf("kind %s", client.WebhookKind())
	}

	server.mu.Lock()
	for _, url := range []string{"https://elsewhere.example.com", hookURL, hookURL} {
		server.add("hook", fixture(t, "hook", object{"url": url, "tag_push_events": true}))
	}

	server.mu.Unlock()
	if err := client.RegisterWebhook(t.Context(), hookURL, hookSecret); err != nil {
		t.Fatal(err)
	}

	want := []providertest.ShownWebhook{{URL: "https://elsewhere.example.com"}, {URL: hookURL, Secret: hookSecret}}
	if diff := cmp.Diff(want, server.Webhooks()); diff != "" {
		t.Errorf("want -, got +:\n%s", diff)
	}

	got := server.lists["hook"][1]
	for name, on := range map[string]bool{
		"push_events":             true,
		"merge_requests_events":   true,
		"tag_push_events":         false,
		"enable_ssl_verification": true,
	} {
		if got[name] != on {
			t.Errorf("%s: %v", name, got[name])
		}
	}

	if err := client.RemoveWebhook(t.Context(), hookURL); err != nil || len(server.Webhooks()) != 1 {
		t.Errorf("%+v, %v", server.Webhooks(), err)
	}
}

func TestAttack18ARefusedWebhookShowsNoSecret(t *testing.T) {
	f, client := meet(t)
	f.body = `{"message":"` + strings.Repeat("x", 285) + ` ` + hookSecret + `"}` // where the words are cut
	for status, want := range map[int]lockstep.Kind{403: lockstep.Denied, 422: lockstep.Invalid} {
		f.refuse = func(r *http.Request) int {
			if r.Method == http.MethodPost {
				return status
			}
			return 0
		}

		err := client.RegisterWebhook(t.Context(), hookURL, hookSecret)
		if lockstep.KindOf(err) != want {
			t.Fatalf("%d: got kind %s, want %s: %v", status, lockstep.KindOf(err), want, err)
		}

		if strings.Contains(err.Error(), hookSecret[:8]) {
			t.Errorf("%d: %q contains %q", status, err.Error(), hookSecret[:8])
		}

		if !strings.Contains(err.Error(), "xxx") {
			t.Errorf("%d: %q does not contain %q", status, err.Error(), "xxx")
		}
	}
}

func TestACredentialIsChecked(t *testing.T) {
	blocked := `{"message":"403 Forbidden - the account is blocked"}`
	for name, row := range map[string]struct {
		c      lockstep.Credential
		scope  string
		status int
		want   lockstep.Kind // 0 is no error
		unsure bool
		asked  int
	}{
		"a token":                   {c: token, asked: 1},
		"a token with a user":       {c: basic, asked: 1},
		"an application's":          {c: oauth, asked: 1},
		"a token that only reads":   {c: token, scope: "read_repository", asked: 1},
		"none":                      {c: none},
		"a wrong token":             {c: wrong(token), want: lockstep.Denied, asked: 1},
		"a wrong token with a user": {c: wrong(basic), want: lockstep.Denied, asked: 1},
		"a password": {c: lockstep.Credential{
			Kind:     "BASIC",
			Username: "u",
			Secret:   "canary-password",
		}, want: lockstep.Invalid, unsure: true, asked: 1},
		"a deploy token": {c: lockstep.Credential{
			Kind:     "BASIC",
			Username: "u",
			Secret:   "gldt-canary",
		}, want: lockstep.Invalid, unsure: true},
		"a deploy token of old": {c: lockstep.Credential{
			Kind:     "BASIC",
			Username: "gitlab+deploy-token-1",
			Secret:   "canary",
		}, want: lockstep.Invalid, unsure: true},
		"a blocked user's":              {c: token, status: 403, want: lockstep.Denied, asked: 1},
		"a host that does not work":     {c: token, status: 502, want: lockstep.Unavailable, asked: 1},
		"a host that wants to be alone": {c: token, status: 429, want: lockstep.Unavailable, asked: 1},
		"a host that is no GitLab":      {c: token, status: 404, want: lockstep.NotFound, asked: 1},
	} {
		server := fakeFor(t, token)
		server.status, server.body = row.status, blocked
		if row.scope != "" {
			server.scope = row.scope
		}

		d, h := drivers()[gitlab.SelfManagedType](t, server.URL)
		err := d.Check(t.Context(), provider.Access{Host: h, Credential: row.c})
		if (err != nil) != (row.want != 0) || err != nil && lockstep.KindOf(err) != row.want ||
			errors.Is(err, provider.ErrUnsupported) != row.unsure {
			t.Errorf("%s: %v", name, err)
		}

		if err != nil && strings.Contains(err.Error(), "canary") {
			t.Errorf("%s: the secret is shown: %v", name, err)
		}

		if asked := server.asked(); len(asked) != row.asked {
			t.Errorf("%s: asked %q", name, asked)
		}
	}
}
