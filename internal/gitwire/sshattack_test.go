package gitwire_test

import (
	"crypto/ed25519"
	"crypto/rand"
	"errors"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/lockstephq/lockstep/internal/gitwire"
	"github.com/lockstephq/lockstep/internal/gitwire/giterr"
	"github.com/lockstephq/lockstep/internal/gitwire/gitwiretest"
	"github.com/lockstephq/lockstep/internal/gitwire/transport"
)

func TestAttack06APathCannotLeaveItsQuotes(t *testing.T) {
	repo, srv := servedSSH(t, gitwiretest.SSHOptions{})
	repo.Commit(map[string]string{"a": "1"})
	network, auth := sshNetwork(t, srv.KnownHosts), sshKey(t, srv.URL, srv.Key)
	for _, path := range []string{
		"/a'b", "/a%27;touch%20x;%27", "/a%5Cb", "/a%22b", "/a%60id%60", "/$(id)", "/a;id", "/a&b", "/a%7Cid",
		"/a%0Aid", "/a%00b", "/a!b",
		"/a%3Cb", "/a*", "/a%E2%80%99b", "/../app", "/team/./app.git", "", "/", "/a%FFb",
	} {
		_, err := gitwire.Open(gitwire.Options{URL: srv.URL + path, Auth: auth, Network: network})
		if !errors.Is(err, giterr.ErrURL) {
			t.Errorf("%s: got %v", path, err)
		}
	}

	equal(t, "connections", int64(0), srv.Connections())
	for path, want := range map[string]string{
		"/team/app.git":             "'/team/app.git'",
		"/v3/acme/My%20Project/web": "'/v3/acme/My Project/web'",
		"/~ann/app/":                "'~ann/app'",
		"/-x":                       "'/-x'", "/Überblick": "'/Überblick'",
	} {
		r := open(t, gitwire.Options{URL: srv.URL + path, Auth: auth, Network: network})
		_, _ = mainOf(t, r)
		if got := srv.Commands(); len(got) == 0 || got[0] != "git-upload-pack "+want {
			t.Errorf("%s: ran %q", path, got)
		}
	}
}

func TestAttack05ASSHHostOrUserIsNoOption(t *testing.T) {
	key := gitwiretest.NewSSHKey(t)
	for _, address := range []string{
		"ssh://-oProxyCommand=x/app", "ssh://-x/app", "ssh://git@-x/app",
		"ssh://-oProxyCommand@git.example.com/app", "ssh://a%20b@git.example.com/app",
		"ssh://a%0Ab@git.example.com/app", "ssh:app", "ssh://git@git.example.com/app?x",
		"ssh://git@git.example.com/app#x",
	} {
		auth := sshKey(t, address, key)
		if _, err := gitwire.Open(gitwire.Options{URL: address, Auth: auth}); !errors.Is(err, giterr.ErrURL) {
			t.Errorf("%s: got %v", address, err)
		}
	}
}

func TestAttack16SSHDialsNoForbiddenAddress(t *testing.T) {
	_, srv := servedSSH(t, gitwiretest.SSHOptions{})
	_, port, _ := net.SplitHostPort(srv.Address)
	everything := transport.NetworkOptions{AllowLoopback: true, AllowPrivate: true}
	for host, policy := range map[string]transport.NetworkOptions{
		"127.0.0.1": {}, "localhost": {AllowPrivate: true}, "[::ffff:127.0.0.1]": {}, "10.0.0.1": {AllowLoopback: true},
		"169.254.169.254":          everything,
		"[fd00:ec2::254]":          everything,
		"[::ffff:169.254.169.254]": everything,
		"[fe80::1]":                everything,
	} {
		address := fmt.Sprintf("ssh://git@%s:%s/app", host, port)
		network := transport.NewNetwork(policy)
		r := open(t, gitwire.Options{URL: address, Auth: sshKey(t, address, srv.Key), Network: network})
		if _, err := mainOf(t, r); !errors.Is(err, giterr.ErrAddress) {
			t.Errorf("%s: got %v", host, err)
		}
	}

	equal(t, "connections", int64(0), srv.Connections())
}

