package bitbucket_test

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

func TestWhatDidNotChangeIsNotToldAgain(t *testing.T) {
	w := newOAuthServer(t)
	sha := lockstep.SHA(w.Repo.Commit(map[string]string{"a": "1"}))
	reporter := w.open(t, true).(provider.StatusReporter)
	status := provider.CommitStatus{
		SHA:         sha,
		Branch:      "main",
		Environment: "123456789012/eu-west-1",
		State:       provider.CommitPending,
		Summary:     "0 of 1",
	}
	var memory []byte
	for _, step := range []struct {
		state   provider.CommitState
		summary string
		writes  int
	}{
		{provider.CommitPending, "0 of 1", 1},
		{provider.CommitPending, "0 of 1", 1},
		{provider.CommitRunning, "0 of 1", 1}, // the same to Bitbucket
		{provider.CommitRunning, "syncing", 2},
		{provider.CommitFailed, "syncing", 3},
		{provider.CommitFailed, "syncing", 3},
	} {
		status.State, status.Summary = step.state, step.summary
		var err error
		if memory, err = reporter.ReportStatus(t.Context(), status, memory); err != nil || w.Writes() != step.writes {
			t.Errorf("%s %q: %d writes, want %d, %v", step.state, step.summary, w.Writes(), step.writes, err)
		}
	}

	w.Fail(http.StatusBadGateway, nil)
	status.State = provider.CommitSucceeded
	memory, err := reporter.ReportStatus(t.Context(), status, memory)
	if lockstep.KindOf(err) != lockstep.Unavailable {
		t.Fatalf("a broken host: %v", err)
	}

	w.Fail(0, nil)
	status.State = provider.CommitFailed // back to what was last answered, but perhaps not what is shown
	if _, err := reporter.ReportStatus(t.Context(), status, memory); err != nil || w.Writes() != 4 {
		t.Errorf("after an error: %d writes, want 4, %v", w.Writes(), err)
	}
}

func TestAStatusOfNowhereLeadsToItsCommit(t *testing.T) {
	w := newOAuthServer(t)
	sha := lockstep.SHA(w.Repo.Commit(map[string]string{"a": "1"}))
	s := provider.CommitStatus{SHA: sha, Branch: "main", Environment: "e", State: provider.CommitRunning}
	if _, err := w.open(t, true).(provider.StatusReporter).ReportStatus(t.Context(), s, nil); err != nil {
		t.Fatal(err)
	}

	if got, want := w.Statuses(sha)[0].URL, w.server.URL+"/acme/infra/commits/"+string(sha); got != want {
		t.Errorf("URL %s, want %s", got, want)
	}

	if got := providertest.FieldOf(w.statuses[string(sha)][0], "refname"); got != "main" {
		t.Errorf("refname %q", got)
	}
}

func TestKeysOfLongEnvironmentsFitAndDiffer(t *testing.T) {
	w := newOAuthServer(t)
	sha := lockstep.SHA(w.Repo.Commit(map[string]string{"a": "1"}))
	reporter := w.open(t, true).(provider.StatusReporter)
	long := strings.Repeat("an-environment-of-a-long-name/", 20)
	for range 2 { // the same keys each time
		for _, env := range []string{"short", long + "1", long + "2"} {
			s := provider.CommitStatus{SHA: sha, Environment: env, State: provider.CommitRunning}
			if _, err := reporter.ReportStatus(t.Context(), s, nil); err != nil {
				t.Fatal(err)
			}
		}
	}

	if got := w.Statuses(sha); len(got) != 3 || got[0].Context != "lockstep/short" || len(got[1].Context) > 255 {
		t.Errorf("statuses: %+v", got)
	}
}

