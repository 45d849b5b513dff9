package gitwire_test

import (
	"bytes"
	"fmt"
	"math/rand/v2"
	"os/exec"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/lockstephq/lockstep/internal/gitwire"
	"github.com/lockstephq/lockstep/internal/gitwire/gitwiretest"
)

const (
	histories = 200
	commits   = 12 // of each history
	compared  = 2  // of each history; the first also with the history before
)

// randomHistories writes histories with everything that can happen to a path as
// one stream for git fast-import, which prints the id of each commit in order.
func randomHistories(random *rand.Rand) []byte {
	var b bytes.Buffer
	for h := range histories {
		b.WriteString("reset refs/heads/work\n\n")
		for i := range commits {
			mark := h*commits + i + 1
			fmt.Fprintf(&b, "commit refs/heads/work\nmark :%d\ncommitter T <t@example.com> %d +0000\ndata 1\nx\n",
				mark, 1700000000+mark)
			if i > 0 {
				from := mark - 1
				if random.IntN(5) == 0 { // as after a force push
					from = mark - 1 - random.IntN(i)
				}

				fmt.Fprintf(&b, "from :%d\n", from)
				if random.IntN(4) == 0 {
					fmt.Fprintf(&b, "merge :%d\n", mark-1-random.IntN(i))
				}
			}

			for range 1 + random.IntN(6) {
				b.WriteString(randomChange(random))
			}

			fmt.Fprintf(&b, "\nget-mark :%d\n", mark)
		}
	}

	return b.Bytes()
}

func randomChange(random *rand.Rand) string {
	path := randomPath(random)
	switch random.IntN(7) {
	case 0:
		return fmt.Sprintf("D %s\n", path)
	case 1:
		return fmt.Sprintf("M 120000 inline %s\ndata 3\n../\n", path)
	case 2:
		return fmt.Sprintf("M 160000 %040x %s\n", random.Uint64()|1, path)
	case 3:
		return fmt.Sprintf("M 100755 inline %s\ndata 1\n%d\n", path, random.IntN(10))
	}

	return fmt.Sprintf("M 100644 inline %s\ndata 1\n%d\n", path, random.IntN(10))
}

// randomPath is short, so that files become folders and folders files.
func randomPath(random *rand.Rand) string {
	names := []string{"a", "a.b", "a-b", "c d", "é", `new\nline`, `quo\"te`, `back\\slash`, `\377`, "deep"}
	var parts []string
	for range 1 + random.IntN(4) {
		parts = append(parts, names[random.IntN(len(names))])
	}
	return `"` + strings.Join(parts, "/") + `"`
}

// diffTrees has git compare pairs of trees, in one process.
func diffTrees(t *testing.T, repo *gitwiretest.Repo, pairs []string) [][]string {
	t.Helper()
	c := exec.Command(gitwiretest.Program(t), "diff-tree", "--stdin", "-r", "--no-renames", "--name-only", "-z")
	c.Dir, c.Env = repo.Dir, gitwiretest.Environment()
	c.Stdin = strings.NewReader(strings.Join(pairs, ""))
	out, err := c.Output()
	if err != nil {
		t.Fatal(err)
	}

	var all [][]string
	rest := string(out)
	for _, pair := range pairs {
		var paths []string
		var ok bool
		if rest, ok = strings.CutPrefix(rest, pair); !ok {
			t.Fatalf("git says %.100q, want %q", rest, pair)
		}

		for rest != "" && !isPair(rest) {
			var path string
			path, rest, _ = strings.Cut(rest, "\x00")
			paths = append(paths, path)
		}

		all = append(all, paths)
	}

	return all
}

func isPair(s string) bool {
	const n = 40
	return len(s) > 2*n+1 && s[n] == ' ' && s[2*n+1] == '\n' &&
		strings.Trim(s[:n]+s[n+1:2*n+1], "0123456789abcdef") == ""
}

func TestChangedAgreesWithDiffTree(t *testing.T) {
	random := rand.New(rand.NewPCG(1, 2))
	repo := gitwiretest.NewRepo(t)
	repo.Git("config", "pack.threads", "1") // starting threads would take longer than the work
	ids := strings.Fields(repo.Import(randomHistories(random)))
	remote := openLocal(t, repo.Dir)
	var base *gitwire.Snapshot
	var pairs []string
	var changed [][]string
	for i := range histories * compared {
		next, err := remote.Snapshot(t.Context(), id(t, ids[i/compared*commits+random.IntN(commits)]), base)
		if err != nil {
			t.Fatal(err)
		}

		if base != nil {
			paths, err := gitwire.Changed(base, next)
			if err != nil {
				t.Fatal(err)
			}

			pairs = append(pairs, fmt.Sprintf("%s %s\n", base.Root(), next.Root()))
			changed = append(changed, paths)
		}

		base = next
	}

	for i, want := range diffTrees(t, repo, pairs) {
		if diff := cmp.Diff(want, changed[i]); diff != "" {
			t.Fatalf("pair %d, %s(-git +got):\n%s", i, pairs[i], diff)
		}
	}
}

func TestChangedFromNothingIsEveryPath(t *testing.T) {
	repo := gitwiretest.NewRepo(t)
	commit := id(t, repo.Commit(map[string]string{"b": "1", "a/c": "2", "a.b": "3"}))
	snapshot, err := openLocal(t, repo.Dir).Snapshot(t.Context(), commit, nil)
	if err != nil {
		t.Fatal(err)
	}

	for _, pair := range [][2]*gitwire.Snapshot{{nil, snapshot}, {snapshot, nil}} {
		got, err := gitwire.Changed(pair[0], pair[1])
		if err != nil {
			t.Fatal(err)
		}

		equal(t, "paths", []string{"a.b", "a/c", "b"}, got)
	}
}
