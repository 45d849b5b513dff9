package gitlab_test

import (
	"net/http"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/lockstephq/lockstep"
	"github.com/lockstephq/lockstep/internal/provider"
	"github.com/lockstephq/lockstep/internal/provider/providertest"
)

const environment = "123456789012/eu-west-1"

// A reporter reports of one commit and keeps what it was given.
type reporter struct {
	t      *testing.T
	c      providertest.FullClient
	sha    lockstep.SHA
	memory []byte
}

func newReporter(t *testing.T) (*fake, *reporter) {
	t.Helper()
	f, c := meet(t)
	return f, &reporter{t, c, lockstep.SHA(f.repo.Commit(map[string]string{"a": "1"})), nil}
}

func (r *reporter) try(state provider.CommitState, summary string) error {
	memory, err := r.c.ReportStatus(r.t.Context(), provider.CommitStatus{
		SHA:         r.sha,
		Branch:      "main",
		Environment: environment,
		State:       state,
		Summary:     summary,
		URL:         "https://lockstep.example.com/c",
	}, r.memory)
	r.memory = memory
	return err
}

func (r *reporter) tell(state provider.CommitState, summary string) {
	r.t.Helper()
	if err := r.try(state, summary); err != nil {
		r.t.Fatalf("%s: %v", state, err)
	}
}

// changes counts what was asked that is no look.
func changes(asked []string) int {
	n := 0
	for _, call := range asked {
		if !strings.HasPrefix(call, "GET ") && !strings.HasPrefix(call, "HEAD ") {
			n++
		}
	}
	return n
}

func TestAReportCostsFewRequests(t *testing.T) {
	server, reporter := newReporter(t)
	for _, step := range []struct {
		state           provider.CommitState
		summary         string
		writes, atMost  int
		deploymentsThen []string
	}{
		{state: provider.CommitPending, summary: "0 of 2", writes: 1, atMost: 1},
		{state: provider.CommitPending, summary: "0 of 2", writes: 0, atMost: 0},
		{
			state:           provider.CommitRunning,
			summary:         "1 of 2",
			writes:          2,
			atMost:          3,
			deploymentsThen: []string{"running"},
		},
		{
			state:           provider.CommitRunning,
			summary:         "1 of 2",
			writes:          0,
			atMost:          0,
			deploymentsThen: []string{"running"},
		},
		{
			state:           provider.CommitFailed,
			summary:         "1 failed",
			writes:          2,
			atMost:          2,
			deploymentsThen: []string{"failed"},
		},
		{
			state:           provider.CommitFailed,
			summary:         "1 failed",
			writes:          0,
			atMost:          0,
			deploymentsThen: []string{"failed"},
		},
		{
			state:           provider.CommitRunning,
			summary:         "again",
			writes:          2,
			atMost:          3,
			deploymentsThen: []string{"failed", "running"},
		},
		{
			state:           provider.CommitSucceeded,
			summary:         "2 of 2",
			writes:          2,
			atMost:          2,
			deploymentsThen: []string{"failed", "success"},
		},
		{
			state:           provider.CommitSucceeded,
			summary:         "2 of 2",
			writes:          0,
			atMost:          0,
			deploymentsThen: []string{"failed", "success"},
		},
	} {
		reporter.tell(step.state, step.summary)
		asked := server.asked()
		if changes(asked) != step.writes || len(asked) > step.atMost {
			t.Errorf("%s: asked %q, want %d writes among at most %d", step.state, asked, step.writes, step.atMost)
		}

		if diff := cmp.Diff(step.deploymentsThen, server.deployed(environment)); diff != "" {
			t.Errorf("%s: deployments want -, got +:\n%s", step.state, diff)
		}
	}
}

func TestAStatusThatGitLabCannotMoveStands(t *testing.T) {
	server, reporter := newReporter(t)
	reporter.tell(provider.CommitRunning, "1 of 3")
	reporter.tell(provider.CommitRunning, "2 of 3") // running to running is 400
	reporter.tell(provider.CommitPending, "more to come")

	if got := server.Statuses(reporter.sha); len(got) != 1 || got[0].State != provider.CommitRunning {
		t.Errorf("shown: %+v", got)
	}

	server.asked()
	reporter.tell(provider.CommitPending, "more to come")
	if asked := server.asked(); asked != nil {
		t.Errorf("told again: %q", asked)
	}
}

func TestARefusalThatIsNoMoveIsAnError(t *testing.T) {
	f, reporter := newReporter(t)
	for status, want := range map[int]lockstep.Kind{
		400: lockstep.Invalid,
		422: lockstep.Invalid,
		409: lockstep.Unavailable,
	} {
		f.refuse = func(reporter *http.Request) int {
			if reporter.Method == http.MethodPost {
				return status
			}
			return 0
		}
		if err := reporter.try(provider.CommitRunning, "x"); lockstep.KindOf(err) != want {
			t.Errorf("%d: %s %v", status, lockstep.KindOf(err), err)
		}
	}
}

