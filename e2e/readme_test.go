package e2e

import (
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// The markers around the transcript in README.md.
const (
	transcriptBegins = "<!-- transcript -->\n"
	transcriptEnds   = "<!-- /transcript -->\n"
)

// TestReadmeShowsWhatUpPrints compares the transcript in README.md with the output of a first
// `lockstep up --once`, except for times, ports, paths and commit ids. -update rewrites it.
func TestReadmeShowsWhatUpPrints(t *testing.T) {
	t.Parallel()
	readme := filepath.Join("..", "README.md")
	text, err := os.ReadFile(readme)
	if err != nil {
		t.Fatal(err)
	}

	before, rest, begins := strings.Cut(string(text), transcriptBegins)
	got, after, ends := strings.Cut(rest, transcriptEnds)
	if !begins || !ends {
		t.Fatal("README.md has no transcript")
	}

	want := "```\n" + transcript(t) + "```\n"
	if *update {
		if err := os.WriteFile(readme, []byte(before+transcriptBegins+want+transcriptEnds+after), 0o644); err != nil {
			t.Fatal(err)
		}
		return
	}

	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("the transcript in README.md is not current; run go test ./e2e -run Readme -update:\n%s", diff)
	}
}

// transcript returns the output of `lockstep up --once` on a new data directory.
func transcript(t *testing.T) string {
	t.Helper()
	home := t.TempDir()
	cmd := exec.CommandContext(t.Context(), "lockstep", "up", "--once", "--listen", "127.0.0.1:0")
	cmd.Env = []string{"HOME=" + home, "TZ=UTC", "PATH=" + os.Getenv("PATH")}
	out, err := cmd.CombinedOutput()
	if err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	return inOrder(strings.ReplaceAll(string(out), home, "~"))
}

// eventLine matches an event as `up` prints it: time, subject, type, text.
var eventLine = regexp.MustCompile(`(?m)^\d\d:\d\d:\d\d  (\w+)(?:@\S+)? +(\S+) +(.*)\n`)

// inOrder normalizes a transcript. Two stacks are synced at once, so their events arrive in any order:
// inOrder groups them by stack. It removes EXPORT_AWAITED, because only sometimes api waits for the
// export of web.
func inOrder(text string) string {
	const sha = "7c1f0be9a1d24e6f8b3c5d7e9f0a2b4c6d8e0f12"
	text = regexp.MustCompile(`127\.0\.0\.1:\d+`).ReplaceAllString(text, "127.0.0.1:4747")
	text = regexp.MustCompile(`\b[0-9a-f]{40}\b`).ReplaceAllString(text, sha)
	first := eventLine.FindStringIndex(text)
	if first == nil {
		return text
	}

	events := map[string]string{}
	for _, m := range eventLine.FindAllStringSubmatch(text, -1) {
		if about := m[1]; m[2] != "EXPORT_AWAITED" {
			events[about] += "10:00:00  " + pad(about+"@"+sha[:8], 24) + " " + pad(m[2], 32) + " " + m[3] + "\n"
		}
	}

	block := ""
	for _, about := range []string{"main", "web", "api"} {
		block += events[about]
	}

	return text[:first[0]] + block + eventLine.ReplaceAllString(text[first[0]:], "")
}

func pad(text string, width int) string { return text + strings.Repeat(" ", max(0, width-len(text))) }
