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
type told struct {
	SHA, State  string
	TargetURL   string `json:"target_url"`
	Description string
}

// gitea serves a folder of repositories, and says what its statuses are.
func gitea(t testing.TB, folder string) (url string, statuses <-chan told) {
	t.Helper()
	all := make(chan told, 100)
	host := gitwiretest.NewServer(t, folder, gitwiretest.Options{Wrap: func(git http.Handler) http.Handler {
		mux := http.NewServeMux()
		mux.Handle("/", git)
		mux.HandleFunc("GET /api/v1/version", func(w http.ResponseWriter, _ *http.Request) { _, _ = w.Write([]byte(`{"version": "1.24.2"}`)) })
		mux.HandleFunc("POST /api/v1/repos/acme/infra/statuses/{sha}", func(w http.ResponseWriter, r *http.Request) {
			one := told{SHA: r.PathValue("sha")}
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

// publish has stack web follow acme/infra at a Git host, which is told of it.
func publish(t testing.TB, c *codeconnections.Client, endpoint string, complete func(connection string)) {
	t.Helper()
	check := func(err error) {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
	}

	ctx := t.Context()
	host, err := c.CreateHost(ctx, &codeconnections.CreateHostInput{Name: aws.String("host"), ProviderType: "Git", ProviderEndpoint: &endpoint})
	check(err)
	conn, err := c.CreateConnection(ctx, &codeconnections.CreateConnectionInput{ConnectionName: aws.String("conn"), HostArn: host.HostArn})
	check(err)
	complete(aws.ToString(conn.ConnectionArn))
	link, err := c.CreateRepositoryLink(ctx, &codeconnections.CreateRepositoryLinkInput{ConnectionArn: conn.ConnectionArn,
		OwnerId: aws.String("acme"), RepositoryName: aws.String("infra")})
	check(err)
	_, err = c.CreateSyncConfiguration(ctx, &codeconnections.CreateSyncConfigurationInput{
		Branch: aws.String("main"), ConfigFile: aws.String("topic.yaml"), RepositoryLinkId: link.RepositoryLinkInfo.RepositoryLinkId,
		ResourceName: aws.String("web"), RoleArn: aws.String("arn:aws:iam::123456789012:role/deploy"), SyncType: "CFN_STACK_SYNC",
		PublishDeploymentStatus: "ENABLED",
	})

	check(err)
}

// published runs a server until a Git host was told that a commit has succeeded.
func published(t testing.TB, args ...string) (r *servertest.Run, sha string, last told) {
	t.Helper()
	dir := t.TempDir()
	repo := gitwiretest.NewRepoAt(t, filepath.Join(dir, "acme", "infra"))
	sha = repo.Commit(map[string]string{"topic.yaml": servertest.DeploymentFile, "template.yaml": servertest.TopicTemplate})
	endpoint, statuses := gitea(t, dir)
	database, sealKey := "sqlite:"+filepath.Join(dir, "l.db"), filepath.Join(dir, "seal")
	k := createKey(t, database, sealKey)
	r = servertest.Serve(t, append([]string{"--db", database, "--seal-key-file", sealKey, "--target", "sandbox", "--git-loopback", "--poll-interval", "1s"}, args...)...)
	publish(t, connections(k, r.URL()), endpoint, func(conn string) { complete(t, k, r.URL(), conn) })

	for deadline := time.After(servertest.Timeout); last.State != "success"; {
		select {
		case last = <-statuses:
		case <-deadline:
			t.Fatalf("the commit is not told of: %+v\n%s", last, r.Errs())
		}
	}

	return r, sha, last
}

func TestAStatusLinksToThePageOfItsCommit(t *testing.T) {
	t.Parallel()
	const public = "https://lockstep.example/below"
	r, sha, last := published(t, "--public-url", public+"/")
	path, ok := strings.CutPrefix(last.TargetURL, public+"/commits/")
	if !ok || last.SHA != sha || !strings.Contains(path, "/"+sha+"/123456789012/"+region+"?key=") {
		t.Fatalf("the status links to %q", last.TargetURL)
	}

	status, body, _ := get(t, r.URL()+"/commits/"+path, "")
	if status != http.StatusOK || !strings.Contains(body, "<strong>Succeeded</strong>") || !strings.Contains(body, sha) ||
		!strings.Contains(body, last.Description) || !strings.Contains(body, "<caption>Events of <bdi>web</bdi>") {
		t.Errorf("status %d: %s", status, body)
	}

	if status, _, _ := get(t, r.URL()+"/commits/"+path+"x", ""); status != http.StatusNotFound {
		t.Errorf("with another key: status %d", status)
	}

	_, key, _ := strings.Cut(path, "?key=")
	r.Stop()
	if strings.Contains(r.Errs(), key) {
		t.Error("the key is in the log")
	}
}

func TestWithoutAPublicURLAStatusLinksNowhereAndNothingIsThere(t *testing.T) {
	servertest.SkipIfShort(t)
	t.Parallel()
	r, sha, last := published(t)
	if last.TargetURL != "" {
		t.Errorf("the status links to %q", last.TargetURL)
	}
	_, root, _ := get(t, r.URL()+"/elsewhere", "")
	if _, body, _ := get(t, r.URL()+"/commits/x/"+sha+"/123456789012/"+region+"?key=x", ""); body != root || strings.Contains(body, "<html") {
		t.Errorf("at the place of a page: %s", body)
	}
}

func TestPagesAreWhereWebhooksAre(t *testing.T) {
	servertest.SkipIfShort(t)
	t.Parallel()
	r := servertest.ServeSandbox(t, "--public-url", "https://lockstep.example", "--webhook-listen", "127.0.0.1:0")
	api, hooks := r.URL(), r.WaitFor(`(?m)^webhooks (http\S+)/webhooks/$`)[1]
	if status, body, _ := get(t, hooks+"/commits/x", "lockstep.example"); status != http.StatusNotFound || !strings.Contains(body, "<html") {
		t.Errorf("beside webhooks: status %d %s", status, body)
	}

	if _, body, _ := get(t, api+"/commits/x", ""); strings.Contains(body, "<html") {
		t.Error("they are at the address of the API as well")
	}

	r.Stop()
	r = servertest.ServeSandbox(t, "--webhook-listen", "127.0.0.1:0")
	if _, body, _ := get(t, r.WaitFor(`(?m)^webhooks (http\S+)/webhooks/$`)[1]+"/commits/x", ""); strings.Contains(body, "<html") {
		t.Error("without a public URL there are pages")
	}
}
