package github_test

import (
	"fmt"
	"net/http"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/lockstephq/lockstep"
	"github.com/lockstephq/lockstep/internal/provider"
	"github.com/lockstephq/lockstep/internal/provider/providertest"
)

func commitStatus(sha string, state provider.CommitState, summary string) provider.CommitStatus {
	return provider.CommitStatus{SHA: lockstep.SHA(sha), Branch: "main", Environment: "123456789012/eu-west-1",
		State: state, Summary: summary,
		URL: "https://lockstep.example.com/commits/" + sha}
}

func TestAStatusCostsFewWrites(t *testing.T) {
	server := newFake(t, false)
	sha := server.repo.Commit(map[string]string{"a": "1"})
	reporter := opened[provider.StatusReporter](t, server, credentials()["TOKEN"])
	const all = "/repos/acme/infra/deployments"
	statuses := func(id int64) string { return fmt.Sprintf("%s/%d/statuses", all, id) }
	var memory []byte
	tell := func(s provider.CommitStatus, m []byte) []string {
		t.Helper()
		var err error
		if memory, err = reporter.ReportStatus(t.Context(), s, m); err != nil {
			t.Fatal(err)
		}

		return server.requests()
	}

	pending, done := commitStatus(sha, provider.CommitPending, "0 of 400"), commitStatus(sha,
		provider.CommitSucceeded, "400 of 400")
	got := [][]string{
		tell(pending, nil),
		tell(pending, memory),
		tell(done, memory),
		tell(done, memory),
		tell(done, nil),
	}
	id := server.deployments[0].id
	want := [][]string{
		{"GET " + all, "POST " + all, "POST " + statuses(id)},
		nil,
		{"POST " + statuses(id)},
		nil,
		{"GET " + all, "GET " + statuses(id)},
	}
	for i := range got {
		if !slices.Equal(got[i], want[i]) {
			t.Errorf("call %d asked %v, want %v", i+1, got[i], want[i])
		}
	}

	server.set(func() { server.deployments = nil }) // deleted
	if got := tell(pending, memory); len(got) != 4 || len(server.Statuses(lockstep.SHA(sha))) != 1 {
		t.Errorf("after it was deleted: asked %v", got)
	}
}

func TestAStatusIsFoundAfterACrashBeforeIt(t *testing.T) {
	server := newFake(t, false)
	sha := server.repo.Commit(map[string]string{"a": "1"})
	reporter := opened[provider.StatusReporter](t, server, credentials()["APP"])
	server.set(func() { server.refuse["POST /repos/acme/infra/deployments/{id}/statuses"] = http.StatusBadGateway })
	status := commitStatus(sha, provider.CommitRunning, "1 of 2")
	memory, err := reporter.ReportStatus(t.Context(), status, nil)
	if lockstep.KindOf(err) != lockstep.Unavailable ||
		!strings.Contains(string(memory), fmt.Sprint(server.deployments[0].id)) {
		t.Errorf("memory %q, %v", memory, err)
	}

	server.set(func() { clear(server.refuse) })
	for _, m := range [][]byte{nil, memory, []byte("not ours")} {
		if _, err := reporter.ReportStatus(t.Context(), status, m); err != nil || len(server.deployments) != 1 ||
			server.deployments[0].statuses[0].state != "in_progress" {
			t.Errorf("with memory %q: %v", m, err)
		}
	}
}

func TestASucceededCommitTakesThePlaceOfTheOneBefore(t *testing.T) {
	server := newFake(t, false)
	first := server.repo.Commit(map[string]string{"a": "1"})
	second := server.repo.Commit(map[string]string{"a": "2"})
	r := opened[provider.StatusReporter](t, server, credentials()["TOKEN"])
	for _, sha := range []string{first, second, first} { // the last one again, after its memory was lost
		if _, err := r.ReportStatus(t.Context(), commitStatus(sha, provider.CommitSucceeded, "1 of 1"),
			nil); err != nil {
			t.Fatal(err)
		}
	}

	one := server.Statuses(lockstep.SHA(first))
	two := server.Statuses(lockstep.SHA(second))
	if one[0].State != "inactive" || two[0].State != provider.CommitSucceeded {
		t.Errorf("the first is %s and the second %s", one[0].State, two[0].State)
	}
}

func TestOnlyPagesAreLinked(t *testing.T) {
	server := newFake(t, false)
	sha := server.repo.Commit(map[string]string{"a": "1"})
	reporter := opened[provider.StatusReporter](t, server, credentials()["TOKEN"])
	for url, want := range map[string]string{"javascript:alert(1)": "", "": "",
		"http://lockstep.example.com/x": "http://lockstep.example.com/x"} {
		status := commitStatus(sha, provider.CommitFailed, strings.Repeat("é", 200))
		status.URL = url
		if _, err := reporter.ReportStatus(t.Context(), status, nil); err != nil {
			t.Fatal(err)
		}

		if got := server.Statuses(status.SHA)[0]; got.URL != want || !strings.HasSuffix(got.Summary, "é…") {
			t.Errorf("%q is shown as %+v", url, got)
		}
	}

	if _, err := reporter.ReportStatus(t.Context(), commitStatus(sha, "strange", "x"),
		nil); lockstep.KindOf(err) != lockstep.Invalid {
		t.Errorf("a strange state: %v", err)
	}
}

