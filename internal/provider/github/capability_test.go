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
	return provider.CommitStatus{SHA: lockstep.SHA(sha), Branch: "main", Environment: "123456789012/eu-west-1", State: state, Summary: summary,
		URL: "https://lockstep.example.com/commits/" + sha}
}

func TestAStatusCostsFewWrites(t *testing.T) {
	f := newFake(t, false)
	sha := f.repo.Commit(map[string]string{"a": "1"})
	r := opened[provider.StatusReporter](t, f, credentials()["TOKEN"])
	const all = "/repos/acme/infra/deployments"
	statuses := func(id int64) string { return fmt.Sprintf("%s/%d/statuses", all, id) }
	var memory []byte
	tell := func(s provider.CommitStatus, m []byte) []string {
		t.Helper()
		var err error
		if memory, err = r.ReportStatus(t.Context(), s, m); err != nil {
			t.Fatal(err)
		}

		return f.requests()
	}

	pending, done := commitStatus(sha, provider.CommitPending, "0 of 400"), commitStatus(sha, provider.CommitSucceeded, "400 of 400")
	got := [][]string{tell(pending, nil), tell(pending, memory), tell(done, memory), tell(done, memory), tell(done, nil)}
	id := f.deployments[0].id
	want := [][]string{{"GET " + all, "POST " + all, "POST " + statuses(id)}, nil, {"POST " + statuses(id)}, nil, {"GET " + all, "GET " + statuses(id)}}
	for i := range got {
		if !slices.Equal(got[i], want[i]) {
			t.Errorf("call %d asked %v, want %v", i+1, got[i], want[i])
		}
	}

	f.set(func() { f.deployments = nil }) // deleted
	if got := tell(pending, memory); len(got) != 4 || len(f.Statuses(lockstep.SHA(sha))) != 1 {
		t.Errorf("after it was deleted: asked %v", got)
	}
}

func TestAStatusIsFoundAfterACrashBeforeIt(t *testing.T) {
	f := newFake(t, false)
	sha := f.repo.Commit(map[string]string{"a": "1"})
	r := opened[provider.StatusReporter](t, f, credentials()["APP"])
	f.set(func() { f.refuse["POST /repos/acme/infra/deployments/{id}/statuses"] = http.StatusBadGateway })
	s := commitStatus(sha, provider.CommitRunning, "1 of 2")
	memory, err := r.ReportStatus(t.Context(), s, nil)
	if lockstep.KindOf(err) != lockstep.Unavailable || !strings.Contains(string(memory), fmt.Sprint(f.deployments[0].id)) {
		t.Errorf("memory %q, %v", memory, err)
	}

	f.set(func() { clear(f.refuse) })
	for _, m := range [][]byte{nil, memory, []byte("not ours")} {
		if _, err := r.ReportStatus(t.Context(), s, m); err != nil || len(f.deployments) != 1 || f.deployments[0].statuses[0].state != "in_progress" {
			t.Errorf("with memory %q: %v", m, err)
		}
	}
}

func TestASucceededCommitTakesThePlaceOfTheOneBefore(t *testing.T) {
	f := newFake(t, false)
	first := f.repo.Commit(map[string]string{"a": "1"})
	second := f.repo.Commit(map[string]string{"a": "2"})
	r := opened[provider.StatusReporter](t, f, credentials()["TOKEN"])
	for _, sha := range []string{first, second, first} { // the last one again, after its memory was lost
		if _, err := r.ReportStatus(t.Context(), commitStatus(sha, provider.CommitSucceeded, "1 of 1"), nil); err != nil {
			t.Fatal(err)
		}
	}

	if one, two := f.Statuses(lockstep.SHA(first)), f.Statuses(lockstep.SHA(second)); one[0].State != "inactive" || two[0].State != provider.CommitSucceeded {
		t.Errorf("the first is %s and the second %s", one[0].State, two[0].State)
	}
}

func TestOnlyPagesAreLinked(t *testing.T) {
	f := newFake(t, false)
	sha := f.repo.Commit(map[string]string{"a": "1"})
	r := opened[provider.StatusReporter](t, f, credentials()["TOKEN"])
	for url, want := range map[string]string{"javascript:alert(1)": "", "": "", "http://lockstep.example.com/x": "http://lockstep.example.com/x"} {
		s := commitStatus(sha, provider.CommitFailed, strings.Repeat("é", 200))
		s.URL = url
		if _, err := r.ReportStatus(t.Context(), s, nil); err != nil {
			t.Fatal(err)
		}

		if got := f.Statuses(s.SHA)[0]; got.URL != want || !strings.HasSuffix(got.Summary, "é…") {
			t.Errorf("%q is shown as %+v", url, got)
		}
	}

	if _, err := r.ReportStatus(t.Context(), commitStatus(sha, "strange", "x"), nil); lockstep.KindOf(err) != lockstep.Invalid {
		t.Errorf("a strange state: %v", err)
	}
}

