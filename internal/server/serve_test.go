package server_test

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"io"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	v4 "github.com/aws/aws-sdk-go-v2/aws/signer/v4"
	"github.com/aws/aws-sdk-go-v2/credentials"
	"github.com/aws/aws-sdk-go-v2/service/codeconnections"
	"github.com/aws/aws-sdk-go-v2/service/codeconnections/types"
	"github.com/google/go-cmp/cmp"

	"github.com/lockstephq/lockstep/internal/db"
	"github.com/lockstephq/lockstep/internal/db/dbtest"
	"github.com/lockstephq/lockstep/internal/gitwire/gitwiretest"
	"github.com/lockstephq/lockstep/internal/local"
	"github.com/lockstephq/lockstep/internal/server"
	"github.com/lockstephq/lockstep/internal/server/servertest"
)

// firstKeyCommand gives what a ready server has advised, as a shell reads it: one
// argument an element. None is no advice.
func firstKeyCommand(t testing.TB, run *servertest.Run) []string {
	t.Helper()
	run.URL()
	_, rest, ok := strings.Cut(run.Out(), "No access key exists yet. Make the first one:\n  lockstep ")
	if !ok {
		return nil
	}

	line, _, _ := strings.Cut(rest, "\n")
	out, err := exec.CommandContext(t.Context(), "sh", "-c", "printf '%s\\n' "+line).Output()
	if err != nil {
		t.Fatal(err)
	}

	return strings.Split(strings.TrimSuffix(string(out), "\n"), "\n")
}

func TestServeAdvisesTheFirstKeyOnAnEmptyDatabase(t *testing.T) {
	servertest.SkipIfShort(t)
	t.Parallel()
	dir := filepath.Join(t.TempDir(), "it's here")
	if err := os.Mkdir(dir, 0o700); err != nil {
		t.Fatal(err)
	}

	beside, apart := "sqlite:"+dir+"/a.db", "sqlite:"+dir+"/b.db"
	postgres := dbtest.URL(t, db.Postgres)
	tests := []struct {
		db, sealKey string
		want        []string
	}{
		{beside, "", []string{"key", "create", "--db", beside, "--admin"}},
		{apart, dir + "/seal", []string{"key", "create", "--db", apart, "--seal-key-file", dir + "/seal", "--admin"}},
		{postgres, dir + "/pg", []string{"key", "create", "--db", db.Redact(postgres), "--seal-key-file", dir + "/pg", "--admin"}},
	}
	for _, tt := range tests {
		args := []string{"--db", tt.db, "--target", "sandbox", "--sandbox-file", filepath.Join(t.TempDir(), "sandbox.db")}
		if tt.sealKey != "" {
			args = append(args, "--seal-key-file", tt.sealKey)
		}

		run := servertest.Serve(t, args...)
		if diff := cmp.Diff(tt.want, firstKeyCommand(t, run)); diff != "" {
			t.Error(diff)
		}

		// The key that is made so is one that the running server takes.
		k := createKey(t, tt.db, tt.sealKey)
		if _, err := apiClient(k, run.URL()).ListHosts(t.Context(), &codeconnections.ListHostsInput{}); err != nil {
			t.Errorf("the first key is refused: %s", err)
		}

		run.Stop()
		if again := firstKeyCommand(t, servertest.Serve(t, args...)); again != nil {
			t.Errorf("with a key it still advises %q", again)
		}
	}
}

func createKey(t testing.TB, db, sealKey string) server.AccessKey {
	t.Helper()
	key, err := server.CreateKey(t.Context(), server.KeyOptions{DB: db, SealKeyFile: sealKey},
		server.NewKey{Account: "123456789012", Principal: "me", Role: server.Admin})
	if err != nil {
		t.Fatal(err)
	}
	return key
}

const region = "us-east-1"

// apiClient gives a client of the API.
func apiClient(key server.AccessKey, url string) *codeconnections.Client {
	return codeconnections.New(codeconnections.Options{Region: region, BaseEndpoint: &url,
		Credentials: credentials.NewStaticCredentialsProvider(key.AccessKeyID, key.Secret.Reveal(), "")})
}