func TestPullRequestsOfDeletedForksAreForks(t *testing.T) {
	server := newFake(t, false)
	server.repo.Commit(map[string]string{"a": "1"})
	server.repo.CommitTo("refs/heads/change", map[string]string{"a": "2"})
	gone, closed := server.OpenPullRequest("change", "main", true), server.OpenPullRequest("change", "main", false)
	server.set(func() { server.pulls[0].gone, server.pulls[1].closed = true, true })
	server.set(func() {
		for range 120 {
			server.pulls = append(server.pulls, &pull{number: server.next(), head: "change", base: "main"})
		}
	})

	commenter := opened[provider.Commenter](t, server, credentials()["TOKEN"])
	all, err := commenter.PullRequests(t.Context(), "main")
	if err != nil {
		t.Fatal(err)
	}

	if len(all) != 100 {
		t.Fatalf("got %d pull requests, want 100: %+v", len(all), all)
	}

	if all[0].Number != closed+120 {
		t.Errorf("Number is %v, want %v", all[0].Number, closed+120)
	}

	if len(server.requests()) != 1 {
		t.Errorf("got %d requests, want 1", len(server.requests()))
	}

	server.set(func() { server.pulls = server.pulls[:2] })
	if all, err = commenter.PullRequests(t.Context(), "main"); err != nil || len(all) != 1 || all[0].Number != gone ||
		!all[0].Fork {
		t.Errorf("%+v, %v", all, err)
	}
}

func TestSomebodyElsesCommentIsNeverEdited(t *testing.T) {
	const marker = "<!-- lockstep: 9b1f -->"
	for _, name := range []string{"TOKEN", "APP"} {
		server := newFake(t, false)
		server.repo.Commit(map[string]string{"a": "1"})
		server.repo.CommitTo("refs/heads/change", map[string]string{"a": "2"})
		number := server.OpenPullRequest("change", "main", false)
		for i := range 120 {
			server.AddComment(number, fmt.Sprint("talk ", i))
		}

		server.AddComment(number, marker+" theirs")
		commenter := opened[provider.Commenter](t, server, credentials()[name])
		pr := provider.PullRequest{Number: number}
		var ids []string
		for _, text := range []string{"one", "two"} {
			id, err := commenter.PutComment(t.Context(), pr, provider.Comment{Marker: marker, Body: marker + text})
			if err != nil {
				t.Fatalf("%s: %v", name, err)
			}

			ids = append(ids, id)
		}

		want := []string{marker + " theirs", marker + "two"}
		if diff := cmp.Diff(want, server.Comments(number)[120:]); diff != "" || ids[0] != ids[1] {
			t.Errorf("%s: ids %v; want -, got +:\n%s", name, ids, diff)
		}
	}
}

func TestAPullRequestThatIsGoneTakesNoComment(t *testing.T) {
	f := newFake(t, false)
	c := opened[provider.Commenter](t, f, credentials()["TOKEN"])
	_, err := c.PutComment(t.Context(), provider.PullRequest{Number: 12}, provider.Comment{
		ID:     "34",
		Marker: "m",
		Body:   "m",
	})
	if lockstep.KindOf(err) != lockstep.NotFound {
		t.Errorf("got %v", err)
	}
}

func newProposal(f *fake) provider.Proposal {
	sha := f.repo.Commit(map[string]string{"web.yaml": "Resources: {}\n", "dir/x": "1"})
	return provider.Proposal{Base: "main", BaseSHA: lockstep.SHA(sha), Branch: "lockstep/web", Message: "Add web",
		Title: "Sync web",
		Files: []provider.ProposedFile{{Path: "deployments/web.yaml", Content: []byte("x: 1\n")}, {
			Path:    "dir/y",
			Content: []byte("é<&>"),
		}}}
}

