package providertest

import (
	"net/http"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/lockstephq/lockstep"
	"github.com/lockstephq/lockstep/internal/gitwire/gitwiretest"
	"github.com/lockstephq/lockstep/internal/provider"
)

// A FullClient has all capabilities.
type FullClient interface {
	provider.Client
	provider.Brancher
	provider.HistoryReader
	provider.StatusReporter
	provider.Commenter
	provider.PullRequester
	provider.WebhookRegistrar
}

// A Host is a fake Git host with a provider's API and a real repository, as the suite needs it.
type Host interface {
	// Statuses returns the statuses of a commit that a person sees, one for each context.
	Statuses(sha lockstep.SHA) []ShownStatus
	// OpenPullRequest opens a pull request from a branch, of this repository or of a fork, into
	// another.
	OpenPullRequest(head, base string, fork bool) (number int64)
	// Comments returns the texts of the comments of a pull request, oldest first.
	Comments(number int64) []string
	// AddComment adds a comment of another user.
	AddComment(number int64, text string)
	// Webhooks returns the registered webhooks.
	Webhooks() []ShownWebhook
	// Writes returns how many requests changed something.
	Writes() int
}

// A ShownStatus is a status as a host shows it.
type ShownStatus struct {
	Context string // holds the environment
	State   provider.CommitState
	Summary string
	URL     string
}

// A ShownWebhook is a webhook as a host has it.
type ShownWebhook struct{ URL, Secret string }

// A CapabilityFixture is a driver's view of one repository at a fake host.
type CapabilityFixture struct {
	Host Host
	Repo *gitwiretest.Repo
	// Open returns a client with the right credential, or a wrong one.
	Open func(t testing.TB, right bool) provider.Client
	// Fail makes the API answer with a status; 0 ends that.
	Fail func(status int, header http.Header)
	// OneProgress is true if the host has one state for pending and running. Host.Statuses then
	// returns running for both.
	OneProgress bool
}

// TestCapabilities runs the suite of what a driver can do beyond reading. It skips capabilities
// that the driver does not have. newFixture returns a new fixture for each part.
func TestCapabilities(t *testing.T, newFixture func(t *testing.T) CapabilityFixture) {
	parts := []struct {
		name string
		run  func(t *testing.T, f CapabilityFixture)
	}{
		{"a status follows its commit to the end", testStatus},
		{"statuses of two environments stand side by side", testEnvironments},
		{"a status that is reported twice is shown once", testStatusAgain},
		{"a status of an unknown commit is the caller's error", testStatusOfNothing},
		{"pull requests into a branch are found", testPullRequests},
		{"a pull request has one comment", testComment},
		{"a comment that was deleted is created again", testCommentGone},
		{"a comment that was made before a crash is found", testCommentFound},
		{"files are proposed on a branch of their own", testPropose},
		{"nothing is overwritten by a proposal", testProposeOver},
		{"webhooks are registered once", testWebhook},
		{"errors of the API have the right kind", testAPIErrors},
	}
	for _, part := range parts {
		t.Run(part.name, func(t *testing.T) { part.run(t, newFixture(t)) })
	}
}

// requireCapability returns a client with a capability, or skips the test.
func requireCapability[A any](t *testing.T, f CapabilityFixture) A {
	t.Helper()
	a, ok := f.Open(t, true).(A)
	if !ok {
		t.Skip("the driver does not have this capability")
	}
	return a
}

const environment = "123456789012/eu-west-1"

func newStatus(sha lockstep.SHA, state provider.CommitState, summary string) provider.CommitStatus {
	return provider.CommitStatus{SHA: sha, Branch: "main", Environment: environment, State: state, Summary: summary,
		URL: "https://lockstep.example.com/commits/" + string(sha)}
}

// statusIn returns the status of an environment.
func statusIn(t *testing.T, h Host, sha lockstep.SHA, environment string) ShownStatus {
	t.Helper()
	all := slices.DeleteFunc(h.Statuses(sha), func(s ShownStatus) bool {
		return !strings.Contains(s.Context,
			environment)
	})
	if len(all) != 1 {
		t.Fatalf("statuses of %s: %+v, want one", environment, all)
	}
	return all[0]
}

