//go:build unix

package gitwire_test

import (
	"encoding/base64"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/lockstephq/lockstep/internal/gitwire"
	"github.com/lockstephq/lockstep/internal/gitwire/giterr"
	"github.com/lockstephq/lockstep/internal/gitwire/gitwiretest"
	"github.com/lockstephq/lockstep/internal/gitwire/object"
	"github.com/lockstephq/lockstep/internal/gitwire/transport"
)

// reading looks at a repository in both ways: its files, and through git.
func reading(t *testing.T, r *gitwire.Remote, commit object.ID) error {
	t.Helper()
	_, err := r.Refs(t.Context(), []string{gitwiretest.Main})
	_, err2 := r.Snapshot(t.Context(), commit, nil)
	if (err == nil) != (err2 == nil) {
		t.Errorf("its refs: %v, its objects: %v", err, err2)
	}
	return err
}

func TestAttack04ARepositoryThatIsReplacedAfterOpening(t *testing.T) {
	outside := gitwiretest.NewRepoAt(t, filepath.Join(real(t), "secret.git"))
	secret := id(t, outside.Commit(map[string]string{"a": "secret"}))
	tests := map[string]func(dir string) error{
		"a link": func(dir string) error {
			return errors.Join(os.Rename(dir, dir+".old"), os.Symlink(outside.Dir, dir))
		},
		"a link above": func(dir string) error {
			parent := filepath.Dir(dir)
			return errors.Join(os.Rename(parent, parent+".old"), os.Symlink(filepath.Dir(outside.Dir), parent),
				os.Symlink(outside.Dir, filepath.Join(filepath.Dir(outside.Dir), "repo.git")))
		},
		"a working copy whose .git leads elsewhere": func(dir string) error {
			return errors.Join(os.Rename(dir, dir+".old"), os.Mkdir(dir, 0o755),
				os.Symlink(outside.Dir, filepath.Join(dir, ".git")))
		},
		"alternates": func(dir string) error {
			return os.WriteFile(filepath.Join(dir, "objects", "info", "alternates"),
				[]byte(filepath.Join(outside.Dir, "objects")+"\n"), 0o644)
		},
	}
	for name, replace := range tests {
		t.Run(name, func(t *testing.T) {
			base := real(t)
			repo := gitwiretest.NewRepoAt(t, filepath.Join(base, "team", "repo.git"))
			own := id(t, repo.Commit(map[string]string{"a": "1"}))
			remote := open(t, gitwire.Options{Path: repo.Dir, Roots: []string{base}})
			if err := reading(t, remote, own); err != nil {
				t.Fatal(err)
			}

			if err := replace(repo.Dir); err != nil {
				t.Fatal(err)
			}

			if err := reading(t, remote, secret); !errors.Is(err, giterr.ErrRoot) {
				t.Errorf("got %v", err)
			}
		})
	}
}

func TestAttack08ARepositorysConfigurationRunsNothing(t *testing.T) {
	repo := gitwiretest.NewRepo(t)
	commit := id(t, repo.Commit(map[string]string{"a": "1", "b/c": "2"}))
	ran := filepath.Join(t.TempDir(), "ran")
	hook := script(t, "echo \"$0 $*\" >>"+ran+"; exec \"$@\"")
	for _, key := range []string{
		"uploadpack.packObjectsHook", "core.fsmonitor", "core.sshCommand", "core.gitProxy",
		"core.alternateRefsCommand", "core.pager",
		"core.editor", "core.askPass", "credential.helper", "diff.external", "gpg.program", "filter.x.smudge",
		"filter.x.process",
	} {
		repo.Git("config", key, hook)
	}

	repo.Git("config", "core.hooksPath", filepath.Dir(hook))
	repo.Git("config", "alias.upload-pack", "!"+hook)
	repo.Git("config", "protocol.allow", "always")
	repo.Git("config", "protocol.ext.allow", "always")

	// A partial clone asks its remote for what is missing, which may be a command.
	repo.Git("config", "remote.p.url", "ext::"+hook+" %S")
	repo.Git("config", "remote.p.promisor", "true")
	repo.Git("config", "core.repositoryFormatVersion", "1")
	repo.Git("config", "extensions.partialClone", "p")
	remote := open(t, gitwire.Options{Path: repo.Dir, Roots: []string{repo.Dir}})
	snapshot, err := remote.Snapshot(t.Context(), commit, nil)
	if err != nil {
		t.Fatal(err)
	}

	if b, err := snapshot.Tree(t.Context()).ReadFile("b/c"); err != nil || string(b) != "2" {
		t.Errorf("got %q, %v", b, err)
	}

	if _, err := remote.Snapshot(t.Context(), object.ID{1}, nil); err == nil {
		t.Error("a commit that is nowhere was read")
	}

	if b, err := os.ReadFile(ran); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("it ran %s, %v", b, err)
	}
}

// A server may answer with what it was sent, to be helpful.
func TestAttack18WhatAServerRepeatsIsHidden(t *testing.T) {
	const secret = `canary"of\the mine`
	pair := base64.StdEncoding.EncodeToString([]byte("ann:" + secret))
	say := map[string]http.HandlerFunc{
		"in a text": func(w http.ResponseWriter, r *http.Request) {
			http.Error(w, "You sent "+r.Header.Get("Authorization")+" which is "+secret, http.StatusUnauthorized)
		},
		"where it is cut": func(w http.ResponseWriter, r *http.Request) {
			http.Error(w, strings.Repeat("x", 190)+secret, http.StatusForbidden)
		},
		"in an error of the protocol": func(w http.ResponseWriter, r *http.Request) {
			w.Header().Set("Content-Type", "application/x-git-upload-pack-advertisement")
			line := "ERR no " + pair + "\n"
			_, _ = fmt.Fprintf(w, "%04x%s", len(line)+4, line)
		},
		"in a redirect": func(w http.ResponseWriter, r *http.Request) {
			http.Redirect(w, r, "https://elsewhere.example/"+pair, http.StatusFound)
		},
	}
	for name, handler := range say {
		t.Run(name, func(t *testing.T) {
			server := httptest.NewServer(handler)
			t.Cleanup(server.Close)
			network := transport.NewNetwork(transport.NetworkOptions{AllowLoopback: true})
			t.Cleanup(network.Close)
			r := open(t, gitwire.Options{
				URL:     server.URL + "/a",
				Network: network,
				Auth:    transport.Basic(server.URL, "ann", secret),
			})
			_, err := r.Refs(t.Context(), []string{gitwiretest.Main})
			if err == nil {
				t.Fatal("got no error")
			}

			if !strings.Contains(err.Error(), "****") {
				t.Errorf("%q does not contain %q", err.Error(), "****")
			}

			if strings.Contains(err.Error(), pair[:8]) {
				t.Errorf("%q contains %q", err.Error(), pair[:8])
			}

			if strings.Contains(err.Error(), secret[:8]) {
				t.Errorf("%q contains %q", err.Error(), secret[:8])
			}
		})
	}
}