func TestAttack17ASSHKeyIsBoundToItsHostAndPort(t *testing.T) {
	key := gitwiretest.NewSSHKey(t)
	const address = "ssh://git@git.example.com/app"
	for _, origin := range []string{
		"ssh://git.example.com:2222", "ssh://git.example.com.evil.example", "ssh://evil.example",
		"https://git.example.com", "", "::",
	} {
		_, err := gitwire.Open(gitwire.Options{URL: address, Auth: sshKey(t, origin, key)})
		if !errors.Is(err, giterr.ErrURL) {
			t.Errorf("%s: got %v", origin, err)
		}
	}

	for _, origin := range []string{"ssh://git.example.com", "ssh://ann@GIT.example.com:22/other"} {
		if _, err := gitwire.Open(gitwire.Options{URL: address, Auth: sshKey(t, origin, key)}); err != nil {
			t.Errorf("%s: %v", origin, err)
		}
	}

	for _, options := range []gitwire.Options{
		{URL: address, Auth: transport.Bearer(address, "hunter2")},
		{URL: address, Auth: transport.Basic(address, "git", "hunter2")},
		{URL: "https://git.example.com/app", Auth: sshKey(t, "https://git.example.com", key)},
	} {
		if _, err := gitwire.Open(options); !errors.Is(err, giterr.ErrURL) || strings.Contains(err.Error(), "hunter2") {
			t.Errorf("%s: got %v", options.URL, err)
		}
	}
}

// An attacker who knows a public key can write a file that pairs it with another
// private key.
func TestAttack17AForgedKeyIsNotLetIntoAKeptConnection(t *testing.T) {
	public, private, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		t.Fatal(err)
	}

	forged := make(ed25519.PrivateKey, ed25519.PrivateKeySize)
	copy(forged[ed25519.SeedSize:], public)
	right := gitwiretest.SSHKey(t, private)
	repo, srv := servedSSH(t, gitwiretest.SSHOptions{Keys: []string{right}})
	repo.Commit(map[string]string{"a": "1"})
	network := sshNetwork(t, srv.KnownHosts)
	address := srv.URL + "/team/app.git"
	if _, err := mainOf(t, open(t, gitwire.Options{URL: address, Auth: sshKey(t, address, right),
		Network: network})); err != nil {
		t.Fatal(err)
	}

	auth, err := transport.SSHKey(address, gitwiretest.SSHKey(t, forged))
	if err != nil {
		return // refused where it is read, which is as good
	}

	if got, err := mainOf(t, open(t, gitwire.Options{URL: address, Auth: auth, Network: network})); err == nil {
		t.Errorf("read %s", got)
	}
}

func TestAttack17AKeptConnectionServesOneUserAlone(t *testing.T) {
	repo, srv := servedSSH(t, gitwiretest.SSHOptions{})
	repo.Commit(map[string]string{"a": "1"})
	network := sshNetwork(t, srv.KnownHosts)
	for n, user := range []string{"git", "ann"} {
		address := "ssh://" + user + "@" + srv.Address + "/team/app.git"
		if _, err := mainOf(t, open(t, gitwire.Options{URL: address, Auth: sshKey(t, address, srv.Key),
			Network: network})); err != nil {
			t.Fatal(err)
		}
		equal(t, "connections", int64(n+1), srv.Connections())
	}
}

func TestAttack18ASSHKeyShowsNothing(t *testing.T) {
	key := gitwiretest.NewSSHKey(t)
	auth := sshKey(t, "ssh://git.example.com", key)
	middle := key[len(key)/2 : len(key)/2+20]
	for _, verb := range []string{"%v", "%+v", "%#v", "%s", "%q", "%x"} {
		for _, thing := range []any{auth, &auth, gitwire.Options{Auth: auth}} {
			if text := fmt.Sprintf(verb, thing); strings.Contains(text, middle) ||
				strings.Contains(text, fmt.Sprintf("%x", middle)) {
				t.Errorf("%s shows the key: %s", verb, text)
			}
		}
	}
}

