package gitlab_test

import (
	"bytes"
	"io"
	"net/http"
	"strings"
	"testing"

	"github.com/lockstephq/lockstep"
	"github.com/lockstephq/lockstep/internal/gitwire/gitwiretest"
	"github.com/lockstephq/lockstep/internal/provider"
	"github.com/lockstephq/lockstep/internal/provider/gitlab"
	"github.com/lockstephq/lockstep/internal/provider/providertest"
)

func TestAMovedProjectHasAllCapabilities(t *testing.T) {
	providertest.TestCapabilities(t, func(t *testing.T) providertest.CapabilityFixture {
		server := newFake(t, gitwiretest.Options{})
		server.users[canary], server.login, server.moved = 7, "oauth2", true
		driver, host := drivers()[gitlab.Type](t, server.URL)
		return providertest.CapabilityFixture{
			Host: server,
			Repo: server.repo,
			Open: func(t testing.TB, right bool) provider.Client {
				credential := token
				if !right {
					credential = wrong(credential)
				}
				return open(t, driver, repository(host, credential))
			},
			Fail: func(status int, header http.Header) {
				server.mu.Lock()
				defer server.mu.Unlock()
				server.status, server.header = status, header
			},
		}
	})
}

func TestAProjectMayMoveBetweenTwoCalls(t *testing.T) {
	server, reporter := newReporter(t)
	reporter.tell(provider.CommitRunning, "0 of 1")
	server.moved = true
	reporter.tell(provider.CommitSucceeded, "1 of 1")

	if got := server.Statuses(reporter.sha); len(got) != 1 || got[0].State != provider.CommitSucceeded {
		t.Errorf("shown: %+v", got)
	}
}

func TestAProjectThatTakesThePlaceOfAnotherIsCalled(t *testing.T) {
	server, reporter := newReporter(t)
	reporter.tell(provider.CommitRunning, "0 of 1")
	server.projectID = 4712 // deleted, and created again
	reporter.tell(provider.CommitSucceeded, "1 of 1")

	if got := server.Statuses(reporter.sha); len(got) != 1 || got[0].State != provider.CommitSucceeded {
		t.Errorf("shown: %+v", got)
	}
}

// Such a token names each of its permissions; "User: Read" and "Project: Read" are seldom among
// them.
func TestAFineGrainedTokenNeedsNoPermissionToReadItsUser(t *testing.T) {
	server, client, pr := commented(t)
	server.scope = "granular"

	for kind, reach := range drivers() {
		driver, host := reach(t, server.URL)
		checker, ok := provider.Driver(driver).(provider.CredentialChecker)
		if !ok {
			t.Fatalf("%s: no check", kind)
		}
		if err := checker.Check(t.Context(), repository(host, token).Access); err != nil {
			t.Errorf("%s: the check: %v", kind, err)
		}
	}

	id := put(t, client, pr, "", "one")
	if again := put(t, client, pr, id, "two"); again != id {
		t.Errorf("the edited comment is %s, want %s", again, id)
	}

	status := provider.CommitStatus{
		SHA:         lockstep.SHA(server.repo.ID("refs/heads/main")),
		Branch:      "main",
		Environment: environment,
		State:       provider.CommitSucceeded,
	}
	if _, err := client.ReportStatus(t.Context(), status, nil); err != nil {
		t.Errorf("a status: %v", err)
	}
}

func TestAnErrorNamesThePermissionThatATokenLacks(t *testing.T) {
	server, client, _ := commented(t)
	server.refuse = func(r *http.Request) int {
		if strings.HasSuffix(r.URL.Path, "/hooks") {
			return http.StatusForbidden
		}
		return 0
	}
	server.body = `{"error":"insufficient_granular_scope","error_description":"Lacks [Webhook: Create]."}`

	err := client.RegisterWebhook(t.Context(), hookURL, hookSecret)
	if lockstep.KindOf(err) != lockstep.Denied {
		t.Errorf("kind %s, want %s", lockstep.KindOf(err), lockstep.Denied)
	}
	if err == nil || !strings.Contains(err.Error(), "Lacks [Webhook: Create]") {
		t.Errorf("got %v, want GitLab's description", err)
	}
}

func TestAFullPipelineIsLeftForAnother(t *testing.T) {
	server, reporter := newReporter(t)
	reporter.tell(provider.CommitRunning, "0 of 1")
	server.body = `{"message":"The number of jobs has exceeded the limit of 500."}`
	server.refuse = func(r *http.Request) int {
		body, _ := io.ReadAll(r.Body)
		r.Body = io.NopCloser(bytes.NewReader(body))
		if bytes.Contains(body, []byte("pipeline_id")) {
			return http.StatusUnprocessableEntity
		}
		return 0
	}
	reporter.tell(provider.CommitSucceeded, "1 of 1")

	if got := server.Statuses(reporter.sha); len(got) != 1 || got[0].State != provider.CommitSucceeded {
		t.Errorf("shown: %+v", got)
	}
}
