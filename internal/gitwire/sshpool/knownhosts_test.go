package sshpool

import (
	"errors"
	"net"
	"os"
	"path/filepath"
	"testing"

	"github.com/google/go-cmp/cmp"
	"golang.org/x/crypto/ssh"

	"github.com/lockstephq/lockstep/internal/gitwire/giterr"
)

func TestUnreadableLinesOfKnownHostsAreSkipped(t *testing.T) {
	const line = "git.example.com ssh-ed25519 " +
		"AAAAC3NzaC1lZDI1NTE5AAAAIOMqqnkVzrm0SdG6UOoqKLsabgH5C9okWi0dh2l9GKJl\n"
	_, _, key, _, _, err := ssh.ParseKnownHosts([]byte(line))
	if err != nil {
		t.Fatal(err)
	}

	for name, junk := range map[string]string{
		"protocol 1":      "old.example.com 1024 35 12345678901\n",
		"unknown type":    "h.example.com ssh-ed448 AAAACXNzaC1lZDQ0OAAAADkB\n",
		"broken base64":   "h.example.com ssh-ed25519 !!!\n",
		"a page":          "<html>\n",
		"no key":          "h.example.com\n",
		"cut key":         "h.example.com ssh-ed25519 AAAA\n",
		"unknown marker":  "@trusted h.example.com ssh-ed25519 AAAA\n",
		"carriage return": "<html>\r\n",
	} {
		file := filepath.Join(t.TempDir(), "known_hosts")
		if err := os.WriteFile(file, []byte("# comment\n"+junk+line), 0o600); err != nil {
			t.Fatal(err)
		}

		skipped, err := CheckKnownHosts(file)
		if err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		if diff := cmp.Diff([]int{2}, skipped); diff != "" {
			t.Errorf("%s: skipped lines (-want +got):\n%s", name, diff)
		}

		check, _, err := hostKeys{file: file}.check("git.example.com:22")
		if err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		if err := check("git.example.com:22", &net.TCPAddr{}, key); err != nil {
			t.Errorf("%s: the known key is refused: %v", name, err)
		}
		if err := check("h.example.com:22", &net.TCPAddr{}, key); !errors.Is(err, giterr.ErrHostKey) {
			t.Errorf("%s: a key of a skipped line: %v, want %v", name, err, giterr.ErrHostKey)
		}
	}
}