func TestAttack29OnlyAKnownHostKeyIsAccepted(t *testing.T) {
	mine, other := gitwiretest.NewSSHKey(t), gitwiretest.NewSSHKey(t)
	repo, srv := servedSSH(t, gitwiretest.SSHOptions{HostKeys: []string{mine}})
	repo.Commit(map[string]string{"a": "1"})
	mark := func(prefix, file string) string {
		text, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}

		marked := filepath.Join(t.TempDir(), "known_hosts")
		if err := os.WriteFile(marked, append([]byte(prefix+string(text)), text...), 0o600); err != nil {
			t.Fatal(err)
		}

		return marked
	}

	host, _, _ := net.SplitHostPort(srv.Address)
	for name, row := range map[string]struct{ file, want string }{
		"no file":      {"", "unknown key"},
		"not listed":   {gitwiretest.KnownHosts(t, "other.example.com", mine), "unknown key"},
		"other port":   {gitwiretest.KnownHosts(t, host+":22", mine), "unknown key"},
		"changed":      {gitwiretest.KnownHosts(t, srv.Address, other), "not the known one"},
		"revoked":      {mark("@revoked ", srv.KnownHosts), "revokes"},
		"missing file": {filepath.Join(t.TempDir(), "none"), "cannot be read"},
	} {
		r := open(t, gitwire.Options{
			URL:     srv.URL + "/team/app.git",
			Auth:    sshKey(t, srv.URL, srv.Key),
			Network: sshNetwork(t, row.file),
		})
		_, err := mainOf(t, r)
		if !errors.Is(err, giterr.ErrHostKey) || !strings.Contains(err.Error(), row.want) {
			t.Errorf("%s: got %v", name, err)
		}

		if name != "missing file" && (!strings.Contains(err.Error(), gitwiretest.SSHFingerprint(t, mine)) ||
			!strings.Contains(err.Error(), srv.Address[strings.LastIndex(srv.Address, ":"):])) {
			t.Errorf("%s: neither fingerprint nor host in %v", name, err)
		}
	}

	if got := srv.Commands(); len(got) > 0 {
		t.Errorf("ran %q", got)
	}
}

func TestAttack29ALineThatIsAddedHoldsAtOnce(t *testing.T) {
	repo, srv := servedSSH(t, gitwiretest.SSHOptions{})
	repo.Commit(map[string]string{"a": "1"})
	file := filepath.Join(t.TempDir(), "known_hosts")
	text, err := os.ReadFile(srv.KnownHosts)
	if err != nil {
		t.Fatal(err)
	}

	r := open(t, gitwire.Options{
		URL:     srv.URL + "/team/app.git",
		Auth:    sshKey(t, srv.URL, srv.Key),
		Network: sshNetwork(t, file),
	})
	for _, want := range []error{giterr.ErrHostKey, nil} {
		if _, err := mainOf(t, r); !errors.Is(err, want) {
			t.Errorf("got %v, want %v", err, want)
		}
		if err := os.WriteFile(file, text, 0o600); err != nil {
			t.Fatal(err)
		}
	}
}

func TestSSHServerWithSeveralKeysIsAskedForTheKnownOne(t *testing.T) {
	curve, modern := ecdsaKey(t), gitwiretest.NewSSHKey(t)
	repo, srv := servedSSH(t, gitwiretest.SSHOptions{HostKeys: []string{modern, curve}})
	want := id(t, repo.Commit(map[string]string{"a": "1"}))
	for _, known := range []string{curve, modern} {
		srv.KnownHosts = gitwiretest.KnownHosts(t, srv.Address, known)
		if got, err := mainOf(t, openSSH(t, srv, gitwire.Limits{})); err != nil || got != want {
			t.Errorf("main: %s, %v", got, err)
		}
	}
}