func TestPullRequestsOfDeletedForksAreForks(t *testing.T) {
	f := newFake(t, false)
	f.repo.Commit(map[string]string{"a": "1"})
	f.repo.CommitTo("refs/heads/change", map[string]string{"a": "2"})
	gone, closed := f.OpenPullRequest("change", "main", true), f.OpenPullRequest("change", "main", false)
	f.set(func() { f.pulls[0].gone, f.pulls[1].closed = true, true })
	f.set(func() {
		for range 120 {
			f.pulls = append(f.pulls, &pull{number: f.next(), head: "change", base: "main"})
		}
	})

	c := opened[provider.Commenter](t, f, credentials()["TOKEN"])
	all, err := c.PullRequests(t.Context(), "main")
	if err != nil || len(all) != 100 || all[0].Number != closed+120 || len(f.requests()) != 1 {
		t.Errorf("%d pull requests, %v", len(all), err)
	}

	f.set(func() { f.pulls = f.pulls[:2] })
	if all, err = c.PullRequests(t.Context(), "main"); err != nil || len(all) != 1 || all[0].Number != gone || !all[0].Fork {
		t.Errorf("%+v, %v", all, err)
	}
}

func TestSomebodyElsesCommentIsNeverEdited(t *testing.T) {
	const marker = "<!-- lockstep: 9b1f -->"
	for _, name := range []string{"TOKEN", "APP"} {
		f := newFake(t, false)
		f.repo.Commit(map[string]string{"a": "1"})
		f.repo.CommitTo("refs/heads/change", map[string]string{"a": "2"})
		number := f.OpenPullRequest("change", "main", false)
		for i := range 120 {
			f.AddComment(number, fmt.Sprint("talk ", i))
		}

		f.AddComment(number, marker+" theirs")
		c := opened[provider.Commenter](t, f, credentials()[name])
		pr := provider.PullRequest{Number: number}
		var ids []string
		for _, text := range []string{"one", "two"} {
			id, err := c.PutComment(t.Context(), pr, provider.Comment{Marker: marker, Body: marker + text})
			if err != nil {
				t.Fatalf("%s: %v", name, err)
			}

			ids = append(ids, id)
		}

		want := []string{marker + " theirs", marker + "two"}
		if diff := cmp.Diff(want, f.Comments(number)[120:]); diff != "" || ids[0] != ids[1] {
			t.Errorf("%s: ids %v; want -, got +:\n%s", name, ids, diff)
		}
	}
}

func TestAPullRequestThatIsGoneTakesNoComment(t *testing.T) {
	f := newFake(t, false)
	c := opened[provider.Commenter](t, f, credentials()["TOKEN"])
	_, err := c.PutComment(t.Context(), provider.PullRequest{Number: 12}, provider.Comment{ID: "34", Marker: "m", Body: "m"})
	if lockstep.KindOf(err) != lockstep.NotFound {
		t.Errorf("got %v", err)
	}
}

func proposal(f *fake) provider.Proposal {
	sha := f.repo.Commit(map[string]string{"web.yaml": "Resources: {}\n", "dir/x": "1"})
	return provider.Proposal{Base: "main", BaseSHA: lockstep.SHA(sha), Branch: "lockstep/web", Message: "Add web", Title: "Sync web",
		Files: []provider.ProposedFile{{Path: "deployments/web.yaml", Content: []byte("x: 1\n")}, {Path: "dir/y", Content: []byte("é<&>")}}}
}