// completeConnection says that a connection needs no credential, as `lockstep connect` does.
func completeConnection(t testing.TB, key server.AccessKey, url, connection string) {
	t.Helper()
	body := fmt.Appendf(nil, `{"ConnectionArn": %q, "Credential": {"Kind": "NONE"}}`, connection)
	r, err := http.NewRequestWithContext(t.Context(), http.MethodPost, url+"/", bytes.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}

	r.Header.Set("Content-Type", "application/x-amz-json-1.0")
	r.Header.Set("X-Amz-Target", "Lockstep_20261122.CompleteConnection")
	sum := sha256.Sum256(body)
	credentials := aws.Credentials{AccessKeyID: key.AccessKeyID, SecretAccessKey: key.Secret.Reveal()}
	if err := v4.NewSigner().SignHTTP(t.Context(), credentials, r, hex.EncodeToString(sum[:]), "lockstep", region, time.Now()); err != nil {
		t.Fatal(err)
	}

	resp, err := http.DefaultClient.Do(r)
	if err != nil {
		t.Fatal(err)
	}

	defer resp.Body.Close()

	if answer, err := io.ReadAll(resp.Body); resp.StatusCode != http.StatusOK {
		t.Fatalf("CompleteConnection: %s %s %v", resp.Status, answer, err)
	}
}

// configureStacks makes everything that syncs stacks s0, s1, … of the repository
// infra.git in a folder.
func configureStacks(t testing.TB, key server.AccessKey, url, folder string, stacks int) {
	t.Helper()
	ctx, client := t.Context(), apiClient(key, url)
	check := func(err error) {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
	}

	host, err := client.CreateHost(ctx, &codeconnections.CreateHostInput{Name: aws.String("host"), ProviderType: "Git", ProviderEndpoint: aws.String("file://" + folder)})
	check(err)
	conn, err := client.CreateConnection(ctx, &codeconnections.CreateConnectionInput{ConnectionName: aws.String("conn"), HostArn: host.HostArn})
	check(err)
	completeConnection(t, key, url, aws.ToString(conn.ConnectionArn))
	link, err := client.CreateRepositoryLink(ctx, &codeconnections.CreateRepositoryLinkInput{ConnectionArn: conn.ConnectionArn, OwnerId: aws.String("-"), RepositoryName: aws.String("infra.git")})
	check(err)

	for n := range stacks {
		_, err := client.CreateSyncConfiguration(ctx, &codeconnections.CreateSyncConfigurationInput{
			Branch: aws.String("main"), ConfigFile: aws.String("topic.yaml"), RepositoryLinkId: link.RepositoryLinkInfo.RepositoryLinkId,
			ResourceName: aws.String(fmt.Sprintf("s%d", n)), RoleArn: aws.String("arn:aws:iam::123456789012:role/deploy"), SyncType: "CFN_STACK_SYNC",
		})
		check(err)
	}
}

// waitForSync waits until a stack's sync to a commit has succeeded.
func waitForSync(t testing.TB, client *codeconnections.Client, stack, sha string) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), servertest.Timeout)
	defer cancel()

	tick := time.NewTicker(50 * time.Millisecond)
	defer tick.Stop()

	for {
		out, err := client.GetResourceSyncStatus(ctx, &codeconnections.GetResourceSyncStatusInput{ResourceName: &stack, SyncType: "CFN_STACK_SYNC"})
		if err == nil && aws.ToString(out.LatestSync.TargetRevision.Sha) == sha && out.LatestSync.Status == types.ResourceSyncStatusSucceeded {
			return
		}

		select {
		case <-tick.C:
		case <-ctx.Done():
			t.Fatalf("%s is not at %s: %+v, %v", stack, sha, out, err)
		}
	}
}

