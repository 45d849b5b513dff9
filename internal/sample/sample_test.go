package sample_test

import (
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/lockstephq/lockstep/internal/gitwire/gitwiretest"
	"github.com/lockstephq/lockstep/internal/sample"
)

func TestGitTakesTheSampleForARepository(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "sample")
	if err := sample.Create(dir, time.Unix(1700000000, 0)); err != nil {
		t.Fatal(err)
	}

	git := func(args ...string) string { return gitwiretest.Git(t, dir, args...) }
	git("fsck", "--strict", "--full")
	if out := git("status", "--porcelain"); out != "" {
		t.Errorf("the working copy is not clean: %s", out)
	}

	if out := git("branch", "--show-current"); out != sample.Branch {
		t.Errorf("on branch %q", out)
	}

	if err := os.WriteFile(filepath.Join(dir, "README.md"), []byte("changed"), 0o644); err != nil {
		t.Fatal(err)
	}

	git("commit", "-qam", "change")
	if out := git("rev-list", "--count", "HEAD"); out != "2" {
		t.Errorf("%s commits after one more", out)
	}
}

func TestCreateLeavesNothingBehindWhereSomethingIs(t *testing.T) {
	dir := t.TempDir()
	at := filepath.Join(dir, "sample")
	if err := os.WriteFile(at, []byte("mine"), 0o600); err != nil {
		t.Fatal(err)
	}

	if err := sample.Create(at, time.Unix(0, 0)); err == nil {
		t.Error("a file was replaced")
	}

	list, err := os.ReadDir(dir)
	if err != nil || len(list) != 1 {
		t.Errorf("%v, %v", list, err)
	}
}