func testStatus(t *testing.T, fixture CapabilityFixture) {
	reporter := requireCapability[provider.StatusReporter](t, fixture)
	sha := lockstep.SHA(fixture.Repo.Commit(map[string]string{"a": "1"}))
	var memory []byte
	for _, step := range []struct {
		state   provider.CommitState
		summary string
	}{
		{provider.CommitPending, "0 of 2 stacks synced"},
		{provider.CommitRunning, "1 of 2 stacks synced"},
		{provider.CommitFailed, `1 of 2 stacks failed: web, "Broken"`},
		{provider.CommitRunning, "1 of 2 stacks synced"}, // a retry
		{provider.CommitSucceeded, "2 of 2 stacks synced"},
	} {
		var err error
		status := newStatus(sha, step.state, step.summary)
		if memory, err = reporter.ReportStatus(t.Context(), status, memory); err != nil {
			t.Fatalf("%s: %v", step.state, err)
		}

		want := step.state
		if fixture.OneProgress && want == provider.CommitPending {
			want = provider.CommitRunning
		}

		got := statusIn(t, fixture.Host, sha, environment)
		if got.State != want {
			t.Errorf("%s: State is %v, want %v", step.state, got.State, want)
		}

		if got.Summary != step.summary {
			t.Errorf("%s: Summary is %v, want %v", step.state, got.Summary, step.summary)
		}

		if got.URL != status.URL {
			t.Errorf("%s: URL is %v, want %v", step.state, got.URL, status.URL)
		}
	}
}

func testEnvironments(t *testing.T, fixture CapabilityFixture) {
	reporter := requireCapability[provider.StatusReporter](t, fixture)
	sha := lockstep.SHA(fixture.Repo.Commit(map[string]string{"a": "1"}))
	const other = "210987654321/us-east-1"
	for env, state := range map[string]provider.CommitState{environment: provider.CommitFailed,
		other: provider.CommitSucceeded} {
		s := newStatus(sha, state, "told")
		s.Environment = env
		if _, err := reporter.ReportStatus(t.Context(), s, nil); err != nil {
			t.Fatal(err)
		}
	}

	if a, b := statusIn(t, fixture.Host, sha, environment), statusIn(t, fixture.Host, sha,
		other); a.State != provider.CommitFailed || b.State != provider.CommitSucceeded {
		t.Errorf("%+v, %+v", a, b)
	}
}

func testStatusAgain(t *testing.T, fixture CapabilityFixture) {
	reporter := requireCapability[provider.StatusReporter](t, fixture)
	sha := lockstep.SHA(fixture.Repo.Commit(map[string]string{"a": "1"}))
	status := newStatus(sha, provider.CommitSucceeded, "1 of 1 stacks synced")
	memory, err := reporter.ReportStatus(t.Context(), status, nil)
	if err != nil {
		t.Fatal(err)
	}

	for _, m := range [][]byte{memory, nil} { // nil: killed before it was kept
		if _, err := reporter.ReportStatus(t.Context(), status, m); err != nil {
			t.Errorf("with memory %q: %v", m, err)
		}
		if got := statusIn(t, fixture.Host, sha, environment); got.State != status.State {
			t.Errorf("shown as %+v", got)
		}
	}
}

func testStatusOfNothing(t *testing.T, f CapabilityFixture) {
	r := requireCapability[provider.StatusReporter](t, f)
	f.Repo.Commit(map[string]string{"a": "1"})
	gone := lockstep.SHA(strings.Repeat("12", 20))
	_, err := r.ReportStatus(t.Context(), newStatus(gone, provider.CommitSucceeded, "told"), nil)
	if k := lockstep.KindOf(err); err == nil || k == lockstep.Internal || k == lockstep.Unavailable {
		t.Errorf("a status of no commit: kind %s, %v", k, err)
	}
}

func testPullRequests(t *testing.T, fixture CapabilityFixture) {
	commenter := requireCapability[provider.Commenter](t, fixture)
	fixture.Repo.Commit(map[string]string{"a": "1"})
	head := fixture.Repo.CommitTo("refs/heads/change", map[string]string{"a": "2"})
	fixture.Repo.CommitTo("refs/heads/release", map[string]string{"a": "3"})
	one := fixture.Host.OpenPullRequest("change", "main", false)
	fork := fixture.Host.OpenPullRequest("change", "main", true)
	fixture.Host.OpenPullRequest("change", "release", false)
	got, err := commenter.PullRequests(t.Context(), "main")
	if err != nil {
		t.Fatal(err)
	}

	slices.SortFunc(got, func(a, b provider.PullRequest) int { return int(a.Number - b.Number) })
	want := []provider.PullRequest{
		{Number: one, Base: "main", HeadBranch: "change", Head: lockstep.SHA(head)},
		{Number: fork, Base: "main", HeadBranch: "change", Head: lockstep.SHA(head), Fork: true},
	}
	for i := range got {
		if !strings.HasPrefix(got[i].URL, "http") {
			t.Errorf("pull request %d has no page: %q", got[i].Number, got[i].URL)
		}
		got[i].URL, got[i].Title = "", ""
	}

	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("want -, got +:\n%s", diff)
	}
}

