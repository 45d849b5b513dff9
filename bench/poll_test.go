package bench

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/lockstephq/lockstep/internal/gitwire"
	"github.com/lockstephq/lockstep/internal/gitwire/gitwiretest"
)

// BenchmarkPoll looks at a branch that has not moved, over HTTPS with a kept
// connection, against `git ls-remote` on the same server: git's own, and one
// that answers the same from memory. The budget of CPU is for the second; beside
// the first a client pays for the caches that git's processes sweep.
func BenchmarkPoll(b *testing.B) {
	folder := b.TempDir()
	for name, refs := range map[string]int{"small.git": 1, "refs.git": 20000} {
		repo := gitwiretest.NewRepoAt(b, filepath.Join(folder, name))
		sha := repo.Commit(map[string]string{"a": "1"})
		var lines strings.Builder
		for i := 1; i < refs; i++ {
			fmt.Fprintf(&lines, "create refs/heads/topic/%05d %s\n", i, sha)
		}
		updateRefs(b, repo.Dir, lines.String())
	}
	host := startGit(b, folder)
	for _, name := range []string{"small.git", "refs.git"} {
		pollOne(b, host, name)
		pollOne(b, host, "canned/"+name)
	}
}

func updateRefs(b *testing.B, dir, lines string) {
	b.Helper()
	cmd := exec.Command("git", "-C", dir, "update-ref", "--stdin")
	cmd.Env = gitwiretest.Environment()
	cmd.Stdin = strings.NewReader(lines)
	if out, err := cmd.CombinedOutput(); err != nil {
		b.Fatalf("update-ref: %v: %s", err, out)
	}
	run(b, exec.Command("git", "-C", dir, "pack-refs", "--all"))
}

const (
	polls   = 200
	lsPolls = 8
)

func pollOne(b *testing.B, host *gitHost, name string) {
	network := gitwire.NewNetwork(gitwire.NetworkOptions{AllowLoopback: true, RootCAs: host.roots})
	defer network.Close()
	remote, err := gitwire.Open(gitwire.Options{URL: host.url + "/" + name, Network: network})
	if err != nil {
		b.Fatal(err)
	}
	defer remote.Close()
	look := func() {
		refs, err := remote.Refs(b.Context(), []string{"refs/heads/main"})
		if err != nil || len(refs) != 1 {
			b.Errorf("refs: %v, %v", refs, err)
		}
	}
	look() // connects, and asks for capabilities
	idle := host.wire(b)
	idle = host.wire(b) - idle // what asking costs
	bytes, began := host.wire(b), time.Now()
	for range polls {
		look()
	}
	took := time.Since(began) / polls
	bytes = (host.wire(b) - bytes - idle) / polls
	cpu := together(look)
	theirs, theirBytes := lsRemote(b, host, name, idle)
	perCore := float64(time.Second) / float64(cpu)
	used := row{
		what:  "poll " + name + ", CPU of the client",
		ours:  fmt.Sprintf("%.2f ms (%.0f/s a core; %.1f ms until the answer)", milliseconds(cpu), perCore, milliseconds(took)),
		peer:  fmt.Sprintf("git ls-remote %.0f ms", milliseconds(theirs)),
		ratio: fmt.Sprintf("1/%.0f", float64(theirs)/float64(cpu)), budget: "-", kept: true,
	}
	if strings.HasPrefix(name, "canned/") {
		used.budget, used.kept = "≤ 0.3 ms, ≥ 3000/s a core", cpu <= 300*time.Microsecond && perCore >= 3000
	}
	report(b, used)
	report(b, row{
		what: "poll " + name + ", bytes", ours: fmt.Sprint(bytes), peer: fmt.Sprintf("git ls-remote %d", theirBytes),
		ratio: fmt.Sprintf("1/%.1f", float64(theirBytes)/float64(bytes)), budget: "≤ 1024", kept: bytes <= 1024,
	})
}

// together gives the CPU time of a look while 16 are under way, as a poller has
// them: alone, half of it would be the scheduler looking for something to do.
func together(look func()) time.Duration {
	const at = 16
	var looks sync.WaitGroup
	before := own()
	for range at {
		looks.Go(func() {
			for range polls / at * 4 {
				look()
			}
		})
	}
	looks.Wait()
	return (own() - before) / (polls / at * 4 * at)
}

func lsRemote(b *testing.B, host *gitHost, name string, idle int64) (cpu time.Duration, bytes int64) {
	bytes = host.wire(b)
	for range lsPolls {
		cmd := exec.Command("git", "-c", "http.sslVerify=false", "ls-remote", host.url+"/"+name, "refs/heads/main")
		cmd.Env = append(gitwiretest.Environment(), "PATH="+os.Getenv("PATH"))
		cpu += run(b, cmd)
	}
	return cpu / lsPolls, (host.wire(b) - bytes - idle) / lsPolls
}
