//go:build unix

package gitwire_test

import (
	"context"
	"errors"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/lockstephq/lockstep/internal/gitwire"
	"github.com/lockstephq/lockstep/internal/gitwire/giterr"
	"github.com/lockstephq/lockstep/internal/gitwire/gitwiretest"
	"github.com/lockstephq/lockstep/internal/gitwire/object"
)

// real is a temporary folder by its path without links, as a Location has it.
func real(t *testing.T) string {
	t.Helper()
	dir, err := filepath.EvalSymlinks(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	return dir
}

func write(t *testing.T, path, content string) {
	t.Helper()
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, []byte(content), 0o644); err != nil {
		t.Fatal(err)
	}
}

func TestEveryKindOfLocalRepositoryIsRead(t *testing.T) {
	base := real(t)
	bare := gitwiretest.NewRepoAt(t, filepath.Join(base, "bare.git"))
	bare.Commit(map[string]string{"a": "1"})
	head := id(t, bare.Commit(map[string]string{"a": "2"}))
	work, shallow, tree := filepath.Join(base, "work"), filepath.Join(base, "shallow"), filepath.Join(base, "tree")
	gitwiretest.Git(t, "", "clone", "--quiet", bare.Dir, work)
	gitwiretest.Git(t, "", "clone", "--quiet", "--depth=1", "file://"+bare.Dir, shallow)
	gitwiretest.Git(t, work, "worktree", "add", "--quiet", "-b", "side", tree)
	gitwiretest.Git(t, shallow, "pack-refs", "--all")

	for path, branch := range map[string]string{bare.Dir: "main", work: "main", shallow: "main", tree: "side"} {
		remote := open(t, gitwire.Options{Path: path, Roots: []string{base}})
		ref := "refs/heads/" + branch
		got, err := remote.Head(t.Context())
		equal(t, path+" head", gitwire.Head{Ref: ref, ID: head}, got)
		refs, err2 := remote.Refs(t.Context(), []string{ref, "refs/heads/none"})
		equal(t, path+" refs", map[string]object.ID{ref: head}, refs)
		snapshot, err3 := remote.Snapshot(t.Context(), head, nil)
		if err := errors.Join(err, err2, err3); err != nil {
			t.Fatal(err)
		}

		content, err := snapshot.Tree(t.Context()).ReadFile("a")
		equal(t, path+" file", "2", string(content))
		history, err2 := remote.Commits(t.Context(), head, 0)
		if err := errors.Join(err, err2); err != nil {
			t.Fatal(err)
		}

		equal(t, path+" history complete", path != shallow, history.Complete)
	}
}

func TestRefsOfALocalRepositoryFollowItsFiles(t *testing.T) {
	repo := gitwiretest.NewRepo(t)
	remote := openLocal(t, repo.Dir)
	main := "refs/heads/main"
	want := func(step, commit string) {
		t.Helper()
		got, err := remote.Refs(t.Context(), []string{main})
		if err != nil {
			t.Fatal(step, err)
		}

		if got[main].String() != commit {
			t.Errorf("%s: got %v, want %s", step, got, commit)
		}
	}

	want("empty", object.ID{}.String())
	one := repo.Commit(map[string]string{"a": "1"})
	want("loose", one)
	repo.Git("pack-refs", "--all", "--prune")
	want("packed", one)
	two := repo.Commit(map[string]string{"a": "2"})
	want("loose over packed", two)
	repo.Git("pack-refs", "--all", "--prune")
	want("packed again", two)
	repo.Git("symbolic-ref", main, "refs/heads/other")
	want("symbolic to nothing", object.ID{}.String())
	repo.Git("update-ref", "refs/heads/other", one)
	want("symbolic", one)
	repo.Git("symbolic-ref", "refs/heads/other", main)

	if _, err := remote.Refs(t.Context(), []string{main}); !errors.Is(err, giterr.ErrLimit) {
		t.Errorf("a loop: got %v", err)
	}

	repo.Git("symbolic-ref", "--delete", main)
	repo.Git("update-ref", "refs/heads/main/below", one)
	want("a folder of that name", object.ID{}.String())

	if err := os.RemoveAll(repo.Dir); err != nil {
		t.Fatal(err)
	}

	if _, err := remote.Refs(t.Context(), []string{main}); !errors.Is(err, giterr.ErrNotRepository) {
		t.Errorf("removed: got %v", err)
	}
}