func TestPullRequestsAreFoundOnAllPages(t *testing.T) {
	w := newOAuthServer(t)
	w.Repo.Commit(map[string]string{"a": "1"})
	head := w.Repo.CommitTo("refs/heads/change", map[string]string{"a": "2"})

	for range 5 {
		w.OpenPullRequest("change", "main", true)
	}

	c := w.open(t, true).(provider.Commenter)
	for _, requests := range []int{4, 3} { // the full id of the head is requested once
		w.TakeRequests()
		got, err := c.PullRequests(t.Context(), "main")
		if err != nil {
			t.Fatal(err)
		}

		if len(got) != 5 {
			t.Fatalf("got %d pull requests, want 5: %+v", len(got), got)
		}

		if got[0].Number != 5 {
			t.Fatalf("Number is %v, want 5", got[0].Number)
		}

		if got[4].Head != lockstep.SHA(head) {
			t.Fatalf("Head is %v, want %v", got[4].Head, lockstep.SHA(head))
		}

		if asked := w.TakeRequests(); len(asked) != requests {
			t.Errorf("asked %q, want %d requests", asked, requests)
		}
	}
}

func TestAttack30AHeadFromElsewhereIsAFork(t *testing.T) {
	w := newOAuthServer(t)
	w.Repo.Commit(map[string]string{"a": "1"})
	w.Repo.CommitTo("refs/heads/change", map[string]string{"a": "2"})
	w.OpenPullRequest("change", "main", false)
	w.OpenPullRequest("change", "main", true)
	w.OpenPullRequest("change", "main", true)
	providertest.SetField(w.pulls[2], "source.repository", nil) // the fork was deleted
	w.OpenPullRequest("change", "main", true)
	providertest.SetField(w.pulls[3], "source.commit.hash", "000000000000") // unknown
	w.OpenPullRequest("change", "main", true)
	providertest.SetField(w.pulls[4], "source.commit", nil)
	w.OpenPullRequest("change", "main", false)
	providertest.SetField(providertest.SetField(w.pulls[5], "source.repository.uuid", ""),
		"destination.repository.uuid", "") // of an unknown repository
	w.OpenPullRequest("change", "main", false)
	providertest.SetField(w.pulls[6], "state", "MERGED")

	// A page that leads elsewhere is not shown.
	providertest.SetField(w.pulls[0], "links.html.href", "javascript:alert(1)")
	got, err := w.open(t, true).(provider.Commenter).PullRequests(t.Context(), "main")
	if err != nil {
		t.Fatal(err)
	}

	forks := map[int64]bool{}
	for _, pr := range got {
		forks[pr.Number] = pr.Fork
		if !pr.Head.Valid() || !strings.HasPrefix(pr.URL, w.server.URL+"/acme/infra/pull-requests/") {
			t.Errorf("pull request: %+v", pr)
		}
	}

	if diff := cmp.Diff(map[int64]bool{1: false, 2: true, 3: true, 6: true}, forks); diff != "" {
		t.Errorf("want -, got +:\n%s", diff)
	}
}

func TestNoBranchNameLeavesItsQuotes(t *testing.T) {
	w := newOAuthServer(t)
	w.Repo.Commit(map[string]string{"a": "1"})
	w.Repo.CommitTo(`refs/heads/a"b`, map[string]string{"a": "2"})
	w.OpenPullRequest("main", `a"b`, false)
	got, err := w.open(t, true).(provider.Commenter).PullRequests(t.Context(), `a"b`)
	if err != nil || len(got) != 1 {
		t.Errorf("got %+v, %v", got, err)
	}
}

const marker = "<!-- lockstep: 9b1f -->"

// commented opens a pull request.
func commented(t *testing.T, w *bitbucketServer) (provider.Commenter, provider.PullRequest) {
	t.Helper()
	w.Repo.Commit(map[string]string{"a": "1"})
	w.Repo.CommitTo("refs/heads/change", map[string]string{"a": "2"})
	return w.open(t, true).(provider.Commenter), provider.PullRequest{Number: w.OpenPullRequest("change",
		"main", false)}
}

