package server_test

import (
	"fmt"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/lockstephq/lockstep/internal/db"
	"github.com/lockstephq/lockstep/internal/db/dbtest"
	"github.com/lockstephq/lockstep/internal/gitwire/gitwiretest"
	"github.com/lockstephq/lockstep/internal/local"
	"github.com/lockstephq/lockstep/internal/server/servertest"
)

// firstKeyCommand returns the arguments of the command that a ready server prints for the first access
// key, as a shell reads them, or nil if it prints none.
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

	defaultKey, otherKey := "sqlite:"+dir+"/a.db", "sqlite:"+dir+"/b.db"
	postgres := dbtest.URL(t, db.Postgres)
	tests := []struct {
		db      string
		sealKey string
		want    []string
	}{
		{defaultKey, "", []string{"key", "create", "--db", defaultKey, "--admin"}},
		{
			otherKey,
			dir + "/seal",
			[]string{"key", "create", "--db", otherKey, "--seal-key-file", dir + "/seal", "--admin"},
		},
		{
			postgres,
			dir + "/pg",
			[]string{"key", "create", "--db", db.Redact(postgres), "--seal-key-file", dir + "/pg", "--admin"},
		},
	}
	for _, tt := range tests {
		args := []string{
			"--db",
			tt.db,
			"--target",
			"sandbox",
			"--sandbox-file",
			filepath.Join(t.TempDir(), "sandbox.db"),
		}
		if tt.sealKey != "" {
			args = append(args, "--seal-key-file", tt.sealKey)
		}

		run := servertest.Serve(t, args...)
		if diff := cmp.Diff(tt.want, firstKeyCommand(t, run)); diff != "" {
			t.Error(diff)
		}

		wantAccepted(t, run, createKey(t, tt.db, tt.sealKey))
		run.Stop()
		if again := firstKeyCommand(t, servertest.Serve(t, args...)); again != nil {
			t.Errorf("it still prints %q when there is a key", again)
		}
	}
}

func TestTwoServersShareADatabase(t *testing.T) {
	t.Parallel()
	const stacks = 6
	url, dir := dbtest.URL(t, db.Postgres), t.TempDir()
	target := servertest.Sandbox(t, local.SandboxOptions{}).URL()
	repo := gitwiretest.NewRepoAt(t, filepath.Join(dir, "infra.git"))
	first := repo.Commit(map[string]string{
		"topic.yaml":    servertest.DeploymentFile,
		"template.yaml": servertest.TopicTemplate,
	})
	args := []string{
		"--db",
		url,
		"--seal-key-file",
		filepath.Join(dir, "seal"),
		"--target",
		target,
		"--git-roots",
		dir,
		"--poll-interval",
		"1s",
	}
	one, two := servertest.Serve(t, args...), servertest.Serve(t, args...)
	one.URL()
	two.URL()
	key := createKey(t, url, filepath.Join(dir, "seal"))
	localStacks(dir, stacks).configure(t, key, one.URL())

	for number := range stacks { // configured at one server, seen at the other
		waitForSync(t, apiClient(key, two.URL()), fmt.Sprintf("s%d", number), first)
	}

	one.Stop()
	second := repo.Commit(map[string]string{
		"template.yaml": servertest.TopicTemplate + "  More:\n    Type: AWS::SNS::Topic\n",
	})
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
	// One server ended each attempt.
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
	first := repo.Commit(map[string]string{
		"topic.yaml":    servertest.DeploymentFile,
		"template.yaml": servertest.TopicTemplate,
	})
	args := []string{
		"--db",
		"sqlite:" + filepath.Join(dir, "l.db"),
		"--target",
		"sandbox",
		"--git-roots",
		dir,
		"--poll-interval",
		"1s",
		"--log-format",
		"text",
	}
	key := createKey(t, "sqlite:"+filepath.Join(dir, "l.db"), "")
	run := servertest.Serve(t, args...)
	localStacks(dir, 1).configure(t, key, run.URL())
	waitForSync(t, apiClient(key, run.URL()), "s0", first)

	if !strings.Contains(run.Errs(), "level=INFO msg=") {
		t.Errorf("the log is not text:\n%s", run.Errs())
	}
	if strings.Contains(run.Errs(), key.Secret.Reveal()) {
		t.Errorf("the log contains the secret:\n%s", run.Errs())
	}

	run.Stop()
	second := repo.Commit(map[string]string{
		"template.yaml": servertest.TopicTemplate + "  More:\n    Type: AWS::SNS::Topic\n",
	})
	run = servertest.Serve(t, args...)
	waitForSync(t, apiClient(key, run.URL()), "s0", second)
	run.Stop()

	// The database is bound to its first target.
	servertest.Serve(t, append(args, "--target", "http://127.0.0.1:9")...).WantExit(1, "bound to target sandbox")
}

func TestServeNeverPrintsTheDatabasePassword(t *testing.T) {
	servertest.SkipIfShort(t)
	t.Parallel()
	for _, url := range []string{
		"postgres://me:hunter2@" + servertest.ClosedAddress(t) + "/d?sslmode=disable", "postgres://me:hunter2%zz@h/d", "postgres://me:hunter2@h:port/d",
		"postgres://me:hunter2@h/d?sslmode=nonsense", "postgres://h/d?password=hunter2&port=x",
	} {
		run := servertest.Serve(t, "--db", url, "--seal-key-file", filepath.Join(t.TempDir(), "seal"))
		if run.Err() == nil {
			t.Errorf("%s: no error", url)
			continue
		}
		if all := run.Err().Error() + run.Out() + run.Errs(); strings.Contains(all, "hunter2") {
			t.Errorf("%s: the password is printed: %s", url, all)
		}
	}
}

// botocore and the AWS CLI send the path of the endpoint URL, and sign its canonical form.
func TestAnEndpointURLMayHaveANonCanonicalPath(t *testing.T) {
	t.Parallel()
	url := "sqlite:" + filepath.Join(t.TempDir(), "l.db")
	seal := filepath.Join(t.TempDir(), "seal")
	key := createKey(t, url, seal)
	run := servertest.Serve(t, "--db", url, "--seal-key-file", seal, "--target", "http://127.0.0.1:9")

	for _, path := range []string{"/", "//", "/./", "/x/..", "/x/../", "/sandbox/..//"} {
		call := rawCall{target: "CodeConnections_20231201.ListHosts", path: path, body: []byte("{}")}
		if status, body := call.send(t, key, run.URL()); status != http.StatusOK {
			t.Errorf("%s: status %d: %s", path, status, body)
		}
	}
	run.Stop()
}