// openPullRequest opens a pull request, and returns it with a client that may comment on it.
func openPullRequest(t *testing.T, fixture CapabilityFixture) (provider.Commenter, provider.PullRequest) {
	t.Helper()
	commenter := requireCapability[provider.Commenter](t, fixture)
	fixture.Repo.Commit(map[string]string{"a": "1"})
	fixture.Repo.CommitTo("refs/heads/change", map[string]string{"a": "2"})
	number := fixture.Host.OpenPullRequest("change", "main", false)
	all, err := commenter.PullRequests(t.Context(), "main")
	if err != nil {
		t.Fatalf("pull requests: %v", err)
	}

	if len(all) != 1 {
		t.Fatalf("got %d pull requests, want 1: %+v", len(all), all)
	}

	if all[0].Number != number {
		t.Fatalf("pull requests: Number is %v, want %v", all[0].Number, number)
	}
	fixture.Host.AddComment(number, "looks good")
	return commenter, all[0]
}

const marker = "<!-- lockstep: 9b1f -->"

func testComment(t *testing.T, fixture CapabilityFixture) {
	commenter, pr := openPullRequest(t, fixture)
	id := ""
	for _, text := range []string{"first", "second",
		"**third** | `x` | <details>\n\n| a | b |\n|---|---|\n| 1 | 2 |\n</details>"} {
		body := marker + "\n" + text
		got, err := commenter.PutComment(t.Context(), pr, provider.Comment{ID: id, Marker: marker, Body: body})
		if err != nil || got == "" || id != "" && got != id {
			t.Fatalf("%q: id %q after %q, %v", text, got, id, err)
		}

		id = got
		if diff := cmp.Diff([]string{"looks good", body}, fixture.Host.Comments(pr.Number)); diff != "" {
			t.Errorf("want -, got +:\n%s", diff)
		}
	}

	long := marker + strings.Repeat("é", (commenter.MaxComment()-len(marker))/2)
	if _, err := commenter.PutComment(t.Context(), pr,
		provider.Comment{ID: id, Marker: marker, Body: long}); err != nil {
		t.Errorf("a comment of %d bytes: %v", len(long), err)
	}
}

func testCommentGone(t *testing.T, fixture CapabilityFixture) {
	c, pr := openPullRequest(t, fixture)
	id, err := c.PutComment(t.Context(), pr, provider.Comment{ID: "987654321", Marker: marker, Body: marker + " x"})
	if err != nil || id == "" || id == "987654321" {
		t.Fatalf("id %q, %v", id, err)
	}
	if got := fixture.Host.Comments(pr.Number); len(got) != 2 {
		t.Errorf("comments: %q", got)
	}
}

func testCommentFound(t *testing.T, fixture CapabilityFixture) {
	commenter, pr := openPullRequest(t, fixture)
	want := []string{"looks good"}
	for _, marker := range []string{marker, "[lockstep:preview 9b1f release/2%2Dx]: #\n"} {
		findComment(t, commenter, pr, marker)
		want = append(want, marker+" y")
	}

	if diff := cmp.Diff(want, fixture.Host.Comments(pr.Number)); diff != "" {
		t.Errorf("want -, got +:\n%s", diff)
	}
}

// findComment puts a comment twice without its ID.
func findComment(t *testing.T, commenter provider.Commenter, pr provider.PullRequest, marker string) {
	t.Helper()
	first, err := commenter.PutComment(t.Context(), pr, provider.Comment{Marker: marker, Body: marker + " x"})
	if err != nil {
		t.Fatal(err)
	}

	again, err := commenter.PutComment(t.Context(), pr, provider.Comment{Marker: marker, Body: marker + " y"})
	if err != nil || again != first {
		t.Errorf("id %q, then %q, %v", first, again, err)
	}
}

func newProposal(f CapabilityFixture) provider.Proposal {
	sha := f.Repo.Commit(map[string]string{"templates/web.yaml": "Resources: {}\n"})
	return provider.Proposal{
		Base: "main", BaseSHA: lockstep.SHA(sha), Branch: "lockstep/web",
		Files: []provider.ProposedFile{{Path: "deployments/web.yaml",
			Content: []byte("template-file-path: templates/web.yaml\ntags:\n  who: \"é\"\n")}},
		Message: "Add deployment file for web", Title: "Sync web from Git", Body: "Adds `deployments/web.yaml`.",
	}
}

