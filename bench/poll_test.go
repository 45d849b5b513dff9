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
	"github.com/lockstephq/lockstep/internal/gitwire/transport"
)

// BenchmarkPoll looks at a branch that has not moved, over HTTPS with a kept
// connection, against `git ls-remote` on the same server: git's own, and one
// that answers the same from memory. The budget of CPU is for the second; beside
// the first a client pays for the caches that git's processes sweep.
func BenchmarkPoll(b *testing.B) {
	host := startGit(b, pollFolder(b))
	for _, name := range []string{"small.git", "refs.git"} {
		pollOne(b, host, name)
		pollOne(b, host, "canned/"+name)
	}
}

// BenchmarkPollVersion0 polls a server of the old protocol, which lists all of its
// refs on each request. It answers from memory.
func BenchmarkPollVersion0(b *testing.B) {
	host := startGit(b, pollFolder(b))
	pollOld(b, host, "small.git", polls)
	pollOld(b, host, "refs.git", polls/10)
}

// pollFolder makes a repository with one ref and one with 20,000.
func pollFolder(b *testing.B) string {
	b.Helper()
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

	return folder
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

// looking returns a probe at a repository that connects no more and asks for no
// capabilities.
func looking(b *testing.B, o gitwire.Options) (look func()) {
	b.Helper()
	remote, err := gitwire.Open(o)
	if err != nil {
		b.Fatal(err)
	}

	b.Cleanup(remote.Close)
	look = func() {
		refs, err := remote.Refs(b.Context(), []string{"refs/heads/main"})
		if err != nil || len(refs) != 1 {
			b.Errorf("refs: %v, %v", refs, err)
		}
	}

	look()
	return look
}

// timed returns the CPU time of a look among others, and the time until the answer
// of one alone.
func timed(look func(), n int) (cpu, took time.Duration) {
	began := time.Now()
	for range n {
		look()
	}
	took = time.Since(began) / time.Duration(n)
	return together(look, n), took
}

// A cost is what a look or a read takes of ours and of git's.
type cost struct {
	cpu, took, theirs time.Duration
	bytes, theirBytes int64
}

// measure looks at a repository, and has `git ls-remote` do so with options.
func measure(b *testing.B, host *gitHost, name string, n int, options ...string) cost {
	b.Helper()
	network := transport.NewNetwork(transport.NetworkOptions{AllowLoopback: true, RootCAs: host.roots})
	defer network.Close()

	look := looking(b, gitwire.Options{URL: host.url + "/" + name, Network: network})
	idle := host.wire(b)
	idle = host.wire(b) - idle // what asking costs
	var cost cost
	before := host.wire(b)

	for range lsPolls {
		look()
	}

	cost.bytes = (host.wire(b) - before - idle) / lsPolls
	cost.cpu, cost.took = timed(look, n)
	cost.theirs, cost.theirBytes = lsRemote(b, host, name, idle, options...)

	return cost
}

func pollOne(b *testing.B, host *gitHost, name string) {
	cost := measure(b, host, name, polls)
	perCore := float64(time.Second) / float64(cost.cpu)
	used := row{
		what: "poll " + name + ", CPU of the client",
		ours: fmt.Sprintf("%.2f ms (%.0f/s a core; %.1f ms until the answer)", milliseconds(cost.cpu), perCore,
			milliseconds(cost.took)),
		peer:   fmt.Sprintf("git ls-remote %.0f ms", milliseconds(cost.theirs)),
		ratio:  fmt.Sprintf("1/%.0f", float64(cost.theirs)/float64(cost.cpu)),
		budget: "-",
		kept:   true,
	}
	if strings.HasPrefix(name, "canned/") {
		used.budget, used.kept = "≤ 0.3 ms, ≥ 3000/s a core", cost.cpu <= 300*time.Microsecond && perCore >= 3000
	}

	report(b, used)
	report(b, row{
		what:   "poll " + name + ", bytes",
		ours:   fmt.Sprint(cost.bytes),
		peer:   fmt.Sprintf("git ls-remote %d", cost.theirBytes),
		ratio:  fmt.Sprintf("1/%.1f", float64(cost.theirBytes)/float64(cost.bytes)),
		budget: "≤ 1024",
		kept:   cost.bytes <= 1024,
	})
}

func pollOld(b *testing.B, host *gitHost, name string, n int) {
	cost := measure(b, host, "canned/v0/"+name, n, "-c", "protocol.version=0")
	report(b, row{
		what:  "poll " + name + " of an old server, CPU of the client",
		ours:  fmt.Sprintf("%.2f ms (%.1f ms until the answer)", milliseconds(cost.cpu), milliseconds(cost.took)),
		peer:  fmt.Sprintf("git ls-remote, version 0, %.0f ms", milliseconds(cost.theirs)),
		ratio: fmt.Sprintf("1/%.0f", float64(cost.theirs)/float64(cost.cpu)), budget: "-", kept: true,
	})
	report(b, row{
		what: "poll " + name + " of an old server, bytes", ours: fmt.Sprint(cost.bytes),
		peer:  fmt.Sprintf("git ls-remote, version 0, %d", cost.theirBytes),
		ratio: fmt.Sprintf("1/%.1f", float64(cost.theirBytes)/float64(cost.bytes)), budget: "-", kept: true,
	})
}

// together returns the CPU time of a look while 16 are under way, as a poller has
// them: alone, half of it would be the scheduler looking for something to do. It
// looks 4 times n times.
func together(look func(), n int) time.Duration {
	const at = 16
	each := max(n*4/at, 1)
	var looks sync.WaitGroup
	before := own()

	for range at {
		looks.Go(func() {
			for range each {
				look()
			}
		})
	}

	looks.Wait()
	return (own() - before) / time.Duration(each*at)
}

func lsRemote(b *testing.B, host *gitHost, name string, idle int64,
	options ...string) (cpu time.Duration, bytes int64) {
	bytes = host.wire(b)
	for range lsPolls {
		arguments := append([]string{"-c", "http.sslVerify=false"}, options...)
		cmd := exec.Command("git", append(arguments, "ls-remote", host.url+"/"+name, "refs/heads/main")...)
		cmd.Env = append(gitwiretest.Environment(), "PATH="+os.Getenv("PATH"))
		cpu += run(b, cmd)
	}
	return cpu / lsPolls, (host.wire(b) - bytes - idle) / lsPolls
}