func TestACommentOfSomebodyElseIsNotTaken(t *testing.T) {
	for user, c := range credentials() {
		t.Run(user, func(t *testing.T) {
			w := newBitbucketServer(t, user, c)
			commenter, pr := commented(t, w)
			w.AddComment(pr.Number, marker+" copied")
			w.addComment(pr.Number, marker+" copied by an app", "{5a3e0a9e-7c52-4d2f-9a4b-00000000b08}", "app_user")

			for _, text := range []string{" one", " two"} {
				if _, err := commenter.PutComment(t.Context(), pr,
					provider.Comment{Marker: marker, Body: marker + text}); err != nil {
					t.Fatal(err)
				}
			}

			want := []string{marker + " copied", marker + " copied by an app", marker + " two"}
			if diff := cmp.Diff(want, w.Comments(pr.Number)); diff != "" {
				t.Errorf("want -, got +:\n%s", diff)
			}
		})
	}
}

func TestAPersonWhoMayNotAskWhoTheyAreHasTheirComment(t *testing.T) {
	w := newBitbucketServer(t, "ann", lockstep.Credential{
		Kind:     lockstep.BasicCredential,
		Username: "ann",
		Secret:   canary,
	})
	w.Refuse["GET /user"] = http.StatusForbidden
	commenter, pr := commented(t, w)
	w.AddComment(pr.Number, marker+" copied")

	for _, text := range []string{" one", " two"} {
		if _, err := commenter.PutComment(t.Context(), pr,
			provider.Comment{Marker: marker, Body: marker + text}); err != nil {
			t.Fatal(err)
		}
	}

	if diff := cmp.Diff([]string{marker + " copied", marker + " two"}, w.Comments(pr.Number)); diff != "" {
		t.Errorf("want -, got +:\n%s", diff)
	}
}

func TestACommentThatIsMarkedAsDeletedIsMadeAnew(t *testing.T) {
	for _, lenient := range []bool{false, true} { // to edit it is refused, or of no use
		w := newOAuthServer(t)
		w.lenient = lenient
		commenter, pr := commented(t, w)
		first, err := commenter.PutComment(t.Context(), pr, provider.Comment{Marker: marker, Body: marker})
		if err != nil {
			t.Fatal(err)
		}

		providertest.SetField(w.comments[pr.Number][0], "deleted", true)
		w.TakeRequests()
		second, err := commenter.PutComment(t.Context(), pr, provider.Comment{
			ID:     first,
			Marker: marker,
			Body:   marker + " anew",
		})
		if err != nil || second == first {
			t.Errorf("id %q after %q, %v", second, first, err)
		}

		if diff := cmp.Diff([]string{marker + " anew"}, w.Comments(pr.Number)); diff != "" {
			t.Errorf("want -, got +:\n%s", diff)
		}

		asked := w.TakeRequests()
		tries := len(asked) - len(slices.DeleteFunc(asked, func(s string) bool { return strings.HasPrefix(s, "PUT ") }))
		if tries != 1 {
			t.Errorf("it was tried to edit %d comments, want that with the id alone", tries)
		}
	}
}

func TestAnAccessTokenThatMayEditAllLeavesCommentsOfPeople(t *testing.T) {
	w := newBitbucketServer(t, "x-token-auth", lockstep.Credential{Kind: lockstep.TokenCredential, Secret: canary})
	w.lenient = true
	commenter, pr := commented(t, w)
	w.AddComment(pr.Number, marker+" copied")

	for _, text := range []string{" one", " two"} {
		if _, err := commenter.PutComment(t.Context(), pr,
			provider.Comment{Marker: marker, Body: marker + text}); err != nil {
			t.Fatal(err)
		}
	}

	if diff := cmp.Diff([]string{marker + " copied", marker + " two"}, w.Comments(pr.Number)); diff != "" {
		t.Errorf("want -, got +:\n%s", diff)
	}
}

func TestACommentThatMayNotBeEditedIsAnError(t *testing.T) {
	w := newOAuthServer(t)
	commenter, pr := commented(t, w)
	id, err := commenter.PutComment(t.Context(), pr, provider.Comment{Marker: marker, Body: marker})
	if err != nil {
		t.Fatal(err)
	}

	w.Refuse["PUT /comments/"+id] = http.StatusForbidden
	if _, err := commenter.PutComment(t.Context(), pr,
		provider.Comment{ID: id, Marker: marker, Body: marker}); lockstep.KindOf(err) != lockstep.Denied {
		t.Errorf("error: %v", err)
	}

	if got := w.Comments(pr.Number); len(got) != 1 {
		t.Errorf("comments: %q", got)
	}
}