func testPropose(t *testing.T, fixture CapabilityFixture) {
	r := requireCapability[provider.PullRequester](t, fixture)
	proposal := newProposal(fixture)
	pr, err := r.Propose(t.Context(), proposal)
	if err != nil {
		t.Fatal(err)
	}

	head := fixture.Repo.ID("refs/heads/lockstep/web")
	want := provider.PullRequest{Number: pr.Number, Title: proposal.Title, Base: "main", HeadBranch: "lockstep/web",
		Head: lockstep.SHA(head), URL: pr.URL}
	if diff := cmp.Diff(want, pr); diff != "" || pr.Number == 0 || !strings.HasPrefix(pr.URL, "http") {
		t.Errorf("want -, got +:\n%s", diff)
	}

	if got := fixture.Repo.Git("show",
		head+":deployments/web.yaml"); strings.TrimSpace(got) != strings.TrimSpace(string(proposal.Files[0].Content)) {
		t.Errorf("the file: %q", got)
	}

	if got := fixture.Repo.Git("rev-parse", head+"^"); got != string(proposal.BaseSHA) {
		t.Errorf("it stands above %s, want %s", got, proposal.BaseSHA)
	}
}

func testProposeOver(t *testing.T, fixture CapabilityFixture) {
	requester := requireCapability[provider.PullRequester](t, fixture)
	proposal := newProposal(fixture)
	main := fixture.Repo.ID("refs/heads/main")
	proposal.Files[0].Path = "templates/web.yaml"

	if _, err := requester.Propose(t.Context(), proposal); lockstep.KindOf(err) != lockstep.Exists {
		t.Errorf("a file that is there: %v", err)
	}

	proposal = newProposal(fixture)
	fixture.Repo.CommitTo("refs/heads/lockstep/web", map[string]string{"mine": "1"})
	mine := fixture.Repo.ID("refs/heads/lockstep/web")

	if _, err := requester.Propose(t.Context(), proposal); lockstep.KindOf(err) != lockstep.Exists {
		t.Errorf("a branch that is there: %v", err)
	}

	if got := fixture.Repo.ID("refs/heads/lockstep/web"); got != mine || main == "" {
		t.Errorf("the branch moved from %s to %s", mine, got)
	}
}

func testWebhook(t *testing.T, fixture CapabilityFixture) {
	w := requireCapability[provider.WebhookRegistrar](t, fixture)
	const url = "https://lockstep.example.com/webhooks/x/abc"
	for _, secret := range []string{"secret-of-16-characters", "another-of-16-characters"} {
		if err := w.RegisterWebhook(t.Context(), url, secret); err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff([]ShownWebhook{{url, secret}}, fixture.Host.Webhooks()); diff != "" {
			t.Errorf("want -, got +:\n%s", diff)
		}
	}

	for range 2 {
		if err := w.RemoveWebhook(t.Context(), url); err != nil || len(fixture.Host.Webhooks()) != 0 {
			t.Errorf("after removing: %+v, %v", fixture.Host.Webhooks(), err)
		}
	}
}

func testAPIErrors(t *testing.T, fixture CapabilityFixture) {
	reporter := requireCapability[provider.StatusReporter](t, fixture)
	sha := lockstep.SHA(fixture.Repo.Commit(map[string]string{"a": "1"}))
	status := newStatus(sha, provider.CommitSucceeded, "told")
	for code, want := range map[int]lockstep.Kind{
		http.StatusUnauthorized:        lockstep.Denied,
		http.StatusForbidden:           lockstep.Denied,
		http.StatusNotFound:            lockstep.NotFound,
		http.StatusInternalServerError: lockstep.Unavailable,
		http.StatusTooManyRequests:     lockstep.Unavailable,
	} {
		fixture.Fail(code, http.Header{"Retry-After": nil})
		if _, err := reporter.ReportStatus(t.Context(), status, nil); lockstep.KindOf(err) != want {
			t.Errorf("HTTP status %d: kind %s, want %s: %v", code, lockstep.KindOf(err), want, err)
		}
	}

	fixture.Fail(http.StatusTooManyRequests, http.Header{"Retry-After": {"120"}})
	if _, err := reporter.ReportStatus(t.Context(), status, nil); provider.RetryAfter(err).Seconds() != 120 {
		t.Errorf("asked to wait 120 s: %s, %v", provider.RetryAfter(err), err)
	}

	fixture.Fail(0, nil)
	wrong, ok := fixture.Open(t, false).(provider.StatusReporter)
	if _, err := wrong.ReportStatus(t.Context(), status, nil); !ok || lockstep.KindOf(err) != lockstep.Denied {
		t.Errorf("a wrong credential: %v", err)
	}

	if fixture.Host.Writes() != 0 {
		t.Errorf("%d writes went through", fixture.Host.Writes())
	}
}