func TestReftableRepositoryIsAskedThroughGit(t *testing.T) {
	repo := gitwiretest.NewRepo(t)
	commit := id(t, repo.Commit(map[string]string{"a": "1"}))

	// The marks of such a repository, so that older versions of git can test it.
	if err := os.Mkdir(filepath.Join(repo.Dir, "reftable"), 0o755); err != nil {
		t.Fatal(err)
	}

	broken := gitwire.Options{Path: repo.Dir, Roots: []string{repo.Dir}, Git: "/bin/false"}
	if _, err := open(t, broken).Head(t.Context()); !errors.Is(err, giterr.ErrGit) {
		t.Errorf("with a git that fails: %v", err)
	}

	r := openLocal(t, repo.Dir)
	head, err := r.Head(t.Context())
	equal(t, "head", gitwire.Head{Ref: "refs/heads/main", ID: commit}, head)
	refs, err2 := r.Refs(t.Context(), []string{"refs/heads/main"})
	equal(t, "refs", map[string]object.ID{"refs/heads/main": commit}, refs)

	if err := errors.Join(err, err2); err != nil {
		t.Error(err)
	}
}

func TestLocalSHA256RepositoryIsRefused(t *testing.T) {
	work := filepath.Join(real(t), "new")
	gitwiretest.Git(t, "", "init", "--quiet", "--object-format=sha256", work)
	gitwiretest.Git(t, work, "commit", "--quiet", "--allow-empty", "-m", "x")
	gitwiretest.Git(t, work, "branch", "-M", "main")
	remote := openLocal(t, work)
	if _, err := remote.Refs(t.Context(), []string{"refs/heads/main"}); !errors.Is(err, giterr.ErrSHA256) {
		t.Errorf("refs: got %v", err)
	}
	if _, err := remote.Snapshot(t.Context(), object.ID{1}, nil); !errors.Is(err, giterr.ErrSHA256) {
		t.Errorf("snapshot: got %v", err)
	}
}

func TestAttack04PrefixContainment(t *testing.T) {
	base := real(t)
	inside, evil := filepath.Join(base, "root/app.git"), filepath.Join(base, "root-evil/app.git")
	gitwiretest.NewRepoAt(t, inside)
	gitwiretest.NewRepoAt(t, evil)

	if err := os.Symlink(evil, filepath.Join(base, "root/link.git")); err != nil {
		t.Fatal(err)
	}

	if err := os.Symlink(filepath.Join(base, "root"), filepath.Join(base, "alias")); err != nil {
		t.Fatal(err)
	}

	roots := []string{filepath.Join(base, "alias"), filepath.Join(base, "gone"), "relative/none"}
	for _, path := range []string{inside, filepath.Join(base, "alias/app.git")} {
		if _, err := gitwire.Open(gitwire.Options{Path: path, Roots: roots}); err != nil {
			t.Error(err)
		}
	}

	for _, path := range []string{
		evil, filepath.Join(base, "root/link.git"), base + "/root/../root-evil/app.git", base, "/",
		"/none/at/all", filepath.Join(base, "root-evil/none"),
	} {
		_, err := gitwire.Open(gitwire.Options{Path: path, Roots: roots})
		if !errors.Is(err, giterr.ErrRoot) {
			t.Errorf("%s: got %v", path, err)
		}
	}

	t.Chdir(base)
	for _, none := range [][]string{nil, {""}} {
		if _, err := gitwire.Open(gitwire.Options{Path: inside, Roots: none}); !errors.Is(err, giterr.ErrRoot) {
			t.Errorf("roots %q: got %v", none, err)
		}
	}

	if _, err := gitwire.Open(gitwire.Options{Path: filepath.Join(base, "root/none"),
		Roots: roots[:1]}); !errors.Is(err, giterr.ErrNotRepository) {
		t.Errorf("missing below a root: got %v", err)
	}
}

