package gitwire_test

import (
	"context"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"path/filepath"
	"strings"
	"testing"

	"github.com/lockstephq/lockstep/internal/gitwire"
	"github.com/lockstephq/lockstep/internal/gitwire/giterr"
	"github.com/lockstephq/lockstep/internal/gitwire/gitwiretest"
	"github.com/lockstephq/lockstep/internal/gitwire/transport"
)

func inPEM(c *x509.Certificate) string {
	return string(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: c.Raw}))
}

func TestAHostsOwnCertificateIsTrustedWhereItWasGiven(t *testing.T) {
	folder := t.TempDir()
	sha := gitwiretest.NewRepoAt(t, filepath.Join(folder, "a.git")).Commit(map[string]string{"a": "1"})
	server := gitwiretest.NewServer(t, folder, gitwiretest.Options{TLS: true})
	network := transport.NewNetwork(transport.NetworkOptions{AllowLoopback: true})
	defer network.Close()

	certificate := inPEM(server.Certificate())
	trusting, err := network.Trusting(certificate)
	if err != nil {
		t.Fatal(err)
	}

	if same, err := network.Trusting(certificate); same != trusting || err != nil {
		t.Errorf("the same certificate gives another network: %v", err)
	}

	if same, err := network.Trusting(""); same != network || err != nil {
		t.Errorf("no certificate gives another network: %v", err)
	}

	if _, err := network.Trusting("-----BEGIN NONSENSE-----"); !errors.Is(err, giterr.ErrCertificate) {
		t.Errorf("nonsense: %v", err)
	}

	for _, row := range []struct {
		network *transport.Network
		want    error
	}{{network, giterr.ErrCertificate}, {trusting, nil}} {
		remote, err := gitwire.Open(gitwire.Options{URL: server.URL + "/a.git", Network: row.network})
		if err != nil {
			t.Fatal(err)
		}

		refs, err := remote.Refs(t.Context(), []string{"refs/heads/main"})
		if !errors.Is(err, row.want) || err == nil && refs["refs/heads/main"].String() != sha {
			t.Errorf("refs %v, %v; want %v", refs, err, row.want)
		}
	}
}

func TestAPasswordThatPassesAwayIsAskedForEachTime(t *testing.T) {
	folder := t.TempDir()
	gitwiretest.NewRepoAt(t, filepath.Join(folder, "a.git")).Commit(map[string]string{"a": "1"})
	server := gitwiretest.NewServer(t, folder, gitwiretest.Options{User: "x-access-token", Password: "second-token"})
	network := transport.NewNetwork(transport.NetworkOptions{AllowLoopback: true})
	defer network.Close()

	var now string
	var broken error
	auth := transport.BasicFunc(server.URL, "x-access-token", func(context.Context) (string, error) {
		return now, broken
	})
	remote, err := gitwire.Open(gitwire.Options{URL: server.URL + "/a.git", Network: network, Auth: auth})
	if err != nil {
		t.Fatal(err)
	}

	refs := func() error {
		_, err := remote.Refs(t.Context(), []string{"refs/heads/main"})
		return err
	}
	now = "first-token"
	if err := refs(); !errors.Is(err, giterr.ErrUnauthorized) {
		t.Errorf("with the first: %v", err)
	}

	now = "second-token"
	if err := refs(); err != nil {
		t.Errorf("with the second: %v", err)
	}

	now = "canary\r\nX: y"
	if err := refs(); err == nil || strings.Contains(err.Error(), "canary") {
		t.Errorf("with control characters: %v", err)
	}

	now, broken = "", errors.New("the application was removed")
	if err := refs(); !errors.Is(err, broken) {
		t.Errorf("with none: %v", err)
	}

	if shown := auth.String(); shown != "hidden" {
		t.Errorf("printed as %s", shown)
	}
}