func TestTwoServersShareADatabase(t *testing.T) {
	t.Parallel()
	const stacks = 6
	url, dir := dbtest.URL(t, db.Postgres), t.TempDir()
	target := servertest.Sandbox(t, local.SandboxOptions{}).URL()
	repo := gitwiretest.NewRepoAt(t, filepath.Join(dir, "infra.git"))
	first := repo.Commit(map[string]string{"topic.yaml": servertest.DeploymentFile, "template.yaml": servertest.TopicTemplate})
	args := []string{"--db", url, "--seal-key-file", filepath.Join(dir, "seal"), "--target", target, "--git-roots", dir, "--poll-interval", "1s"}
	one, two := servertest.Serve(t, args...), servertest.Serve(t, args...)
	one.URL()
	two.URL()
	key := createKey(t, url, filepath.Join(dir, "seal"))
	configureStacks(t, key, one.URL(), dir, stacks)

	for number := range stacks { // what one was told, the other knows
		waitForSync(t, apiClient(key, two.URL()), fmt.Sprintf("s%d", number), first)
	}

	one.Stop()
	second := repo.Commit(map[string]string{"template.yaml": servertest.TopicTemplate + "  More:\n    Type: AWS::SNS::Topic\n"})
	for number := range stacks {
		waitForSync(t, apiClient(key, two.URL()), fmt.Sprintf("s%d", number), second)
	}

	three := servertest.Serve(t, args...)
	three.URL()
	two.Stop()
	third := repo.Commit(map[string]string{"template.yaml": servertest.TopicTemplate})
	for number := range stacks {
		waitForSync(t, apiClient(key, three.URL()), fmt.Sprintf("s%d", number), third)
	}

	three.Stop()
	// Each attempt had its end once, whoever worked it.
	ended := one.Errs() + two.Errs() + three.Errs()
	for number := range stacks {
		if got := strings.Count(ended, fmt.Sprintf(`"resource":"s%d"`, number)); got != 3 {
			t.Errorf("s%d was synced %d times for three commits\n%s", number, got, ended)
		}
	}
}

func TestServeOnSQLiteSyncsAndContinuesAfterARestart(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	repo := gitwiretest.NewRepoAt(t, filepath.Join(dir, "infra.git"))
	first := repo.Commit(map[string]string{"topic.yaml": servertest.DeploymentFile, "template.yaml": servertest.TopicTemplate})
	args := []string{"--db", "sqlite:" + filepath.Join(dir, "l.db"), "--target", "sandbox", "--git-roots", dir, "--poll-interval", "1s", "--log-format", "text"}
	key := createKey(t, "sqlite:"+filepath.Join(dir, "l.db"), "")
	run := servertest.Serve(t, args...)
	configureStacks(t, key, run.URL(), dir, 1)
	waitForSync(t, apiClient(key, run.URL()), "s0", first)

	if !strings.Contains(run.Errs(), "level=INFO msg=") || strings.Contains(run.Errs(), key.Secret.Reveal()) {
		t.Errorf("the log is\n%s", run.Errs())
	}

	run.Stop()
	second := repo.Commit(map[string]string{"template.yaml": servertest.TopicTemplate + "  More:\n    Type: AWS::SNS::Topic\n"})
	run = servertest.Serve(t, args...)
	waitForSync(t, apiClient(key, run.URL()), "s0", second)
	run.Stop()

	// The database is about one target.
	servertest.Serve(t, append(args, "--target", "http://127.0.0.1:9")...).WantExit(1, "bound to target sandbox")
}

func TestServeNeverPrintsTheDatabasePassword(t *testing.T) {
	servertest.SkipIfShort(t)
	t.Parallel()
	for _, url := range []string{
		"postgres://me:hunter2@" + servertest.ClosedAddress(t) + "/d?sslmode=disable", "postgres://me:hunter2%zz@h/d", "postgres://me:hunter2@h:port/d",
		"postgres://me:hunter2@h/d?sslmode=nonsense", "postgres://h/d?password=hunter2&port=x",
	} {
		r := servertest.Serve(t, "--db", url, "--seal-key-file", filepath.Join(t.TempDir(), "seal")).Wait()
		if r.Err() == nil || strings.Contains(r.Err().Error()+r.Out()+r.Errs(), "hunter2") {
			t.Errorf("%s: %v\n%s%s", url, r.Err(), r.Out(), r.Errs())
		}
	}
}

// TestAnEndpointURLMayHaveANonCanonicalPath: botocore and the AWS CLI send the path that
// they are given, and sign its shortest form.
func TestAnEndpointURLMayHaveANonCanonicalPath(t *testing.T) {
	t.Parallel()
	url := "sqlite:" + filepath.Join(t.TempDir(), "l.db")
	seal := filepath.Join(t.TempDir(), "seal")
	k := createKey(t, url, seal)
	run := servertest.Serve(t, "--db", url, "--seal-key-file", seal, "--target", "http://127.0.0.1:9")
	for _, ending := range []string{"/", "//", "/./", "/x/..", "/x/../", "/sandbox/..//"} {
		if status, body := callPath(t, k, run.URL(), ending, "CodeConnections_20231201.ListHosts", []byte("{}")); status != 200 {
			t.Errorf("%s: status %d: %s", ending, status, body)
		}
	}
	run.Stop()
}
