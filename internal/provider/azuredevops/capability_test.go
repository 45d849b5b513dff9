package azuredevops_test

import (
	"fmt"
	"net/http"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/lockstephq/lockstep"
	"github.com/lockstephq/lockstep/internal/gitwire/gitwiretest"
	"github.com/lockstephq/lockstep/internal/provider"
	"github.com/lockstephq/lockstep/internal/provider/providertest"
)

// fixed makes a host with one commit on main.
func fixed(t *testing.T) (*host, providertest.FullClient, lockstep.SHA) {
	t.Helper()
	h := newHost(t, token(), gitwiretest.Options{})
	sha := lockstep.SHA(h.repo.Commit(map[string]string{"templates/web.yaml": "Resources: {}\n"}))
	return h, h.open(t, token()), sha
}

func TestAStatusIsWrittenOncePerChange(t *testing.T) {
	server, client, sha := fixed(t)
	status := provider.CommitStatus{
		SHA:         sha,
		Environment: "123456789012/eu-west-1",
		State:       provider.CommitPending,
		Summary:     "0 of 1",
		URL:         "https://a.example.com",
	}
	var memory []byte
	tell := func(want int) {
		t.Helper()
		var err error
		if memory, err = client.ReportStatus(t.Context(), status, memory); err != nil || server.Writes() != want {
			t.Errorf("%s: %d writes, want %d, %v", status.State, server.Writes(), want, err)
		}
	}

	tell(1)
	tell(1)
	status.State = provider.CommitRunning // shown as before
	tell(1)
	status.Summary = "still 0 of 1"
	tell(2)
	server.fail(http.StatusServiceUnavailable, nil)
	status.State = provider.CommitSucceeded

	if again, err := client.ReportStatus(t.Context(), status, memory); lockstep.KindOf(err) != lockstep.Unavailable ||
		string(again) != string(memory) {
		t.Errorf("an outage: %q after %q, %v", again, memory, err)
	}

	server.fail(0, nil)
	tell(3)
	tell(3)
}

func comments(t *testing.T) (*host, providertest.FullClient, provider.PullRequest) {
	t.Helper()
	h, c, _ := fixed(t)
	h.repo.CommitTo(heads+"change", map[string]string{"a": "1"})
	return h, c, provider.PullRequest{Number: h.OpenPullRequest("change", "main", false)}
}

const marker = "<!-- lockstep: 9b1f -->"

func TestACommentKeepsNoPullRequestFromBeingCompleted(t *testing.T) {
	server, c, pr := comments(t)
	id, err := c.PutComment(t.Context(), pr, provider.Comment{Marker: marker, Body: marker})
	if err != nil || id != "149/1" {
		t.Fatalf("id %q, %v", id, err)
	}
	server.eachThread(pr.Number, func(thread map[string]any) {
		if thread["id"] == int64(149) && thread["status"] != "closed" {
			t.Errorf("the thread is %v", thread["status"])
		}
	})
}

func TestTheSameCommentIsNotWrittenAgain(t *testing.T) {
	server, client, pr := comments(t)
	put := provider.Comment{Marker: marker, Body: marker + " x"}
	var err error
	for _, id := range []string{"", "149/1", "no id", "149/x", "0/0", "-1/1", "149", "999/1"} {
		put.ID = id
		if _, err = client.PutComment(t.Context(), pr, put); err != nil || server.Writes() != 1 {
			t.Errorf("id %q: %d writes, %v", id, server.Writes(), err)
		}
	}
}

func TestADeletedCommentIsMadeAnew(t *testing.T) {
	for name, remove := range map[string]func(map[string]any){
		"comment": func(thread map[string]any) { thread["comments"].([]map[string]any)[0]["isDeleted"] = true },
		"thread":  func(thread map[string]any) { thread["isDeleted"] = true },
	} {
		server, client, pr := comments(t)
		put := provider.Comment{Marker: marker, Body: marker + " x"}
		first, err := client.PutComment(t.Context(), pr, put)
		if err != nil {
			t.Fatal(err)
		}

		server.eachThread(pr.Number, func(thread map[string]any) {
			if thread["id"] == int64(149) {
				remove(thread)
			}
		})

		put.ID = first
		if second, err := client.PutComment(t.Context(), pr, put); err != nil || second == first {
			t.Errorf("%s: id %q after %q, %v", name, second, first, err)
		}
	}
}

func TestTheMarkerInSomebodyElsesCommentIsNotOurs(t *testing.T) {
	server, c, pr := comments(t)
	server.AddComment(pr.Number, marker+" mine")
	if _, err := c.PutComment(t.Context(), pr, provider.Comment{Marker: marker, Body: marker + " x"}); err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff([]string{marker + " mine", marker + " x"}, server.Comments(pr.Number)); diff != "" {
		t.Errorf("want -, got +:\n%s", diff)
	}
}

// The credential may have been another's when the comment was made.
func TestWhatAnotherCredentialWroteIsNotEdited(t *testing.T) {
	h, c, pr := comments(t)
	h.AddComment(pr.Number, marker+" before")
	id, err := c.PutComment(t.Context(), pr, provider.Comment{ID: "149/1", Marker: marker, Body: marker + " x"})
	if err != nil || id != "150/1" {
		t.Errorf("id %q, %v", id, err)
	}
}

