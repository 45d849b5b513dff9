package gitwire_test

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"encoding/pem"
	"errors"
	"fmt"
	"io"
	"net"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"golang.org/x/crypto/ssh"

	"github.com/lockstephq/lockstep/internal/gitwire"
	"github.com/lockstephq/lockstep/internal/gitwire/giterr"
	"github.com/lockstephq/lockstep/internal/gitwire/gitwiretest"
	"github.com/lockstephq/lockstep/internal/gitwire/object"
	"github.com/lockstephq/lockstep/internal/gitwire/transport"
)

const overSSH = "git-upload-pack '/team/app.git'"

// servedSSH makes a repository with an SSH server in front of it.
func servedSSH(t testing.TB, o gitwiretest.SSHOptions) (*gitwiretest.Repo, *gitwiretest.SSHServer) {
	t.Helper()
	dir := t.TempDir()
	return gitwiretest.NewRepoAt(t, filepath.Join(dir, "team/app.git")), gitwiretest.NewSSHServer(t, dir, o)
}

func sshNetwork(t testing.TB, knownHosts string) *transport.Network {
	t.Helper()
	n := transport.NewNetwork(transport.NetworkOptions{AllowLoopback: true, KnownHosts: knownHosts})
	t.Cleanup(n.Close)
	return n
}

func sshKey(t testing.TB, origin, private string) transport.Auth {
	t.Helper()
	auth, err := transport.SSHKey(origin, private)
	if err != nil {
		t.Fatal(err)
	}
	return auth
}

// openSSH opens the repository of servedSSH with the accepted key.
func openSSH(t testing.TB, s *gitwiretest.SSHServer, l gitwire.Limits) *gitwire.Remote {
	t.Helper()
	return open(t, gitwire.Options{
		URL:     s.URL + "/team/app.git",
		Auth:    sshKey(t, s.URL, s.Key),
		Network: sshNetwork(t, s.KnownHosts),
		Limits:  l,
	})
}

func mainOf(t testing.TB, r *gitwire.Remote) (object.ID, error) {
	t.Helper()
	refs, err := r.Refs(t.Context(), []string{gitwiretest.Main})
	return refs[gitwiretest.Main], err
}

func TestSSHReadsRefsAndFilesOverOneConnection(t *testing.T) {
	repo, srv := servedSSH(t, gitwiretest.SSHOptions{})
	first := id(t, repo.Commit(map[string]string{"a": "1", "dir/b": "2"}))
	remote := openSSH(t, srv, gitwire.Limits{})
	base, err := remote.Snapshot(t.Context(), first, nil)
	if err != nil {
		t.Fatal(err)
	}

	second := id(t, repo.Commit(map[string]string{"dir/b": "3"}))
	if got, err := mainOf(t, remote); err != nil || got != second {
		t.Fatalf("main: %s, %v; want %s", got, err, second)
	}

	next, err := remote.Snapshot(t.Context(), second, base)
	if err != nil {
		t.Fatal(err)
	}

	for path, want := range map[string]string{"a": "1", "dir/b": "3"} {
		if got, err := next.Tree(t.Context()).ReadFile(path); err != nil || string(got) != want {
			t.Errorf("%s: %q, %v", path, got, err)
		}
	}

	equal(t, "connections", int64(1), srv.Connections())
}

func TestSSHPollIsOneCommand(t *testing.T) {
	repo, srv := servedSSH(t, gitwiretest.SSHOptions{})
	repo.Commit(map[string]string{"a": "1"})
	r := openSSH(t, srv, gitwire.Limits{})
	for _, want := range [][]string{{overSSH, overSSH}, {overSSH}, {overSSH}} {
		if _, err := mainOf(t, r); err != nil {
			t.Fatal(err)
		}
		equal(t, "commands", want, srv.Commands())
	}
}

