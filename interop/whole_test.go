package interop

import (
	"bytes"
	"encoding/json"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"syscall"
	"testing"
	"time"

	"github.com/lockstephq/lockstep/internal/gitwire/gitwiretest"
)

// programCommand returns the real program with arguments, in a directory.
func programCommand(t *testing.T, dir string, args ...string) *exec.Cmd {
	t.Helper()
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.CommandContext(t.Context(), self, args...)
	cmd.Dir = dir
	cmd.Env = cleanEnvironment(program+"=1", "HOME="+dir)
	return cmd
}

// startServer starts the real program with a new database and the sandbox, and returns
// its URL when it is ready.
func startServer(t *testing.T, dir string, flags ...string) string {
	t.Helper()
	args := []string{
		"serve",
		"--db", "sqlite:lockstep.db",
		"--seal-key-file", "seal.key",
		"--target", "sandbox",
		"--sandbox-file", "sandbox.db",
		"--listen", "127.0.0.1:0",
		"--git-loopback",
		"--poll-interval", "1s",
	}
	cmd := programCommand(t, dir, append(args, flags...)...)
	stdout, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}

	var log bytes.Buffer
	cmd.Stderr = &log
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}

	t.Cleanup(func() {
		_ = cmd.Process.Signal(syscall.SIGTERM) // it may have ended
		_ = cmd.Wait()
		if t.Failed() {
			t.Logf("the server said:\n%s", log.String())
		}
	})

	url := make(chan string, 1)
	go func() {
		var all bytes.Buffer
		ready := regexp.MustCompile(`(?m)^ready (http\S+)$`)
		for chunk := make([]byte, 4096); ; {
			n, err := stdout.Read(chunk)
			all.Write(chunk[:n])
			if m := ready.FindSubmatch(all.Bytes()); m != nil {
				url <- string(m[1])
				_, _ = io.Copy(io.Discard, stdout)
				return
			}

			if err != nil {
				close(url)
				return
			}
		}
	}()
	select {
	case u := <-url:
		if u != "" {
			return u
		}
	case <-time.After(time.Minute):
	}

	t.Fatal("the server was never ready")
	return ""
}

// adminEnvironment creates an administrator's access key, and returns the environment
// with which AWS's clients use it, with the model of Lockstep's own service.
func adminEnvironment(t *testing.T, dir string) []string {
	t.Helper()
	run := func(args ...string) []byte {
		cmd := programCommand(t, dir, args...)
		cmd.Stderr = t.Output()
		out, err := cmd.Output()
		if err != nil {
			t.Fatalf("lockstep %v: %v", args, err)
		}

		return out
	}

	var key struct {
		ID     string `json:"AccessKeyId"`
		Secret string `json:"SecretAccessKey"`
	}
	out := run("key", "create", "--db", "sqlite:lockstep.db", "--seal-key-file", "seal.key",
		"--admin", "--account", "111122223333", "-o", "json")
	if err := json.Unmarshal(out, &key); err != nil {
		t.Fatalf("%v: %s", err, out)
	}

	models := filepath.Join(dir, "models", "lockstep", "2026-11-22")
	if err := os.MkdirAll(models, 0o700); err != nil {
		t.Fatal(err)
	}

	if err := os.WriteFile(filepath.Join(models, "service-2.json"), run("model"), 0o600); err != nil {
		t.Fatal(err)
	}

	return cleanEnvironment("AWS_ACCESS_KEY_ID="+key.ID, "AWS_SECRET_ACCESS_KEY="+key.Secret, "AWS_SESSION_TOKEN=",
		"AWS_DATA_PATH="+filepath.Join(dir, "models"))
}

const queue = `Parameters:
  Seconds:
    Type: Number
Resources:
  Queue:
    Type: AWS::SQS::Queue
    Properties:
      MessageRetentionPeriod: !Ref Seconds
`

// startGitHost serves acme/infra, whose branches main and next have different
// stacks.
func startGitHost(t *testing.T) string {
	t.Helper()
	folder := t.TempDir()
	repo := gitwiretest.NewRepoAt(t, filepath.Join(folder, "acme", "infra"))
	for branch, seconds := range map[string]string{"main": "60", "next": "90"} {
		repo.CommitTo("refs/heads/"+branch, map[string]string{
			"web.yaml":   "template-file-path: queue.yaml\nparameters:\n  Seconds: \"" + seconds + "\"\n",
			"queue.yaml": queue,
		})
	}
	return gitwiretest.NewServer(t, folder, gitwiretest.Options{}).URL
}

func TestWholeJobWithBoto3(t *testing.T) {
	t.Parallel()
	interpreter := python(t, "boto3")
	dir, git := t.TempDir(), startGitHost(t)
	url := startServer(t, dir)
	env := adminEnvironment(t, dir)

	// One after the other: both see the same account.
	for _, service := range []string{"codeconnections", "codestar-connections"} {
		cmd := exec.CommandContext(t.Context(), interpreter, "testdata/whole_job.py", service, url, git)
		cmd.Env = env
		if out, err := cmd.CombinedOutput(); err != nil {
			t.Errorf("%s: %v\n%s", service, err, out)
		}
	}
}

func TestWholeJobWithTheSDKForJavaScript(t *testing.T) {
	t.Parallel()
	node, folder := nodeModules(t)
	dir, git := t.TempDir(), startGitHost(t)
	url := startServer(t, dir)
	cmd := exec.CommandContext(t.Context(), node, "testdata/whole_job.cjs", folder, url, git)
	cmd.Env = adminEnvironment(t, dir)
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Errorf("%v\n%s", err, out)
	}
}

func TestBoto3RetriesThrottledRequests(t *testing.T) {
	t.Parallel()
	interpreter := python(t, "boto3")
	dir := t.TempDir()
	url := startServer(t, dir, "--throttle-write", "2")
	cmd := exec.CommandContext(t.Context(), interpreter, "testdata/throttled.py", url)
	cmd.Env = adminEnvironment(t, dir)
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Errorf("%v\n%s", err, out)
	}
}