func newProposal(w *bitbucketServer) provider.Proposal {
	return provider.Proposal{
		Base: "main", BaseSHA: lockstep.SHA(w.Repo.Commit(map[string]string{"a": "1"})), Branch: "lockstep/web#1",
		Files: []provider.ProposedFile{{Path: "message", Content: []byte("1\n")}, {
			Path:    "b/branch",
			Content: []byte("2\n"),
		}},
		Message: "Add files", Title: "Add files", Body: "Two.",
	}
}

func TestSeveralFilesAreOneCommit(t *testing.T) {
	w := newOAuthServer(t)
	pr, err := w.open(t, true).(provider.PullRequester).Propose(t.Context(), newProposal(w))
	if err != nil {
		t.Fatal(err)
	}
	// Named as the form's own fields are, and files all the same.
	if got := w.Repo.Git("diff", "--name-only", "main", string(pr.Head)); got != "b/branch\nmessage" {
		t.Errorf("changed: %q", got)
	}
}

func TestAProposalThatCannotBeOpenedLeavesNoBranch(t *testing.T) {
	w := newOAuthServer(t)
	proposal := newProposal(w)
	w.Refuse["POST /pullrequests"] = http.StatusForbidden

	if _, err := w.open(t, true).(provider.PullRequester).Propose(t.Context(),
		proposal); lockstep.KindOf(err) != lockstep.Denied {
		t.Errorf("error: %v", err)
	}

	if head := w.Repo.ID("refs/heads/" + proposal.Branch); head != "" {
		t.Errorf("the branch is left at %s", head)
	}

	if asked := w.TakeRequests(); !slices.Contains(asked,
		"DELETE /repositories/acme/infra/refs/branches/lockstep/web%231") {
		t.Errorf("asked %q", asked)
	}
}

func TestAFileOutsideOfTheRepositoryIsNotProposed(t *testing.T) {
	w := newOAuthServer(t)
	for _, path := range []string{"../a", "/a", "", "."} {
		p := newProposal(w)
		p.Files[0].Path = path
		if _, err := w.open(t, true).(provider.PullRequester).Propose(t.Context(),
			p); lockstep.KindOf(err) != lockstep.Invalid {
			t.Errorf("%q: %v", path, err)
		}
	}
	if w.Writes() != 0 {
		t.Errorf("%d writes", w.Writes())
	}
}

func TestWebhooksOfOthersStay(t *testing.T) {
	w := newOAuthServer(t)
	registrar := w.open(t, true).(provider.WebhookRegistrar)
	const url = "https://lockstep.example.com/webhooks/bitbucket/abc"
	for i, other := range []string{"https://one.example.com", url, "https://two.example.com", url} {
		w.hooks = append(w.hooks, providertest.SetField(providertest.SetField(providertest.ReadTestdata(t, "hook"),
			"url", other), "uuid", fmt.Sprintf("{%d}", i)))
	}

	if err := registrar.RegisterWebhook(t.Context(), url, canary); err != nil {
		t.Fatal(err)
	}

	if got := w.Webhooks(); len(got) != 3 {
		t.Errorf("webhooks: %+v", got)
	}

	if diff := cmp.Diff([]any{"repo:push", "pullrequest:created", "pullrequest:updated"},
		w.hooks[1]["events"]); diff != "" {
		t.Errorf("want -, got +:\n%s", diff)
	}

	if err := registrar.RemoveWebhook(t.Context(), url); err != nil || len(w.Webhooks()) != 2 {
		t.Errorf("after removing: %+v, %v", w.Webhooks(), err)
	}

	if registrar.WebhookKind() != lockstep.BitbucketWebhook {
		t.Errorf("kind %s", registrar.WebhookKind())
	}
}