func TestSSHServerThatTakesNoVersionIsReadInTheOldProtocol(t *testing.T) {
	for _, noFilter := range []bool{false, true} {
		repo, srv := servedSSH(t, gitwiretest.SSHOptions{RefuseEnv: true, NoFilter: noFilter})
		commit := id(t, repo.Commit(map[string]string{"a": "1", "dir/b": "2"}))
		remote := openSSH(t, srv, gitwire.Limits{})
		if got, err := mainOf(t, remote); err != nil || got != commit {
			t.Fatalf("main: %s, %v; want %s", got, err, commit)
		}

		snapshot, err := remote.Snapshot(t.Context(), commit, nil)
		if err != nil {
			t.Fatal(err)
		}

		if b, err := snapshot.Tree(t.Context()).ReadFile("dir/b"); err != nil || string(b) != "2" {
			t.Errorf("dir/b: %q, %v", b, err)
		}

		equal(t, "connections", int64(1), srv.Connections())
	}
}

func ecdsaKey(t testing.TB) string {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	return gitwiretest.SSHKey(t, key)
}

func TestSSHKeysOfEveryKind(t *testing.T) {
	large, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		t.Fatal(err)
	}

	keys := map[string]string{
		"ed25519": gitwiretest.NewSSHKey(t), "rsa": gitwiretest.SSHKey(t, large), "ecdsa": ecdsaKey(t),
	}
	for name, key := range keys {
		t.Run(name, func(t *testing.T) {
			repo, srv := servedSSH(t, gitwiretest.SSHOptions{Keys: []string{key}, HostKeys: []string{key}})
			want := id(t, repo.Commit(map[string]string{"a": "1"}))
			srv.Key = key

			if got, err := mainOf(t, openSSH(t, srv, gitwire.Limits{})); err != nil || got != want {
				t.Errorf("main: %s, %v", got, err)
			}
		})
	}
}

func TestSSHKeyNeverSignsWithSHA1(t *testing.T) {
	key, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		t.Fatal(err)
	}
	_, srv := servedSSH(t, gitwiretest.SSHOptions{SHA1: true, Keys: []string{gitwiretest.SSHKey(t, key)}})
	srv.Key = gitwiretest.SSHKey(t, key)
	if _, err := mainOf(t, openSSH(t, srv, gitwire.Limits{})); !errors.Is(err, giterr.ErrUnauthorized) {
		t.Errorf("got %v", err)
	}
}

func TestSSHKeyThatCannotBeUsedIsRefusedWithAReason(t *testing.T) {
	small, err := rsa.GenerateKey(rand.Reader, 1024)
	if err != nil {
		t.Fatal(err)
	}

	curve, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}

	locked, err := ssh.MarshalPrivateKeyWithPassphrase(curve, "", []byte("hunter2"))
	if err != nil {
		t.Fatal(err)
	}

	for name, row := range map[string]struct{ key, want string }{
		"passphrase": {string(pem.EncodeToMemory(locked)), "has a passphrase"},
		"small":      {gitwiretest.SSHKey(t, small), "1024 bits"},
		"token":      {"hunter2", "not a private key"},
		"empty":      {"", "not a private key"},
		"public": {"ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIOMqqnkVzrm0SdG6UOoqKLsabgH5C9okWi0dh2l9GKJl",
			"not a private key"},
	} {
		_, err := transport.SSHKey("ssh://git.example.com", row.key)
		if !errors.Is(err, giterr.ErrURL) {
			t.Fatalf("%s: got %v, want %v", name, err, giterr.ErrURL)
		}

		if !strings.Contains(err.Error(), row.want) {
			t.Errorf("%s: %q does not contain %q", name, err.Error(), row.want)
		}

		if strings.Contains(err.Error(), "hunter2") {
			t.Errorf("%s: %q contains %q", name, err.Error(), "hunter2")
		}
	}
}