func TestAttack04RepositoryThatRefersOutsideItsRoot(t *testing.T) {
	base := real(t)
	secret := gitwiretest.NewRepoAt(t, filepath.Join(base, "secret.git"))
	commit := secret.Commit(map[string]string{"a": "hunter2"})
	root := filepath.Join(base, "root")
	write(t, filepath.Join(root, "file/.git"), "gitdir: "+secret.Dir+"\n")
	write(t, filepath.Join(root, "fake/HEAD"), "ref: refs/heads/main\n")
	write(t, filepath.Join(root, "common/.git"), "gitdir: "+root+"/fake")
	write(t, filepath.Join(root, "fake/commondir"), secret.Dir)
	gitwiretest.NewRepoAt(t, filepath.Join(root, "alternates.git"))
	write(t, filepath.Join(root, "alternates.git/objects/info/alternates"), "# comment\n../../../secret.git/objects\n")
	gitwiretest.NewRepoAt(t, filepath.Join(root, "objects.git"))
	objects := filepath.Join(root, "objects.git/objects")
	if err := errors.Join(os.RemoveAll(objects), os.Symlink(secret.Dir+"/objects", objects),
		os.MkdirAll(root+"/dotgit", 0o755),
		os.Symlink(secret.Dir, root+"/dotgit/.git")); err != nil {
		t.Fatal(err)
	}

	inside := gitwiretest.NewRepoAt(t, filepath.Join(root, "app.git"))
	write(t, filepath.Join(base, "elsewhere/HEAD"), "ref: refs/heads/main\n")
	write(t, filepath.Join(base, "elsewhere/commondir"), inside.Dir)
	write(t, filepath.Join(root, "worktree/.git"), "gitdir: "+base+"/elsewhere")

	for _, name := range []string{"file", "common", "alternates.git", "objects.git", "dotgit", "worktree"} {
		if _, err := gitwire.Open(gitwire.Options{Path: filepath.Join(root, name),
			Roots: []string{root}}); !errors.Is(err, giterr.ErrRoot) {
			t.Errorf("%s: got %v", name, err)
		}
	}

	refs := gitwiretest.NewRepoAt(t, filepath.Join(root, "refs.git"))
	if err := os.Symlink(secret.Dir+"/refs/heads/main", refs.Dir+"/refs/heads/main"); err != nil {
		t.Fatal(err)
	}

	got, err := openLocal(t, refs.Dir).Refs(t.Context(), []string{"refs/heads/main"})
	if err == nil && len(got) > 0 {
		t.Errorf("a ref outside the repository was read: %v of %s", got, commit)
	}
}

func TestRefFilesThatAreNoneDoNotHangOrLeak(t *testing.T) {
	repo := gitwiretest.NewRepo(t)
	write(t, filepath.Join(repo.Dir, "refs/heads/text"), "hunter2 is the password\n")
	write(t, filepath.Join(repo.Dir, "refs/heads/outside"), "ref: ../../../etc/passwd\n")
	write(t, filepath.Join(repo.Dir, "refs/heads/huge"), strings.Repeat("a", 1<<20))
	makePipe(t, filepath.Join(repo.Dir, "refs/heads/pipe"))
	remote := openLocal(t, repo.Dir)
	for name, want := range map[string]error{
		"text":    giterr.ErrNotRepository,
		"outside": giterr.ErrRef,
		"huge":    giterr.ErrLimit,
		"pipe":    giterr.ErrNotRepository,
	} {
		_, err := remote.Refs(t.Context(), []string{"refs/heads/" + name})
		if !errors.Is(err, want) || strings.Contains(err.Error(), "hunter2") {
			t.Errorf("%s: got %v", name, err)
		}
	}

	write(t, filepath.Join(repo.Dir, "packed-refs"), "# pack-refs with: peeled\nhunter2 refs/heads/x\n")
	if _, err := remote.Refs(t.Context(), []string{"refs/heads/x"}); !errors.Is(err, giterr.ErrNotRepository) ||
		strings.Contains(err.Error(), "hunter2") {
		t.Errorf("packed: got %v", err)
	}
}

// script makes a program that stands in for git.
func script(t *testing.T, body string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "git")
	if err := os.WriteFile(path, []byte("#!/bin/sh\n"+body+"\n"), 0o755); err != nil {
		t.Fatal(err)
	}
	return path
}

