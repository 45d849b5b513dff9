package server_test

import (
	"encoding/json"
	"net/http"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/lockstephq/lockstep/internal/gitwire/gitwiretest"
	"github.com/lockstephq/lockstep/internal/server/servertest"
)

// A statusReport is a commit status that a Git host has received.
type statusReport struct {
	SHA         string
	State       string
	TargetURL   string `json:"target_url"`
	Description string
}

// gitea serves a folder of repositories and returns the commit statuses it receives.
func gitea(t testing.TB, folder string) (url string, statuses <-chan statusReport) {
	t.Helper()
	received := make(chan statusReport, 100)
	host := gitwiretest.NewServer(t, folder, gitwiretest.Options{Wrap: func(git http.Handler) http.Handler {
		mux := http.NewServeMux()
		mux.Handle("/", git)
		mux.HandleFunc(
			"GET /api/v1/version",
			func(w http.ResponseWriter, _ *http.Request) { _, _ = w.Write([]byte(`{"version": "1.24.2"}`)) },
		)
		mux.HandleFunc("POST /api/v1/repos/acme/infra/statuses/{sha}", func(w http.ResponseWriter, r *http.Request) {
			report := statusReport{SHA: r.PathValue("sha")}
			if err := json.NewDecoder(r.Body).Decode(&report); err != nil {
				t.Error(err)
			}

			received <- report
			w.WriteHeader(http.StatusCreated)
			_, _ = w.Write([]byte(`{}`))
		})

		return mux
	}})

	return host.URL, received
}

// servePublishing runs a server until its Git host has received the status of a successful sync.
func servePublishing(t testing.TB, args ...string) (run *servertest.Run, sha string, last statusReport) {
	t.Helper()
	dir := t.TempDir()
	repo := gitwiretest.NewRepoAt(t, filepath.Join(dir, "acme", "infra"))
	sha = repo.Commit(map[string]string{
		"topic.yaml":    servertest.DeploymentFile,
		"template.yaml": servertest.TopicTemplate,
	})
	endpoint, statuses := gitea(t, dir)
	database, sealKey := "sqlite:"+filepath.Join(dir, "l.db"), filepath.Join(dir, "seal")
	key := createKey(t, database, sealKey)
	run = servertest.Serve(t, append([]string{
		"--db",
		database,
		"--seal-key-file",
		sealKey,
		"--target",
		"sandbox",
		"--git-loopback",
		"--poll-interval",
		"1s",
	}, args...)...)
	syncedRepository{
		endpoint: endpoint,
		owner:    "acme",
		name:     "infra",
		stacks:   []string{"web"},
		publish:  "ENABLED",
	}.configure(t, key, run.URL())

	for deadline := time.After(servertest.Timeout); last.State != "success"; {
		select {
		case last = <-statuses:
		case <-deadline:
			t.Fatalf("the last status is %+v\n%s", last, run.Errs())
		}
	}

	return run, sha, last
}

func TestAStatusLinksToThePageOfItsCommit(t *testing.T) {
	t.Parallel()
	const public = "https://lockstep.example/below"
	run, sha, last := servePublishing(t, "--public-url", public+"/")
	path, ok := strings.CutPrefix(last.TargetURL, public+"/commits/")
	if !ok || last.SHA != sha || !strings.Contains(path, "/"+sha+"/123456789012/"+region+"?key=") {
		t.Fatalf("the status links to %q", last.TargetURL)
	}

	status, body, _ := get(t, run.URL()+"/commits/"+path, "")
	if status != http.StatusOK {
		t.Errorf("the page is answered with status %d", status)
	}
	for _, text := range []string{
		"<strong>Succeeded</strong>",
		sha,
		last.Description,
		"<caption>Events of <bdi>web</bdi>",
	} {
		if !strings.Contains(body, text) {
			t.Errorf("the page does not contain %q:\n%s", text, body)
		}
	}

	if status, _, _ := get(t, run.URL()+"/commits/"+path+"x", ""); status != http.StatusNotFound {
		t.Errorf("with another key: status %d", status)
	}

	_, key, _ := strings.Cut(path, "?key=")
	run.Stop()
	if strings.Contains(run.Errs(), key) {
		t.Error("the key is in the log")
	}
}

func TestWithoutAPublicURLThereAreNoCommitPages(t *testing.T) {
	servertest.SkipIfShort(t)
	t.Parallel()
	run, sha, last := servePublishing(t)
	if last.TargetURL != "" {
		t.Errorf("the status links to %q", last.TargetURL)
	}
	_, root, _ := get(t, run.URL()+"/elsewhere", "")
	if _, body, _ := get(
		t,
		run.URL()+"/commits/x/"+sha+"/123456789012/"+region+"?key=x",
		"",
	); body != root || strings.Contains(body, "<html") {
		t.Errorf("the path of a page is answered with %s", body)
	}
}

func TestCommitPagesAreServedWithWebhooks(t *testing.T) {
	servertest.SkipIfShort(t)
	t.Parallel()
	run := servertest.ServeSandbox(t, "--public-url", "https://lockstep.example", "--webhook-listen", "127.0.0.1:0")
	api, hooks := run.URL(), run.WaitFor(`(?m)^webhooks (http\S+)/webhooks/$`)[1]
	if status, body, _ := get(
		t,
		hooks+"/commits/x",
		"lockstep.example",
	); status != http.StatusNotFound || !strings.Contains(body, "<html") {
		t.Errorf("at the webhooks' address: status %d: %s", status, body)
	}

	if _, body, _ := get(t, api+"/commits/x", ""); strings.Contains(body, "<html") {
		t.Error("the API's address serves pages too")
	}

	run.Stop()
	run = servertest.ServeSandbox(t, "--webhook-listen", "127.0.0.1:0")
	if _, body, _ := get(
		t,
		run.WaitFor(`(?m)^webhooks (http\S+)/webhooks/$`)[1]+"/commits/x",
		"",
	); strings.Contains(body, "<html") {
		t.Error("there are pages without a public URL")
	}
}