func TestSSHServerSaysWhoHasToAct(t *testing.T) {
	repo, srv := servedSSH(t, gitwiretest.SSHOptions{})
	repo.Commit(map[string]string{"a": "1"})
	network := sshNetwork(t, srv.KnownHosts)
	stranger := sshKey(t, srv.URL, gitwiretest.NewSSHKey(t))
	for _, row := range []struct {
		path string
		auth transport.Auth
		want error
	}{
		{"/team/app.git", stranger, giterr.ErrUnauthorized},
		{"/team/other.git", sshKey(t, srv.URL, srv.Key), giterr.ErrNotFound},
	} {
		remote := open(t, gitwire.Options{URL: srv.URL + row.path, Auth: row.auth, Network: network})
		if _, err := mainOf(t, remote); !errors.Is(err, row.want) {
			t.Errorf("%s: got %v, want %v", row.path, err, row.want)
		}
	}

	remote := openSSH(t, srv, gitwire.Limits{})
	_, err := remote.Snapshot(t.Context(), id(t, "1234567812345678123456781234567812345678"), nil)
	if !errors.Is(err, giterr.ErrMissing) {
		t.Errorf("an object that is not there: %v", err)
	}
}

func TestSSHExitStatusTellsAMissingRepositoryFromAnOutage(t *testing.T) {
	for status, want := range map[uint32]error{
		0:   giterr.ErrProtocol,
		1:   giterr.ErrNotFound,
		128: giterr.ErrNotFound,
		127: giterr.ErrVersion,
		255: giterr.ErrUnavailable,
	} {
		_, srv := servedSSH(t, gitwiretest.SSHOptions{Answer: func(_ string, _ io.Reader, _, stderr io.Writer) uint32 {
			_, _ = io.WriteString(stderr, "no\x1b[31m luck\n"+strings.Repeat("x", 1<<20))
			return status
		}})
		_, err := mainOf(t, openSSH(t, srv, gitwire.Limits{}))
		if !errors.Is(err, want) {
			t.Fatalf("status %d: got %v, want %v", status, err, want)
		}

		if strings.Contains(err.Error(), "\x1b") {
			t.Errorf("status %d: %q contains %q", status, err.Error(), "\x1b")
		}

		if len(err.Error()) > 600 {
			t.Errorf("status %d: the error has %d bytes, want at most 600", status, len(err.Error()))
		}
	}
}

func TestSSHConnectionThatDiedIsReplaced(t *testing.T) {
	repo, srv := servedSSH(t, gitwiretest.SSHOptions{})
	repo.Commit(map[string]string{"a": "1"})
	r := openSSH(t, srv, gitwire.Limits{})
	for range 3 {
		if _, err := mainOf(t, r); err != nil {
			t.Fatal(err)
		}
		srv.Drop()
	}
	equal(t, "connections", int64(3), srv.Connections())
}

func TestSSHServerWithOneSessionAConnectionIsRead(t *testing.T) {
	repo, srv := servedSSH(t, gitwiretest.SSHOptions{Once: true})
	want := id(t, repo.Commit(map[string]string{"a": "1"}))
	if got, err := mainOf(t, openSSH(t, srv, gitwire.Limits{})); err != nil || got != want {
		t.Errorf("main: %s, %v", got, err)
	}
}

func TestSSHConnectionsToAHostAreBounded(t *testing.T) {
	repo, srv := servedSSH(t, gitwiretest.SSHOptions{})
	repo.Commit(map[string]string{"a": "1"})
	network := sshNetwork(t, srv.KnownHosts)
	auth := sshKey(t, srv.URL, srv.Key)
	var all sync.WaitGroup
	for range 30 {
		r := open(t, gitwire.Options{URL: srv.URL + "/team/app.git", Auth: auth, Network: network})
		all.Go(func() {
			if _, err := mainOf(t, r); err != nil {
				t.Error(err)
			}
		})
	}

	all.Wait()
	if n := srv.Connections(); n > 8 {
		t.Errorf("%d connections", n)
	}
}