func TestGitAndItsChildrenEndWithTheContext(t *testing.T) {
	repo := gitwiretest.NewRepo(t)
	alive := filepath.Join(t.TempDir(), "alive")
	makePipe(t, alive)

	// Each living process holds the pipe open, the child included.
	program := script(t, "exec 3>"+alive+"; sleep 600 & wait")
	remote := open(t, gitwire.Options{Path: repo.Dir, Roots: []string{repo.Dir}, Git: program})
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan error)
	go func() {
		file, err := os.Open(alive) // when the script opens it
		cancel()
		if err == nil {
			_ = file.SetReadDeadline(time.Now().Add(20 * time.Second))
			_, err = io.ReadAll(file)
		}

		ended <- err
	}()

	if _, err := remote.Snapshot(ctx, object.ID{1}, nil); !errors.Is(err, context.Canceled) {
		t.Errorf("got %v", err)
	}

	if err := <-ended; err != nil {
		t.Errorf("something lives on: %v", err)
	}
}

func TestWhatGitComplainsAboutIsQuotedAndCut(t *testing.T) {
	repo := gitwiretest.NewRepo(t)
	program := script(t, `printf 'fatal: \033[31mno\n' >&2; head -c 3000000 /dev/zero | tr '\0' x >&2; exit 128`)
	r := open(t, gitwire.Options{Path: repo.Dir, Roots: []string{repo.Dir}, Git: program})
	_, err := r.Snapshot(t.Context(), object.ID{1}, nil)
	if !errors.Is(err, giterr.ErrGit) {
		t.Fatalf("got %v, want %v", err, giterr.ErrGit)
	}

	if !strings.Contains(err.Error(), `"fatal: \x1b[31mno\nxxx`) {
		t.Errorf("%q does not contain %q", err.Error(), `"fatal: \x1b[31mno\nxxx`)
	}

	if len(err.Error()) > 600 {
		t.Errorf("the error has %d bytes, want at most 600", len(err.Error()))
	}
}

func TestGitSeesOnlyAFixedEnvironment(t *testing.T) {
	t.Setenv("GIT_DIR", "/elsewhere")
	t.Setenv("SECRET", "hunter2")
	repo := gitwiretest.NewRepo(t)
	seen := filepath.Join(t.TempDir(), "seen")
	program := script(t, `{ echo "$*"; env; } >`+seen+`; exit 1`)
	r := open(t, gitwire.Options{Path: repo.Dir, Roots: []string{repo.Dir}, Git: program})
	if _, err := r.Snapshot(t.Context(), object.ID{1}, nil); !errors.Is(err, giterr.ErrGit) {
		t.Errorf("got %v", err)
	}

	got, err := os.ReadFile(seen)
	if err != nil || !strings.HasPrefix(string(got), "upload-pack --strict --stateless-rpc --advertise-refs /") {
		t.Errorf("%s, %v", got, err)
	}

	if strings.Contains(string(got), "hunter2") {
		t.Errorf("environment: %q contains %q", string(got), "hunter2")
	}

	if strings.Contains(string(got), "elsewhere") {
		t.Errorf("environment: %q contains %q", string(got), "elsewhere")
	}

	if !strings.Contains(string(got), "GIT_PROTOCOL=version=2\n") {
		t.Errorf("environment: %q does not contain %q", string(got), "GIT_PROTOCOL=version=2\n")
	}

	if !strings.Contains(string(got), "GIT_ALLOW_PROTOCOL=\n") {
		t.Errorf("environment: %q does not contain %q", string(got), "GIT_ALLOW_PROTOCOL=\n")
	}

	if !strings.Contains(string(got), "GIT_NO_LAZY_FETCH=1\n") {
		t.Errorf("environment: %q does not contain %q", string(got), "GIT_NO_LAZY_FETCH=1\n")
	}

	repo.Commit(map[string]string{"a": "1"})
	if _, err := openLocal(t, repo.Dir).Snapshot(t.Context(), id(t, repo.ID(gitwiretest.Main)), nil); err != nil {
		t.Errorf("with GIT_DIR set: %v", err)
	}
}

func TestMissingGitSaysSo(t *testing.T) {
	repo := gitwiretest.NewRepo(t)
	_, err := gitwire.Open(gitwire.Options{Path: repo.Dir, Roots: []string{repo.Dir}, Git: "no-such-git"})
	if !errors.Is(err, giterr.ErrGit) || !strings.Contains(err.Error(), "not found") {
		t.Errorf("got %v", err)
	}
}