func TestAProposalThatFailsLeavesNoBranch(t *testing.T) {
	for pattern, want := range map[string]lockstep.Kind{
		"POST /repos/acme/infra/git/trees":   lockstep.Denied,
		"POST /repos/acme/infra/git/commits": lockstep.Denied,
		"POST /repos/acme/infra/git/refs":    lockstep.Denied,
		"POST /repos/acme/infra/pulls":       lockstep.Denied,
	} {
		f := newFake(t, false)
		p := proposal(f)
		f.refuse[pattern] = http.StatusForbidden
		r := opened[provider.PullRequester](t, f, credentials()["APP"])
		if _, err := r.Propose(t.Context(), p); lockstep.KindOf(err) != want || !strings.Contains(err.Error(), strings.TrimPrefix(pattern, "POST ")) {
			t.Errorf("%s: %v", pattern, err)
		}

		if id := f.repo.ID("refs/heads/lockstep/web"); id != "" {
			t.Errorf("%s: the branch stands at %s", pattern, id)
		}

		f.set(func() { clear(f.refuse) })
		if _, err := r.Propose(t.Context(), p); err != nil {
			t.Errorf("%s: afterwards %v", pattern, err)
		}
	}

	f := newFake(t, false)
	p := proposal(f)
	f.refuse["POST /repos/acme/infra/pulls"], f.refuse["DELETE /repos/acme/infra/git/refs/{ref...}"] = http.StatusForbidden, http.StatusBadGateway
	_, err := opened[provider.PullRequester](t, f, credentials()["TOKEN"]).Propose(t.Context(), p)
	if lockstep.KindOf(err) != lockstep.Denied || !strings.Contains(lockstep.Shown(err), "Branch lockstep/web was created and could not be deleted.") {
		t.Errorf("where the branch stays: %v", err)
	}
}

func TestAProposalReplacesNothing(t *testing.T) {
	f := newFake(t, false)
	p := proposal(f)
	r := opened[provider.PullRequester](t, f, credentials()["TOKEN"])
	f.requests()

	for path, want := range map[string]lockstep.Kind{
		"dir/x": lockstep.Exists, "dir": lockstep.Exists, "web.yaml/x": lockstep.Exists, "../x": lockstep.Invalid, "/x": lockstep.Invalid, "a//b": lockstep.Invalid, "": lockstep.Invalid,
	} {
		p.Files[1].Path = path
		if _, err := r.Propose(t.Context(), p); lockstep.KindOf(err) != want {
			t.Errorf("%q: %v", path, err)
		}
	}

	if f.Writes() != 0 {
		t.Errorf("%d writes", f.Writes())
	}

	p = proposal(f)
	pr, err := r.Propose(t.Context(), p)
	if err != nil {
		t.Fatal(err)
	}

	if got := f.repo.Git("ls-tree", "-r", "--name-only", string(pr.Head)); got != "deployments/web.yaml\ndir/x\ndir/y\nweb.yaml" {
		t.Errorf("the tree:\n%s", got)
	}

	if got := f.repo.Git("show", string(pr.Head)+":dir/y"); got != "é<&>" {
		t.Errorf("the file: %q", got)
	}
}

func TestWebhooksOfOthersStay(t *testing.T) {
	f := newFake(t, false)
	const url = "https://lockstep.example.com/webhooks/github/x"
	for i := range 130 {
		f.hooks = append(f.hooks, &hook{id: f.next(), url: fmt.Sprint("https://example.com/", i), secret: "theirs"})
	}

	f.hooks = append(f.hooks, &hook{f.next(), url, "old"}, &hook{f.next(), url, "older"})
	w := opened[provider.WebhookRegistrar](t, f, credentials()["APP"])
	if err := w.RegisterWebhook(t.Context(), url, "secret-of-16-characters"); err != nil {
		t.Fatal(err)
	}

	if got := f.Webhooks(); len(got) != 131 || got[130] != (providertest.ShownWebhook{URL: url, Secret: "secret-of-16-characters"}) {
		t.Errorf("%d webhooks, the last is %+v", len(got), got[len(got)-1])
	}

	if err := w.RemoveWebhook(t.Context(), url); err != nil || len(f.Webhooks()) != 130 {
		t.Errorf("%d webhooks, %v", len(f.Webhooks()), err)
	}

	if w.WebhookKind() != lockstep.GitHubWebhook {
		t.Errorf("kind %s", w.WebhookKind())
	}
}

func TestWhoMayNotSeeWebhooksIsDenied(t *testing.T) {
	f := newFake(t, false)
	f.refuse["GET /repos/acme/infra/hooks"] = http.StatusNotFound
	w := opened[provider.WebhookRegistrar](t, f, credentials()["TOKEN"])
	registered, removed := w.RegisterWebhook(t.Context(), "https://lockstep.example.com", "x"), w.RemoveWebhook(t.Context(), "https://lockstep.example.com")
	for _, err := range []error{registered, removed} {
		if lockstep.KindOf(err) != lockstep.Denied || !strings.Contains(err.Error(), "admin:repo_hook") {
			t.Errorf("got %v", err)
		}
	}
}