func TestSSHNetworkThatIsClosedKeepsNoConnection(t *testing.T) {
	repo, srv := servedSSH(t, gitwiretest.SSHOptions{})
	repo.Commit(map[string]string{"a": "1"})
	network := sshNetwork(t, srv.KnownHosts)
	r := open(t, gitwire.Options{URL: srv.URL + "/team/app.git", Auth: sshKey(t, srv.URL, srv.Key), Network: network})
	for n := range int64(2) {
		if _, err := mainOf(t, r); err != nil {
			t.Fatal(err)
		}
		network.Close()
		equal(t, "connections", n+1, srv.Connections())
	}
}

func TestAttack10SSHServerThatNeverSpeaksIsLeft(t *testing.T) {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}

	defer listener.Close() // connections wait in its queue

	origin := "ssh://" + listener.Addr().String()
	r := open(t, gitwire.Options{
		URL:    origin + "/app",
		Auth:   sshKey(t, origin, gitwiretest.NewSSHKey(t)),
		Limits: gitwire.Limits{Timeout: 50 * time.Millisecond},
	})
	if _, err := mainOf(t, r); !errors.Is(err, giterr.ErrUnavailable) || !strings.Contains(err.Error(), "too long") {
		t.Errorf("got %v", err)
	}
}

func TestAttack10SSHCommandThatStallsOrFloodsIsLeft(t *testing.T) {
	ref := strings.Repeat("1", 40) + " refs/heads/x\n"
	ref = fmt.Sprintf("%04x%s", len(ref)+4, ref)
	flood := func(w io.Writer, text string) {
		for {
			if _, err := io.WriteString(w, text); err != nil {
				return
			}
		}
	}
	for name, row := range map[string]struct {
		answer func(stdout, stderr io.Writer) // and then it stalls
		want   error
	}{
		"sends nothing": {func(_, _ io.Writer) {}, giterr.ErrUnavailable},
		"begins and stops": {func(out, _ io.Writer) {
			_, _ = io.WriteString(out, "000eversion 2\n")
		}, giterr.ErrUnavailable},
		"errors for ever": {func(_, stderr io.Writer) { flood(stderr, ref) }, giterr.ErrUnavailable},
		"refs for ever":   {func(out, _ io.Writer) { flood(out, ref) }, giterr.ErrLimit},
	} {
		t.Run(name, func(t *testing.T) {
			over := make(chan struct{})
			_, srv := servedSSH(t, gitwiretest.SSHOptions{Answer: func(
				_ string, _ io.Reader, out, stderr io.Writer,
			) uint32 {
				row.answer(out, stderr)
				<-over
				return 0
			}})

			t.Cleanup(func() { close(over) })
			r := openSSH(t, srv, gitwire.Limits{Timeout: 300 * time.Millisecond, RefBytes: 100 << 10})
			if _, err := mainOf(t, r); !errors.Is(err, row.want) {
				t.Errorf("got %v, want %v", err, row.want)
			}
		})
	}
}

func TestAttack10SSHAdvertisementBeforeAnAnswerIsBounded(t *testing.T) {
	var asked atomic.Int64
	_, srv := servedSSH(t, gitwiretest.SSHOptions{Answer: func(_ string, _ io.Reader, out, _ io.Writer) uint32 {
		_, err := io.WriteString(out, "000eversion 2\n000cls-refs\n000afetch\n")
		for asked.Add(1) > 1 && err == nil {
			_, err = io.WriteString(out, "000aagent\n")
		}

		_, _ = io.WriteString(out, "0000")
		return 0
	}})

	r := openSSH(t, srv, gitwire.Limits{Timeout: 5 * time.Second, RefBytes: 100 << 10})
	if _, err := mainOf(t, r); !errors.Is(err, giterr.ErrLimit) {
		t.Errorf("got %v", err)
	}
}
