package sshpool

import (
	"encoding/base64"
	"errors"
	"net"
	"slices"
	"testing"

	"golang.org/x/crypto/ssh"

	"github.com/lockstephq/lockstep/internal/gitwire/giterr"
)

// published are keys as the hosts publish them.
var published = map[string]string{
	"github.com:22":    "AAAAC3NzaC1lZDI1NTE5AAAAIOMqqnkVzrm0SdG6UOoqKLsabgH5C9okWi0dh2l9GKJl",
	"gitlab.com:22":    "AAAAC3NzaC1lZDI1NTE5AAAAIAfuCHKVTjquxvt6CM6tdG4SLp1Btn/nOeHHE5UOzRdf",
	"bitbucket.org:22": "AAAAC3NzaC1lZDI1NTE5AAAAIIazEu89wgQZ4bqs3d63QSMzYVa0MuJ2e2gKTKqu+UUO",
	"ssh.dev.azure.com:22": "AAAAB3NzaC1yc2EAAAADAQABAAABAQC7Hr1oTWqNqOlzGJOfGJ4NakVyIzf1rXYd4d7wo6jBlk" +
		"LvCA4odBlL0mDUyZ0/QUfTTqeu" +
		"+tm22gOsv+VrVTMk6vwRU75gY/y9ut5Mb3bR5BV58dKXyq9A9UeB5Cakehn5Zgm6x1mKoVyf+FFn26iYqXJRgzIZZcZ5V6hrE0Qg" +
		"39kZm4az48o0AUbf6Sp4SLdvnuMa2sVNwHBboS7EJkm57XQPVU3/QpyNLHbWDdzwtrlS+ez30S3AdYhLKEOxAG8weOnyrtLJAUen" +
		"9mTkol8oII1edf7mWWbWVf0nBmly21+nZcmCTISQBtdcyPaEno7fFQMDD26/s0lfKob4Kw8H",
}

func TestAttack29PublishedKeysAreThoseOfTheirOwnHosts(t *testing.T) {
	for address := range published {
		for from, text := range published {
			blob, err := base64.StdEncoding.DecodeString(text)
			if err != nil {
				t.Fatal(err)
			}

			key, err := ssh.ParsePublicKey(blob)
			if err != nil {
				t.Fatal(err)
			}

			check, _, err := hostKeys{}.check(address)
			if err != nil {
				t.Fatal(err)
			}

			if err := check(address, &net.TCPAddr{}, key); errors.Is(err, giterr.ErrHostKey) == (from == address) {
				t.Errorf("%s shows the key of %s: %v", address, from, err)
			}

			elsewhere, _, err := hostKeys{}.check("git.example.com:22")
			if err != nil || elsewhere("git.example.com:22", &net.TCPAddr{}, key) == nil {
				t.Errorf("another host shows the key of %s", from)
			}
		}
	}
}

func TestKnownKeysAreAskedForFirstAndSHA1Never(t *testing.T) {
	for _, row := range []struct {
		known []string
		first string
	}{
		{nil, ssh.KeyAlgoED25519},
		{[]string{ssh.KeyAlgoRSA}, ssh.KeyAlgoRSASHA512},
		{[]string{ssh.KeyAlgoECDSA384, ssh.KeyAlgoRSA}, ssh.KeyAlgoECDSA384},
	} {
		got := algorithms(row.known)
		if got[0] != row.first {
			t.Errorf("%v: the first of %v is not %s", row.known, got, row.first)
		}

		if len(got) != 6 {
			t.Errorf("%v: got %d algorithms, want 6: %v", row.known, len(got), got)
		}

		if slices.Contains(got, ssh.KeyAlgoRSA) {
			t.Errorf("%v: %v contains %s", row.known, got, ssh.KeyAlgoRSA)
		}
	}
}
