package bench

import (
	"fmt"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/lockstephq/lockstep/internal/gitwire"
	"github.com/lockstephq/lockstep/internal/gitwire/gitwiretest"
	"github.com/lockstephq/lockstep/internal/gitwire/object"
	"github.com/lockstephq/lockstep/internal/gitwire/transport"
)

// reads is how many commits are read, each a change of two files.
const reads = 20

// BenchmarkWarmRead reads a commit of a large repository whose predecessor has
// been read, and two of its files, against git's own partial fetch.
func BenchmarkWarmRead(b *testing.B) {
	read := warmRead(b, "", "--filter=blob:none")
	report(b, row{
		what:   "warm read of a commit, CPU of the client",
		ours:   fmt.Sprintf("%.1f ms (%.0f ms until the answer)", milliseconds(read.cpu), milliseconds(read.took)),
		peer:   fmt.Sprintf("git fetch + cat-file %.0f ms", milliseconds(read.theirs)),
		ratio:  fmt.Sprintf("1/%.0f", float64(read.theirs)/float64(read.cpu)),
		budget: "≤ 5 ms",
		kept:   read.cpu <= 5*time.Millisecond,
	})
	report(b, row{
		what:   "warm read of a commit, bytes",
		ours:   fmt.Sprint(read.bytes),
		peer:   fmt.Sprintf("git fetch + cat-file %d", read.theirBytes),
		ratio:  fmt.Sprintf("1/%.1f", float64(read.theirBytes)/float64(read.bytes)),
		budget: "≤ 10240",
		kept:   read.bytes <= 10240,
	})
}

// BenchmarkWarmReadWithoutFilter does so at a server that cannot leave blobs out,
// against git's fetch of all.
func BenchmarkWarmReadWithoutFilter(b *testing.B) {
	read := warmRead(b, "/nofilter")
	report(b, row{
		what:   "warm read without filter, CPU of the client",
		ours:   fmt.Sprintf("%.1f ms (%.0f ms until the answer)", milliseconds(read.cpu), milliseconds(read.took)),
		peer:   fmt.Sprintf("git fetch + cat-file %.0f ms", milliseconds(read.theirs)),
		ratio:  fmt.Sprintf("1/%.0f", float64(read.theirs)/float64(read.cpu)),
		budget: "-",
		kept:   true,
	})
	report(b, row{
		what:   "warm read without filter, bytes",
		ours:   fmt.Sprint(read.bytes),
		peer:   fmt.Sprintf("git fetch + cat-file %d", read.theirBytes),
		ratio:  fmt.Sprintf("1/%.1f", float64(read.theirBytes)/float64(read.bytes)),
		budget: "-",
		kept:   true,
	})
}

// warmRead reads commits below a prefix of the server's, and has git fetch them
// with options.
func warmRead(b *testing.B, prefix string, options ...string) cost {
	b.Helper()
	folder := b.TempDir()
	repo := gitwiretest.NewRepoAt(b, filepath.Join(folder, "big.git"))
	repo.Import(large())
	host := startGit(b, folder)
	address := host.url + prefix + "/big.git"
	network := transport.NewNetwork(transport.NetworkOptions{AllowLoopback: true, RootCAs: host.roots})
	defer network.Close()

	remote, err := gitwire.Open(gitwire.Options{URL: address, Network: network})
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

	git(slices.Concat([]string{"clone", "-q", "--bare", "--depth=1"}, options, []string{address, clone})...)
	fetch := slices.Concat([]string{"-C", clone, "fetch", "-q", "--depth=1"}, options, []string{"origin", "main"})
	base := snapshot(b, remote, repo.ID("refs/heads/main"), nil)
	idle := host.wire(b)
	idle = host.wire(b) - idle
	var sum cost
	for i := range reads {
		sha := repo.Commit(map[string]string{
			"d001/f001.yaml": fmt.Sprint("a", i),
			"d002/f002.yaml": fmt.Sprint("b", i),
		})
		wire, used, began := host.wire(b), own(), time.Now()
		base = readTwo(b, remote, sha, base)
		sum.took += time.Since(began)
		sum.cpu += own() - used
		after := host.wire(b)
		sum.bytes += after - wire - idle
		sum.theirs += git(fetch...) + git("-C", clone, "cat-file", "-p", sha+":d001/f001.yaml") +
			git("-C", clone, "cat-file", "-p", sha+":d002/f002.yaml")
		sum.theirBytes += host.wire(b) - after - idle
	}

	return cost{
		cpu:        sum.cpu / reads,
		took:       sum.took / reads,
		theirs:     sum.theirs / reads,
		bytes:      sum.bytes / reads,
		theirBytes: sum.theirBytes / reads,
	}
}

// readTwo reads a commit and the two files in which it differs.
func readTwo(b *testing.B, remote *gitwire.Remote, sha string, base *gitwire.Snapshot) *gitwire.Snapshot {
	b.Helper()
	next := snapshot(b, remote, sha, base)
	files := next.Tree(b.Context())
	if err := files.Prefetch(b.Context(), "d001/f001.yaml", "d002/f002.yaml"); err != nil {
		b.Fatal(err)
	}
	if changed, err := gitwire.Changed(base, next); err != nil || len(changed) != 2 {
		b.Fatalf("changed: %v, %v", changed, err)
	}
	return next
}

func snapshot(b *testing.B, remote *gitwire.Remote, sha string, base *gitwire.Snapshot) *gitwire.Snapshot {
	b.Helper()
	id, err := object.ParseID(sha)
	if err != nil {
		b.Fatal(err)
	}
	s, err := remote.Snapshot(b.Context(), id, base)
	if err != nil {
		b.Fatal(err)
	}
	return s
}

// large returns a history of one commit with 5,000 files in 100 folders, and 12
// blobs of 8 MiB that do not compress.
func large() []byte {
	var stream strings.Builder
	stream.WriteString("commit refs/heads/main\ncommitter a <a@localhost> 1700000000 +0000\ndata 1\nx\n")
	for i := range 5000 {
		text := fmt.Sprintf("file: %d\n", i)
		fmt.Fprintf(&stream, "M 100644 inline d%03d/f%03d.yaml\ndata %d\n%s\n", i/50, i%50, len(text), text)
	}

	noise := rand.NewChaCha8([32]byte{1})
	blob := make([]byte, 8<<20)
	for i := range 12 {
		_, _ = noise.Read(blob) // never fails
		fmt.Fprintf(&stream, "M 100644 inline blob%02d\ndata %d\n", i, len(blob))
		stream.Write(blob)
		stream.WriteString("\n")
	}

	return []byte(stream.String())
}