func TestACommentOnNoPullRequestIsNotFound(t *testing.T) {
	_, c, _ := comments(t)
	_, err := c.PutComment(t.Context(), provider.PullRequest{Number: 999}, provider.Comment{
		ID:     "1/1",
		Marker: marker,
		Body:   marker,
	})
	if lockstep.KindOf(err) != lockstep.NotFound {
		t.Errorf("got %v", err)
	}
}

func TestPullRequestsThatCannotBeLookedAtAreLeftOut(t *testing.T) {
	server, client, sha := fixed(t)
	good := fixture("pull_request", map[string]any{
		"targetRefName":         heads + "main",
		"sourceRefName":         heads + "a",
		"lastMergeSourceCommit": map[string]any{"commitId": string(sha)},
	})
	with := func(name string, value any) map[string]any {
		bad := map[string]any{}
		for k, v := range good {
			bad[k] = v
		}

		bad[name] = value
		return bad
	}
	all := []map[string]any{
		with("lastMergeSourceCommit", nil), with("lastMergeSourceCommit", map[string]any{"commitId": "../x"}),
		with("sourceRefName", "refs/tags/a"),
		with("targetRefName", heads+"other"), with("pullRequestId", 0), nil, good,
	}
	server.answerBy(func(w http.ResponseWriter, _ *http.Request) { answer(w, http.StatusOK, listed(all)) })
	got, err := client.PullRequests(t.Context(), "main")
	if err != nil {
		t.Fatal(err)
	}

	if len(got) != 1 {
		t.Fatalf("got %d pull requests, want 1: %+v", len(got), got)
	}

	if got[0].Head != sha {
		t.Errorf("head is %s, want %s", got[0].Head, sha)
	}

	if got[0].Number != 22 {
		t.Errorf("number is %d, want 22", got[0].Number)
	}

	if got[0].Fork {
		t.Error("the pull request is shown as one of a fork")
	}

	for range 200 {
		all = append(all, good)
	}

	if got, err = client.PullRequests(t.Context(), "main"); err != nil || len(got) > 100 {
		t.Errorf("%d pull requests, %v", len(got), err)
	}
}

func newProposal(base lockstep.SHA) provider.Proposal {
	return provider.Proposal{
		Base:    "main",
		BaseSHA: base,
		Branch:  "lockstep/web",
		Message: "Add",
		Title:   strings.Repeat("é", 300),
		Body:    strings.Repeat("b", 5000),
		Files: []provider.ProposedFile{
			{Path: "deployments/web.yaml", Content: []byte("a\r\nb\n")},
			{Path: "deployments/web.json", Content: []byte("{}")},
		},
	}
}

func TestAProposalIsAsLongAsAzureTakes(t *testing.T) {
	server, c, base := fixed(t)
	pr, err := c.Propose(t.Context(), newProposal(base))
	if err != nil || server.Writes() != 3 {
		t.Fatalf("%d writes, %v", server.Writes(), err)
	}
	if got := server.repo.Git("cat-file", "blob", string(pr.Head)+":deployments/web.yaml"); got != "a\r\nb" {
		t.Errorf("the file: %q", got)
	}
	if got := server.repo.Git("rev-list", "--count", string(base)+".."+string(pr.Head)); got != "1" {
		t.Errorf("%s commits", got)
	}
}

// stopAt lets one call of the API fail, or calls back there.
func stopAt(h *host, call string, handler http.HandlerFunc) {
	api := h.api()
	h.answerBy(func(w http.ResponseWriter, r *http.Request) {
		if r.Method+" "+r.URL.Path == call {
			handler(w, r)
			return
		}
		api.ServeHTTP(w, r)
	})
}

const ofRepository = "/fabrikam/Fiber Web/_apis/git/repositories/infra"

func TestAProposalThatFailsLeavesNoBranch(t *testing.T) {
	for call, status := range map[string]int{"/pushes": 403, "/pullrequests": 409, "/refs": 400} {
		server, c, base := fixed(t)
		stopAt(server, "POST "+ofRepository+call, func(w http.ResponseWriter, _ *http.Request) {
			refuse(w, status, "TF000000: no")
		})
		_, err := c.Propose(t.Context(), newProposal(base))
		want := map[int]lockstep.Kind{403: lockstep.Denied, 409: lockstep.Exists, 400: lockstep.Invalid}[status]
		if lockstep.KindOf(err) != want || !strings.Contains(err.Error(), "TF000000: no") {
			t.Errorf("%s: %v", call, err)
		}

		if got := server.repo.ID(heads + "lockstep/web"); got != "" {
			t.Errorf("%s: a branch at %s is left", call, got)
		}

		if len(server.pulls) != 0 {
			t.Errorf("%s: pull requests: %v", call, server.pulls)
		}
	}
}

