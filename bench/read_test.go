package bench

import (
	"fmt"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/lockstephq/lockstep/internal/gitwire"
	"github.com/lockstephq/lockstep/internal/gitwire/gitwiretest"
)

// reads is how many commits are read, each a change of two files.
const reads = 20

// BenchmarkWarmRead reads a commit of a large repository whose predecessor has
// been read, and two of its files, against git's own partial fetch.
func BenchmarkWarmRead(b *testing.B) {
	folder := b.TempDir()
	repo := gitwiretest.NewRepoAt(b, filepath.Join(folder, "big.git"))
	repo.Import(large())
	host := startGit(b, folder)
	network := gitwire.NewNetwork(gitwire.NetworkOptions{AllowLoopback: true, RootCAs: host.roots})
	defer network.Close()
	remote, err := gitwire.Open(gitwire.Options{URL: host.url + "/big.git", Network: network})
	if err != nil {
		b.Fatal(err)
	}
	defer remote.Close()
	clone := filepath.Join(b.TempDir(), "clone.git")
	git := func(args ...string) time.Duration {
		cmd := exec.Command("git", append([]string{"-c", "http.sslVerify=false", "-c", "gc.auto=0"}, args...)...)
		cmd.Env = append(gitwiretest.Environment(), "PATH="+os.Getenv("PATH"))
		return run(b, cmd)
	}
	git("clone", "-q", "--bare", "--depth=1", "--filter=blob:none", host.url+"/big.git", clone)
	base := snapshot(b, remote, repo.ID("refs/heads/main"), nil)
	idle := host.wire(b)
	idle = host.wire(b) - idle
	var cpu, theirs, took time.Duration
	var bytes, theirBytes int64
	for i := range reads {
		sha := repo.Commit(map[string]string{"d001/f001.yaml": fmt.Sprint("a", i), "d002/f002.yaml": fmt.Sprint("b", i)})
		wire, used, began := host.wire(b), own(), time.Now()
		next := snapshot(b, remote, sha, base)
		files := next.Tree(b.Context())
		if err := files.Prefetch(b.Context(), "d001/f001.yaml", "d002/f002.yaml"); err != nil {
			b.Fatal(err)
		}
		if changed, err := gitwire.Changed(base, next); err != nil || len(changed) != 2 {
			b.Fatalf("changed: %v, %v", changed, err)
		}
		took += time.Since(began)
		cpu += own() - used
		after := host.wire(b)
		bytes += after - wire - idle
		base = next
		theirs += git("-C", clone, "fetch", "-q", "--depth=1", "--filter=blob:none", "origin", "main") +
			git("-C", clone, "cat-file", "-p", sha+":d001/f001.yaml") + git("-C", clone, "cat-file", "-p", sha+":d002/f002.yaml")
		theirBytes += host.wire(b) - after - idle
	}
	cpu, theirs, took, bytes, theirBytes = cpu/reads, theirs/reads, took/reads, bytes/reads, theirBytes/reads
	report(b, row{what: "warm read of a commit, CPU of the client",
		ours: fmt.Sprintf("%.1f ms (%.0f ms until the answer)", milliseconds(cpu), milliseconds(took)),
		peer: fmt.Sprintf("git fetch + cat-file %.0f ms", milliseconds(theirs)), ratio: fmt.Sprintf("1/%.0f", float64(theirs)/float64(cpu)),
		budget: "≤ 5 ms", kept: cpu <= 5*time.Millisecond})
	report(b, row{what: "warm read of a commit, bytes", ours: fmt.Sprint(bytes), peer: fmt.Sprintf("git fetch + cat-file %d", theirBytes),
		ratio: fmt.Sprintf("1/%.1f", float64(theirBytes)/float64(bytes)), budget: "≤ 10240", kept: bytes <= 10240})
}

func snapshot(b *testing.B, remote *gitwire.Remote, sha string, base *gitwire.Snapshot) *gitwire.Snapshot {
	b.Helper()
	id, err := gitwire.ParseID(sha)
	if err != nil {
		b.Fatal(err)
	}
	s, err := remote.Snapshot(b.Context(), id, base)
	if err != nil {
		b.Fatal(err)
	}
	return s
}

// large gives a history of one commit with 5,000 files in 100 folders, and 12
// blobs of 8 MiB that do not compress.
func large() []byte {
	var s strings.Builder
	s.WriteString("commit refs/heads/main\ncommitter a <a@localhost> 1700000000 +0000\ndata 1\nx\n")
	for i := range 5000 {
		text := fmt.Sprintf("file: %d\n", i)
		fmt.Fprintf(&s, "M 100644 inline d%03d/f%03d.yaml\ndata %d\n%s\n", i/50, i%50, len(text), text)
	}
	noise := rand.NewChaCha8([32]byte{1})
	blob := make([]byte, 8<<20)
	for i := range 12 {
		_, _ = noise.Read(blob) // never fails
		fmt.Fprintf(&s, "M 100644 inline blob%02d\ndata %d\n", i, len(blob))
		s.Write(blob)
		s.WriteString("\n")
	}
	return []byte(s.String())
}