func TestAStatusStaysInItsPipeline(t *testing.T) {
	server, reporter := newReporter(t)
	reporter.tell(provider.CommitRunning, "1 of 1")
	server.mu.Lock()
	server.add("pipeline", object{"sha": string(reporter.sha), "ref": "main"}) // of a job of the project's own
	server.mu.Unlock()
	reporter.tell(provider.CommitSucceeded, "1 of 1")

	if got := server.Statuses(reporter.sha); len(got) != 1 || got[0].State != provider.CommitSucceeded {
		t.Errorf("shown: %+v", got)
	}

	server.mu.Lock()
	server.lists["pipeline"], server.lists["status"] = nil, nil // removed
	server.mu.Unlock()
	reporter.tell(provider.CommitFailed, "1 failed")

	if got := server.Statuses(reporter.sha); len(got) != 1 || got[0].State != provider.CommitFailed {
		t.Errorf("shown after the pipeline was removed: %+v", got)
	}
}

func TestADeploymentIsFoundAfterACrash(t *testing.T) {
	server, reporter := newReporter(t)
	reporter.tell(provider.CommitPending, "0 of 1")
	before := reporter.memory
	for range 2 {
		reporter.memory = before // killed before it was kept
		reporter.tell(provider.CommitRunning, "0 of 1")
	}

	running := reporter.memory
	for _, memory := range [][]byte{running, running, before, nil, []byte("no JSON")} {
		reporter.memory = memory
		reporter.tell(provider.CommitSucceeded, "1 of 1")
	}

	if diff := cmp.Diff([]string{"success"}, server.deployed(environment)); diff != "" {
		t.Errorf("want -, got +:\n%s", diff)
	}

	reporter.memory = running // of a deployment that was removed
	server.mu.Lock()
	server.lists["deployment"] = nil
	server.mu.Unlock()
	reporter.tell(provider.CommitFailed, "1 failed")

	if diff := cmp.Diff([]string{"failed"}, server.deployed(environment)); diff != "" {
		t.Errorf("want -, got +:\n%s", diff)
	}
}

func TestADeploymentOfAJobIsNotOurs(t *testing.T) {
	server, reporter := newReporter(t)
	server.mu.Lock()
	server.add("deployment", fixture(t, "deployment", object{
		"sha":        string(reporter.sha),
		"name":       environment,
		"status":     "running",
		"deployable": object{"id": 5},
	}))
	server.mu.Unlock()
	reporter.tell(provider.CommitSucceeded, "1 of 1")
	if diff := cmp.Diff([]string{"running", "success"}, server.deployed(environment)); diff != "" {
		t.Errorf("want -, got +:\n%s", diff)
	}
}

func TestWhoMayNotDeployReportsStatusesAlone(t *testing.T) {
	server, reporter := newReporter(t)
	server.refuse = func(reporter *http.Request) int {
		if strings.HasSuffix(reporter.URL.Path, "/deployments") {
			return http.StatusForbidden
		}
		return 0
	}

	reporter.tell(provider.CommitRunning, "0 of 1")
	server.asked()
	reporter.tell(provider.CommitSucceeded, "1 of 1")

	if asked := server.asked(); len(asked) != 1 {
		t.Errorf("asked again: %q", asked)
	}

	if got := server.Statuses(reporter.sha); len(got) != 1 || got[0].State != provider.CommitSucceeded {
		t.Errorf("shown: %+v", got)
	}
}

func TestAReportThatEndsHalfwayGoesOnThere(t *testing.T) {
	server, reporter := newReporter(t)
	server.refuse = func(reporter *http.Request) int {
		if strings.HasSuffix(reporter.URL.Path, "/deployments") {
			return http.StatusBadGateway
		}
		return 0
	}
	if err := reporter.try(provider.CommitSucceeded, "1 of 1"); lockstep.KindOf(err) != lockstep.Unavailable {
		t.Fatalf("got %v", err)
	}

	server.refuse = nil
	server.asked()
	reporter.tell(provider.CommitSucceeded, "1 of 1")

	if asked := server.asked(); changes(asked) != 1 || len(server.deployed(environment)) != 1 {
		t.Errorf("asked %q, deployments %q", asked, server.deployed(environment))
	}
}

func TestAURLThatGitLabWouldRefuseIsLeftOut(t *testing.T) {
	server, c := meet(t)
	sha := lockstep.SHA(server.repo.Commit(map[string]string{"a": "1"}))
	_, err := c.ReportStatus(t.Context(), provider.CommitStatus{SHA: sha, Branch: "main", Environment: environment,
		State: provider.CommitRunning, URL: "https://lockstep.example.com/" + strings.Repeat("x", 300)}, nil)
	if got := server.Statuses(sha); err != nil || len(got) != 1 || got[0].URL != "" {
		t.Errorf("%+v, %v", got, err)
	}
}

func TestALimitOnRateIsNotSatOut(t *testing.T) {
	server, reporter := newReporter(t)
	reporter.tell(provider.CommitPending, "0 of 1") // the project's ID is known from now on
	server.asked()

	reset := time.Now().Add(10 * time.Minute)
	server.status = http.StatusTooManyRequests
	server.header = http.Header{
		"Ratelimit-Limit":     {"60"},
		"Ratelimit-Remaining": {"0"},
		"Ratelimit-Reset":     {strconv.FormatInt(reset.Unix(), 10)},
	}
	err := reporter.try(provider.CommitRunning, "0 of 1")
	if wait := provider.RetryAfter(err); lockstep.KindOf(err) != lockstep.Unavailable || wait < 9*time.Minute ||
		wait > 10*time.Minute {
		t.Errorf("wait %s, %v", wait, err)
	}
	if asked := server.asked(); len(asked) != 1 {
		t.Errorf("asked %q", asked)
	}
}