func TestABranchThatSomebodyElseMovedIsNotTakenBack(t *testing.T) {
	server, client, base := fixed(t)
	mine := ""
	stopAt(server, "POST "+ofRepository+"/pullrequests", func(w http.ResponseWriter, _ *http.Request) {
		mine = server.repo.CommitTo(heads+"lockstep/web", map[string]string{"mine": "1"})
		refuse(w, http.StatusConflict, "TF401179: there is one")
	})

	if _, err := client.Propose(t.Context(), newProposal(base)); lockstep.KindOf(err) != lockstep.Exists {
		t.Errorf("got %v", err)
	}

	if got := server.repo.ID(heads + "lockstep/web"); got != mine || mine == "" {
		t.Errorf("the branch is at %q, and was at %q", got, mine)
	}
}

// The branch may appear between the look and the making.
func TestABranchThatAppearedIsNotTaken(t *testing.T) {
	server, client, base := fixed(t)
	api := server.api()
	stopAt(server, "POST "+ofRepository+"/refs", func(w http.ResponseWriter, r *http.Request) {
		server.repo.Git("update-ref", heads+"lockstep/web", string(base))
		api.ServeHTTP(w, r)
	})

	if _, err := client.Propose(t.Context(), newProposal(base)); lockstep.KindOf(err) != lockstep.Exists ||
		!strings.Contains(err.Error(), "staleOldObjectId") {
		t.Errorf("got %v", err)
	}

	if got := server.repo.ID(heads + "lockstep/web"); got != string(base) || server.Writes() != 0 {
		t.Errorf("the branch is at %q, %d writes", got, server.Writes())
	}
}

func TestARefusedBranchSaysWhoHasToAct(t *testing.T) {
	for why, want := range map[string]lockstep.Kind{
		"createBranchPermissionRequired": lockstep.Denied,
		"rejectedByPolicy":               lockstep.Denied,
		"locked":                         lockstep.Denied,
		"refNameConflict":                lockstep.Exists,
		"unresolvableToCommit":           lockstep.NotFound,
		"invalidRefName":                 lockstep.Invalid,
		"it is " + canary:                lockstep.Invalid,
	} {
		h, client, base := fixed(t)
		h.answerBy(func(w http.ResponseWriter, _ *http.Request) {
			answer(w, http.StatusOK, listed([]any{fixture("ref_update", map[string]any{
				"success":      false,
				"updateStatus": why,
			})}))
		})
		if _, err := client.Propose(t.Context(), newProposal(base)); lockstep.KindOf(err) != want ||
			strings.Contains(err.Error(), why) == strings.Contains(why, canary) {
			t.Errorf("%s: %v", why, err)
		}
	}
}

func TestAProposalOfNoPathIsInvalid(t *testing.T) {
	for _, path := range []string{"/etc/passwd", "../x", "", "a//b"} {
		h, c, base := fixed(t)
		p := newProposal(base)
		p.Files[0].Path = path
		if _, err := c.Propose(t.Context(), p); lockstep.KindOf(err) != lockstep.Invalid || h.Writes() != 0 {
			t.Errorf("%q: %v", path, err)
		}
	}
}

const hook = "https://lockstep.example.com/webhooks/azure-devops/abc"

func TestAWebhookTellsOfPushesAndPullRequests(t *testing.T) {
	server, client, _ := fixed(t)
	for range 2 { // the second replaces the first
		if err := client.RegisterWebhook(t.Context(), hook, "secret-of-16-characters"); err != nil {
			t.Fatal(err)
		}
	}

	var events []string
	for _, s := range server.subscriptions {
		events = append(events, fmt.Sprint(s["eventType"], " ", s["publisherId"], " ", s["consumerId"], " ",
			s["consumerActionId"]))
	}

	slices.Sort(events)
	const to = " tfs webHooks httpRequest"
	want := []string{"git.pullrequest.created" + to, "git.pullrequest.updated" + to, "git.push" + to}
	if diff := cmp.Diff(want, events); diff != "" {
		t.Errorf("want -, got +:\n%s", diff)
	}

	if client.WebhookKind() != lockstep.AzureDevOpsWebhook {
		t.Errorf("kind %s", client.WebhookKind())
	}
}

func TestAWebhookThatCannotBeMadeWholeIsTakenBack(t *testing.T) {
	server, client, _ := fixed(t)
	api, left := server.api(), 2
	stopAt(server, "POST /fabrikam/_apis/hooks/subscriptions", func(w http.ResponseWriter, r *http.Request) {
		if left--; left < 0 {
			refuse(w, http.StatusForbidden, "TF400813: no right")
			return
		}
		api.ServeHTTP(w, r)
	})

	err := client.RegisterWebhook(t.Context(), hook, "secret-of-16-characters")
	if lockstep.KindOf(err) != lockstep.Denied || len(server.subscriptions) != 0 {
		t.Errorf("%d subscriptions, %v", len(server.subscriptions), err)
	}
}

func TestAWebhookOverPlainHTTPIsInvalid(t *testing.T) {
	h, c, _ := fixed(t)
	err := c.RegisterWebhook(t.Context(), strings.Replace(hook, "https", "http", 1), "secret-of-16-characters")
	if lockstep.KindOf(err) != lockstep.Invalid || len(h.requests()) != 0 {
		t.Errorf("got %v", err)
	}
}