func TestAProposalThatFailsLeavesNoBranch(t *testing.T) {
	for pattern, want := range map[string]lockstep.Kind{
		"POST /repos/acme/infra/git/trees":   lockstep.Denied,
		"POST /repos/acme/infra/git/commits": lockstep.Denied,
		"POST /repos/acme/infra/git/refs":    lockstep.Denied,
		"POST /repos/acme/infra/pulls":       lockstep.Denied,
	} {
		server := newFake(t, false)
		proposal := newProposal(server)
		server.refuse[pattern] = http.StatusForbidden
		requester := opened[provider.PullRequester](t, server, credentials()["APP"])
		if _, err := requester.Propose(t.Context(), proposal); lockstep.KindOf(err) != want ||
			!strings.Contains(err.Error(), strings.TrimPrefix(pattern, "POST ")) {
			t.Errorf("%s: %v", pattern, err)
		}

		if id := server.repo.ID("refs/heads/lockstep/web"); id != "" {
			t.Errorf("%s: the branch stands at %s", pattern, id)
		}

		server.set(func() { clear(server.refuse) })
		if _, err := requester.Propose(t.Context(), proposal); err != nil {
			t.Errorf("%s: afterwards %v", pattern, err)
		}
	}

	server := newFake(t, false)
	proposal := newProposal(server)
	server.refuse["POST /repos/acme/infra/pulls"] = http.StatusForbidden
	server.refuse["DELETE /repos/acme/infra/git/refs/{ref...}"] = http.StatusBadGateway
	_, err := opened[provider.PullRequester](t, server, credentials()["TOKEN"]).Propose(t.Context(), proposal)
	if lockstep.KindOf(err) != lockstep.Denied ||
		!strings.Contains(lockstep.Shown(err), "Branch lockstep/web was created and could not be deleted.") {
		t.Errorf("where the branch stays: %v", err)
	}
}

func TestAProposalReplacesNothing(t *testing.T) {
	server := newFake(t, false)
	proposal := newProposal(server)
	requester := opened[provider.PullRequester](t, server, credentials()["TOKEN"])
	server.requests()

	for path, want := range map[string]lockstep.Kind{
		"dir/x":      lockstep.Exists,
		"dir":        lockstep.Exists,
		"web.yaml/x": lockstep.Exists,
		"../x":       lockstep.Invalid,
		"/x":         lockstep.Invalid,
		"a//b":       lockstep.Invalid,
		"":           lockstep.Invalid,
	} {
		proposal.Files[1].Path = path
		if _, err := requester.Propose(t.Context(), proposal); lockstep.KindOf(err) != want {
			t.Errorf("%q: %v", path, err)
		}
	}

	if server.Writes() != 0 {
		t.Errorf("%d writes", server.Writes())
	}

	proposal = newProposal(server)
	pr, err := requester.Propose(t.Context(), proposal)
	if err != nil {
		t.Fatal(err)
	}

	if got := server.repo.Git("ls-tree", "-r", "--name-only",
		string(pr.Head)); got != "deployments/web.yaml\ndir/x\ndir/y\nweb.yaml" {
		t.Errorf("the tree:\n%s", got)
	}

	if got := server.repo.Git("show", string(pr.Head)+":dir/y"); got != "é<&>" {
		t.Errorf("the file: %q", got)
	}
}

func TestWebhooksOfOthersStay(t *testing.T) {
	server := newFake(t, false)
	const url = "https://lockstep.example.com/webhooks/github/x"
	for i := range 130 {
		server.hooks = append(server.hooks, &hook{
			id:     server.next(),
			url:    fmt.Sprint("https://example.com/", i),
			secret: "theirs",
		})
	}

	server.hooks = append(server.hooks, &hook{server.next(), url, "old"}, &hook{server.next(), url, "older"})
	w := opened[provider.WebhookRegistrar](t, server, credentials()["APP"])
	if err := w.RegisterWebhook(t.Context(), url, "secret-of-16-characters"); err != nil {
		t.Fatal(err)
	}

	if got := server.Webhooks(); len(got) != 131 ||
		got[130] != (providertest.ShownWebhook{URL: url, Secret: "secret-of-16-characters"}) {
		t.Errorf("%d webhooks, the last is %+v", len(got), got[len(got)-1])
	}

	if err := w.RemoveWebhook(t.Context(), url); err != nil || len(server.Webhooks()) != 130 {
		t.Errorf("%d webhooks, %v", len(server.Webhooks()), err)
	}

	if w.WebhookKind() != lockstep.GitHubWebhook {
		t.Errorf("kind %s", w.WebhookKind())
	}
}

func TestWhoMayNotSeeWebhooksIsDenied(t *testing.T) {
	f := newFake(t, false)
	f.refuse["GET /repos/acme/infra/hooks"] = http.StatusNotFound
	w := opened[provider.WebhookRegistrar](t, f, credentials()["TOKEN"])
	registered, removed := w.RegisterWebhook(t.Context(), "https://lockstep.example.com",
		"x"), w.RemoveWebhook(t.Context(), "https://lockstep.example.com")
	for _, err := range []error{registered, removed} {
		if lockstep.KindOf(err) != lockstep.Denied || !strings.Contains(err.Error(), "admin:repo_hook") {
			t.Errorf("got %v", err)
		}
	}
}
