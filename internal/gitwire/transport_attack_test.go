package gitwire_test

import (
	"bytes"
	"errors"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"strconv"
	"testing"

	"github.com/lockstephq/lockstep/internal/gitwire"
	"github.com/lockstephq/lockstep/internal/gitwire/giterr"
	"github.com/lockstephq/lockstep/internal/gitwire/gitwiretest"
)

// Git itself runs a program for some of these, and reads local files for others.
func TestAttack07NoOtherTransportIsUsed(t *testing.T) {
	repo := gitwiretest.NewRepoAt(t, filepath.Join(t.TempDir(), "app.git"))
	repo.Commit(map[string]string{"a": "1"})
	marker := filepath.Join(t.TempDir(), "marker")
	for _, address := range []string{
		"ext::sh -c touch% " + marker,
		"fd::17/app",
		"file://" + repo.Dir,
		repo.Dir,
		"git://git.example.com/app.git",
		"ftp://git.example.com/app.git",
		"rsync://git.example.com/app.git",
		"bundle:///srv/app.bundle",
		"persistent-https://git.example.com/app.git",
		"ssh://-oProxyCommand=touch " + marker + "/app.git",
		"--upload-pack=touch " + marker,
	} {
		t.Run(address, func(t *testing.T) {
			remote, err := gitwire.Open(gitwire.Options{URL: address})
			if err == nil {
				defer remote.Close()
				_, err = remote.Head(t.Context())
			}
			if err == nil {
				t.Error("the URL is read")
			}
			if _, err := os.Stat(marker); !errors.Is(err, os.ErrNotExist) {
				t.Errorf("a command was run: %v", err)
			}
		})
	}
}

func TestAttack07NoRedirectLeadsToAnotherTransport(t *testing.T) {
	repo := gitwiretest.NewRepoAt(t, filepath.Join(t.TempDir(), "app.git"))
	repo.Commit(map[string]string{"a": "1"})
	for _, to := range []string{
		"file://" + repo.Dir + "/info/refs",
		"ext::sh -c true/info/refs",
		"git://git.example.com/app.git/info/refs",
		"ssh://git.example.com/app.git/info/refs",
	} {
		t.Run(to, func(t *testing.T) {
			_, _, address := served(t, gitwiretest.Options{Wrap: func(http.Handler) http.Handler {
				return http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
					w.Header().Set("Location", to)
					w.WriteHeader(http.StatusFound)
				})
			}})

			_, err := open(t, gitwire.Options{URL: address}).Head(t.Context())
			if !errors.Is(err, giterr.ErrRedirect) {
				t.Errorf("the error is %v, want %v", err, giterr.ErrRedirect)
			}
		})
	}
}

// What is kept of a repository is found by the hash of its content. A server that sends
// something else under a known name must not get it there.
func TestAttack25ASnapshotIsOfTheCommitThatWasAskedFor(t *testing.T) {
	var asked, sent string
	swap := func(next http.Handler) http.Handler {
		return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			body, err := io.ReadAll(r.Body)
			if err != nil {
				t.Error(err)
			}
			if sent != "" {
				body = bytes.ReplaceAll(body, []byte("want "+asked), []byte("want "+sent))
			}
			r.Body = io.NopCloser(bytes.NewReader(body))
			r.ContentLength = int64(len(body))
			r.Header.Set("Content-Length", strconv.Itoa(len(body)))
			next.ServeHTTP(w, r)
		})
	}
	repo, _, url := served(t, gitwiretest.Options{Wrap: swap})
	asked = repo.Commit(map[string]string{"a": "reviewed"})
	other := repo.CommitTo("refs/heads/other", map[string]string{"a": "poisoned"})
	remote := open(t, gitwire.Options{URL: url})

	sent = other
	if _, err := remote.Snapshot(t.Context(), id(t, asked), nil); err == nil {
		t.Fatal("a snapshot of another commit is returned")
	}

	sent = ""
	snapshot, err := remote.Snapshot(t.Context(), id(t, asked), nil)
	if err != nil {
		t.Fatal(err)
	}
	equal(t, "commit", id(t, asked), snapshot.Commit())
	content, err := snapshot.Tree(t.Context()).Open("a")
	if err != nil {
		t.Fatal(err)
	}
	defer content.Close()
	text, err := io.ReadAll(content)
	if err != nil {
		t.Fatal(err)
	}
	equal(t, "content", "reviewed", string(text))
}
