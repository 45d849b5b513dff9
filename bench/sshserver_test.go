package bench

import (
	"encoding/json"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"sync"
	"testing"
	"time"

	"github.com/lockstephq/lockstep/internal/gitwire"
	"github.com/lockstephq/lockstep/internal/gitwire/gitwiretest"
	"github.com/lockstephq/lockstep/internal/gitwire/transport"
)

// serveSSH names the variable that makes this binary an SSH server for a folder.
const serveSSH = "LOCKSTEP_BENCH_SSH"

// An sshHost is an sshServer in a process of its own.
type sshHost struct{ URL, KnownHosts, Key string }

// sshServer serves a folder of bare repositories over SSH until its standard
// input ends.
func sshServer(folder string) error {
	var once sync.Once // a benchmark that ends early is run again
	var err error
	testing.Benchmark(func(b *testing.B) {
		once.Do(func() {
			s := gitwiretest.NewSSHServer(b, folder, gitwiretest.SSHOptions{})
			if err = json.NewEncoder(os.Stdout).Encode(sshHost{s.URL, s.KnownHosts, s.Key}); err == nil {
				_, err = io.Copy(io.Discard, os.Stdin)
			}
		})
	})
	return err
}

// sshPolls is how many looks are timed one after the other.
const sshPolls = 32

// BenchmarkPollSSH looks at a branch that has not moved, over SSH with kept
// connections, against `git ls-remote` with the machine's ssh, where there is one.
func BenchmarkPollSSH(b *testing.B) {
	folder := b.TempDir()
	gitwiretest.NewRepoAt(b, filepath.Join(folder, "small.git")).Commit(map[string]string{"a": "1"})
	var host sshHost
	startServer(b, serveSSH, folder, &host)
	address := host.URL + "/small.git"
	auth, err := transport.SSHKey(address, host.Key)
	if err != nil {
		b.Fatal(err)
	}

	network := transport.NewNetwork(transport.NetworkOptions{AllowLoopback: true, KnownHosts: host.KnownHosts})
	defer network.Close()

	look := looking(b, gitwire.Options{URL: address, Network: network, Auth: auth})
	cpu, took := timed(look, sshPolls)
	used := row{
		what: "poll small.git over SSH, CPU of the client",
		ours: fmt.Sprintf("%.2f ms (%.1f ms until the answer)", milliseconds(cpu), milliseconds(took)),
		peer: "-", ratio: "-", budget: "-", kept: true,
	}
	if theirs, ok := lsRemoteSSH(b, host, address); ok {
		used.peer = fmt.Sprintf("git ls-remote %.0f ms", milliseconds(theirs))
		used.ratio = fmt.Sprintf("1/%.0f", float64(theirs)/float64(cpu))
	}

	report(b, used)
}

func lsRemoteSSH(b *testing.B, host sshHost, address string) (cpu time.Duration, ok bool) {
	b.Helper()
	ssh, err := exec.LookPath("ssh")
	if err != nil {
		return 0, false
	}

	key := filepath.Join(b.TempDir(), "key")
	if err := os.WriteFile(key, []byte(host.Key), 0o600); err != nil {
		b.Fatal(err)
	}

	for range lsPolls {
		cmd := exec.Command("git", "ls-remote", address, "refs/heads/main")
		cmd.Env = append(gitwiretest.Environment(), "PATH="+os.Getenv("PATH"),
			"GIT_SSH_COMMAND="+ssh+" -F none -i '"+key+
				"' -o IdentitiesOnly=yes -o BatchMode=yes -o StrictHostKeyChecking=yes -o UserKnownHostsFile='"+
				host.KnownHosts+"'")
		cpu += run(b, cmd)
	}

	return cpu / lsPolls, true
}
