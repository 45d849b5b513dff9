package server_test

import (
	"encoding/json"
	"net/http"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/codeconnections"

	"github.com/lockstephq/lockstep/internal/gitwire/gitwiretest"
	"github.com/lockstephq/lockstep/internal/server/servertest"
)

// A told is a status that a Git host was given.
type statusReport struct {
	SHA, State  string
	TargetURL   string `json:"target_url"`
	Description string
}

// gitea serves a folder of repositories, and says what its statuses are.
func gitea(t testing.TB, folder string) (url string, statuses <-chan statusReport) {
	t.Helper()
	all := make(chan statusReport, 100)
	host := gitwiretest.NewServer(t, folder, gitwiretest.Options{Wrap: func(git http.Handler) http.Handler {
		mux := http.NewServeMux()
		mux.Handle("/", git)
		mux.HandleFunc("GET /api/v1/version", func(w http.ResponseWriter, _ *http.Request) { _, _ = w.Write([]byte(`{"version": "1.24.2"}`)) })
		mux.HandleFunc("POST /api/v1/repos/acme/infra/statuses/{sha}", func(w http.ResponseWriter, r *http.Request) {
			one := statusReport{SHA: r.PathValue("sha")}
			if err := json.NewDecoder(r.Body).Decode(&one); err != nil {
				t.Error(err)
			}

			all <- one
			w.WriteHeader(http.StatusCreated)
			_, _ = w.Write([]byte(`{}`))
		})

		return mux
	}})

	return host.URL, all
}

// configurePublishing has stack web follow acme/infra at a Git host, which is told of it.
func configurePublishing(t testing.TB, client *codeconnections.Client, endpoint string, complete func(connection string)) {
	t.Helper()
	check := func(err error) {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
	}

	ctx := t.Context()
	host, err := client.CreateHost(ctx, &codeconnections.CreateHostInput{Name: aws.String("host"), ProviderType: "Git", ProviderEndpoint: &endpoint})
	check(err)
	conn, err := client.CreateConnection(ctx, &codeconnections.CreateConnectionInput{ConnectionName: aws.String("conn"), HostArn: host.HostArn})
	check(err)
	complete(aws.ToString(conn.ConnectionArn))
	link, err := client.CreateRepositoryLink(ctx, &codeconnections.CreateRepositoryLinkInput{ConnectionArn: conn.ConnectionArn,
		OwnerId: aws.String("acme"), RepositoryName: aws.String("infra")})
	check(err)
	_, err = client.CreateSyncConfiguration(ctx, &codeconnections.CreateSyncConfigurationInput{
		Branch: aws.String("main"), ConfigFile: aws.String("topic.yaml"), RepositoryLinkId: link.RepositoryLinkInfo.RepositoryLinkId,
		ResourceName: aws.String("web"), RoleArn: aws.String("arn:aws:iam::123456789012:role/deploy"), SyncType: "CFN_STACK_SYNC",
		PublishDeploymentStatus: "ENABLED",
	})

	check(err)
}

// servePublishing runs a server until a Git host was told that a commit has succeeded.
func servePublishing(t testing.TB, args ...string) (run *servertest.Run, sha string, last statusReport) {
	t.Helper()
	dir := t.TempDir()
	repo := gitwiretest.NewRepoAt(t, filepath.Join(dir, "acme", "infra"))
	sha = repo.Commit(map[string]string{"topic.yaml": servertest.DeploymentFile, "template.yaml": servertest.TopicTemplate})
	endpoint, statuses := gitea(t, dir)
	database, sealKey := "sqlite:"+filepath.Join(dir, "l.db"), filepath.Join(dir, "seal")
	k := createKey(t, database, sealKey)
	run = servertest.Serve(t, append([]string{"--db", database, "--seal-key-file", sealKey, "--target", "sandbox", "--git-loopback", "--poll-interval", "1s"}, args...)...)
	configurePublishing(t, apiClient(k, run.URL()), endpoint, func(conn string) { completeConnection(t, k, run.URL(), conn) })

	for deadline := time.After(servertest.Timeout); last.State != "success"; {
		select {
		case last = <-statuses:
		case <-deadline:
			t.Fatalf("the commit is not told of: %+v\n%s", last, run.Errs())
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
	if status != http.StatusOK || !strings.Contains(body, "<strong>Succeeded</strong>") || !strings.Contains(body, sha) ||
		!strings.Contains(body, last.Description) || !strings.Contains(body, "<caption>Events of <bdi>web</bdi>") {
		t.Errorf("status %d: %s", status, body)
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
	if _, body, _ := get(t, run.URL()+"/commits/x/"+sha+"/123456789012/"+region+"?key=x", ""); body != root || strings.Contains(body, "<html") {
		t.Errorf("at the place of a page: %s", body)
	}
}

func TestCommitPagesAreServedWithWebhooks(t *testing.T) {
	servertest.SkipIfShort(t)
	t.Parallel()
	run := servertest.ServeSandbox(t, "--public-url", "https://lockstep.example", "--webhook-listen", "127.0.0.1:0")
	api, hooks := run.URL(), run.WaitFor(`(?m)^webhooks (http\S+)/webhooks/$`)[1]
	if status, body, _ := get(t, hooks+"/commits/x", "lockstep.example"); status != http.StatusNotFound || !strings.Contains(body, "<html") {
		t.Errorf("beside webhooks: status %d %s", status, body)
	}

	if _, body, _ := get(t, api+"/commits/x", ""); strings.Contains(body, "<html") {
		t.Error("they are at the address of the API as well")
	}

	run.Stop()
	run = servertest.ServeSandbox(t, "--webhook-listen", "127.0.0.1:0")
	if _, body, _ := get(t, run.WaitFor(`(?m)^webhooks (http\S+)/webhooks/$`)[1]+"/commits/x", ""); strings.Contains(body, "<html") {
		t.Error("without a public URL there are pages")
	}
}
