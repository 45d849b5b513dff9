package gitwire_test

import (
	"errors"
	"fmt"
	"net/http"
	"strings"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/lockstephq/lockstep/internal/gitwire"
	"github.com/lockstephq/lockstep/internal/gitwire/giterr"
	"github.com/lockstephq/lockstep/internal/gitwire/gitwiretest"
	"github.com/lockstephq/lockstep/internal/gitwire/object"
)

// manyFiles are enough folders for a tree to be worth leaving out.
func manyFiles() map[string]string {
	files := map[string]string{}
	for i := range 40 {
		for j := range 20 {
			files[fmt.Sprintf("d%d/f%d.txt", i, j)] = fmt.Sprintf("%d %d", i, j)
		}
	}
	return files
}

// counting adds up the bytes of all answers.
func counting(n *atomic.Int64) func(http.Handler) http.Handler {
	return func(next http.Handler) http.Handler {
		return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			next.ServeHTTP(&countingWriter{w, n}, r)
		})
	}
}

type countingWriter struct {
	http.ResponseWriter
	n *atomic.Int64
}

func (w *countingWriter) Write(b []byte) (int, error) {
	w.n.Add(int64(len(b)))
	return w.ResponseWriter.Write(b)
}

func TestSnapshotFetchesOnlyTreesThatDiffer(t *testing.T) {
	for _, noFilter := range []bool{false, true} {
		t.Run(fmt.Sprintf("without filter %v", noFilter), func(t *testing.T) {
			var received atomic.Int64
			repo, srv, url := served(t, gitwiretest.Options{NoFilter: noFilter, Wrap: counting(&received)})
			one := id(t, repo.Commit(manyFiles()))
			two := id(t, repo.Commit(map[string]string{"d3/f3.txt": "new", "d9/new.txt": "new"}))
			remote := open(t, gitwire.Options{URL: url})
			base, err := remote.Snapshot(t.Context(), one, nil)
			if err != nil {
				t.Fatal(err)
			}

			cold := received.Swap(0)
			srv.Requests()
			snapshot, err := remote.Snapshot(t.Context(), two, base)
			if err != nil {
				t.Fatal(err)
			}

			warm := received.Load()
			equal(t, "requests", []string{"POST git-upload-pack"}, asked(srv))
			if warm > 2000 || warm > cold/5 {
				t.Errorf("cold %d bytes, warm %d bytes", cold, warm)
			}

			got, err := gitwire.Changed(base, snapshot)
			if err != nil {
				t.Fatal(err)
			}

			equal(t, "changed", []string{"d3/f3.txt", "d9/new.txt"}, got)
			equal(t, "tree", repo.Git("rev-parse", two.String()+"^{tree}"), snapshot.Root().String())
		})
	}
}

func TestServerWithoutFilterSendsLargeBlobsThatAreNotKept(t *testing.T) {
	repo, _, url := served(t, gitwiretest.Options{NoFilter: true})
	large := strings.Repeat("0123456789abcdef", 1<<16)

	// One of the large files is sent as a delta of the other, that is also too large
	// to be kept.
	commit := id(t, repo.Commit(map[string]string{
		"large.bin":   large,
		"larger.bin":  large + noise(9000),
		"a/small.txt": "s",
	}))
	repo.Git("repack", "-adfq")
	limits := gitwire.Limits{TreeBytes: 4096, BlobBytes: 2 << 20}
	snapshot, err := open(t, gitwire.Options{URL: url, Limits: limits}).Snapshot(t.Context(), commit, nil)
	if err != nil {
		t.Fatal(err)
	}

	if snapshot.Size() > 1000 {
		t.Errorf("the snapshot holds %d bytes", snapshot.Size())
	}

	got, err := snapshot.Tree(t.Context()).ReadFile("large.bin")
	if err != nil || string(got) != large {
		t.Errorf("%d bytes, %v", len(got), err)
	}
}

func TestSnapshotStartsAnewWhenTheBaseIsNotEnough(t *testing.T) {
	repo, _, url := served(t, gitwiretest.Options{})
	other := gitwiretest.NewRepo(t)
	commit := id(t, repo.Commit(map[string]string{"a/b": "1"}))
	elsewhere := id(t, other.Commit(map[string]string{"c": "1"}))

	// We claim to have a commit whose trees we do not have: as if the server had
	// omitted objects that are in the history of the base but not in the base.
	base, err := openLocal(t, other.Dir).Snapshot(t.Context(), elsewhere, nil)
	if err != nil {
		t.Fatal(err)
	}

	next := id(t, repo.Commit(map[string]string{"c": "2"}))
	lying := gitwire.Rename(base, commit)
	snapshot, err := open(t, gitwire.Options{URL: url}).Snapshot(t.Context(), next, lying)
	if err != nil {
		t.Fatal(err)
	}

	got, err := snapshot.Tree(t.Context()).ReadFile("a/b")
	if err != nil || string(got) != "1" {
		t.Errorf("%q, %v", got, err)
	}
}

func TestCommitThatIsGoneIsMissingButStillServesAsBase(t *testing.T) {
	repo, _, url := served(t, gitwiretest.Options{})
	gone := id(t, repo.Commit(map[string]string{"a": "1", "b/c": "2", "b/d": "3"}))
	for _, remote := range []*gitwire.Remote{open(t, gitwire.Options{URL: url}), openLocal(t, repo.Dir)} {
		base, err := remote.Snapshot(t.Context(), gone, nil)
		if err != nil {
			t.Fatal(err)
		}

		defer func() {
			now := id(t, repo.ID(gitwiretest.Main))
			if _, err := remote.Snapshot(t.Context(), gone, nil); !errors.Is(err, giterr.ErrMissing) {
				t.Errorf("%s: got %v", remote.Name(), err)
			}

			snapshot, err := remote.Snapshot(t.Context(), now, base)
			if err != nil {
				t.Fatal(err)
			}

			got, err := gitwire.Changed(base, snapshot)
			equal(t, "changed", []string{"a", "b/d", "e"}, got)
			if err != nil {
				t.Error(err)
			}
		}()
	}

	repo.ForcePush(gitwiretest.Main, map[string]string{"a": "9", "b/c": "2", "e": "5"})
	repo.Forget()
}

func TestSnapshotOfWhatIsNoCommitFails(t *testing.T) {
	repo := gitwiretest.NewRepo(t)
	repo.Commit(map[string]string{"a": "1"})
	remote := openLocal(t, repo.Dir)
	tree := id(t, repo.Git("rev-parse", "main^{tree}"))
	if _, err := remote.Snapshot(t.Context(), tree, nil); err == nil {
		t.Error("a tree was taken for a commit")
	}
	if _, err := remote.Snapshot(t.Context(), object.ID{1}, nil); !errors.Is(err, giterr.ErrMissing) {
		t.Errorf("unknown id: got %v", err)
	}
}

func TestSnapshotOfTheBaseItselfAsksNobody(t *testing.T) {
	repo, srv, url := served(t, gitwiretest.Options{})
	commit := id(t, repo.Commit(map[string]string{"a": "1"}))
	remote := open(t, gitwire.Options{URL: url})
	base, err := remote.Snapshot(t.Context(), commit, nil)
	if err != nil {
		t.Fatal(err)
	}

	srv.Requests()
	again, err := remote.Snapshot(t.Context(), commit, base)
	if err != nil {
		t.Fatal(err)
	}

	if again != base {
		t.Errorf("snapshot is %v, want %v", again, base)
	}

	if len(srv.Requests()) > 0 {
		t.Errorf("got %d requests, want none", len(srv.Requests()))
	}
}

func TestRemoteServesManyAtOnce(t *testing.T) {
	repo, _, url := served(t, gitwiretest.Options{})
	commits := []object.ID{id(t, repo.Commit(manyFiles()))}
	for i := range 3 {
		commits = append(commits, id(t, repo.Commit(map[string]string{"a": fmt.Sprint(i)})))
	}

	remote := open(t, gitwire.Options{URL: url, Limits: gitwire.Limits{BlobCacheBytes: 400}})
	base, err := remote.Snapshot(t.Context(), commits[0], nil)
	if err != nil {
		t.Fatal(err)
	}

	var wg sync.WaitGroup
	for i := range 8 {
		wg.Go(func() {
			snapshot, err := remote.Snapshot(t.Context(), commits[1+i%3], base)
			if err != nil {
				t.Error(err)
				return
			}

			got, err := snapshot.Tree(t.Context()).ReadFile("a")
			if err != nil || string(got) != fmt.Sprint(i%3) {
				t.Errorf("%q, %v", got, err)
			}
		})
	}

	wg.Wait()
}

func TestCommitsFindsAncestors(t *testing.T) {
	repo, _, url := served(t, gitwiretest.Options{})
	var ids []object.ID
	for i := range 5 {
		ids = append(ids, id(t, repo.Commit(map[string]string{"a": fmt.Sprint(i)})))
	}

	other := id(t, repo.CommitTo("refs/heads/other", map[string]string{"b": "1"}))
	remote := open(t, gitwire.Options{URL: url})
	tests := []struct {
		depth, length int
		complete      bool
	}{{0, 5, true}, {1, 1, false}, {3, 3, false}, {5, 5, true}, {1 << 30, 5, true}}
	for _, test := range tests {
		history, err := remote.Commits(t.Context(), ids[4], test.depth)
		if err != nil {
			t.Fatal(err)
		}

		equal(t, fmt.Sprint("depth ", test.depth), []any{test.length, test.complete},
			[]any{history.Len(), history.Complete})
		if !history.Contains(ids[5-test.length]) || history.Contains(other) ||
			test.length < 5 && history.Contains(ids[4-test.length]) {
			t.Errorf("depth %d: %v of %v", test.depth, history.IDs(), ids)
		}

		equal(t, "ids", test.length, len(history.IDs()))
	}
}

func TestDescendsFollowsEveryParent(t *testing.T) {
	for name, options := range map[string]gitwiretest.Options{
		"version 2":            {},
		"version 0":            {Version0: true},
		"no filter":            {NoFilter: true},
		"no filter, version 0": {NoFilter: true, Version0: true},
	} {
		t.Run(name, func(t *testing.T) {
			repo, _, url := served(t, options)
			var ids []object.ID
			for i := range 4 {
				ids = append(ids, id(t, repo.Commit(map[string]string{"a": fmt.Sprint(i)})))
			}
			other := id(t, repo.CommitTo("refs/heads/other", map[string]string{"b": "1"}))
			unknown, err := object.ParseID("1234567812345678123456781234567812345678")
			if err != nil {
				t.Fatal(err)
			}

			remote := open(t, gitwire.Options{URL: url})
			tests := map[string]struct {
				head, ancestor object.ID
				want           bool
			}{
				"itself":                 {ids[3], ids[3], true},
				"parent":                 {ids[3], ids[2], true},
				"first commit":           {ids[3], ids[0], true},
				"child":                  {ids[2], ids[3], false},
				"last of a reset branch": {ids[0], ids[3], false},
				"another branch":         {ids[3], other, false},
				"of another branch":      {other, ids[3], false},
				"a commit that is gone":  {ids[3], unknown, false},
			}
			for name, test := range tests {
				got, err := remote.Descends(t.Context(), test.head, test.ancestor)
				if err != nil {
					t.Errorf("%s: %v", name, err)
				}
				equal(t, name, test.want, got)
			}
		})
	}
}

func TestDescendsReadsTheCommitsBetweenAlone(t *testing.T) {
	repo, _, url := served(t, gitwiretest.Options{})
	first := id(t, repo.Commit(map[string]string{"a": "0"}))
	for i := range 20 {
		repo.Commit(map[string]string{"a": fmt.Sprint(i)})
	}
	before := id(t, repo.Commit(map[string]string{"a": "before"}))
	head := id(t, repo.Commit(map[string]string{"a": "head"}))

	remote := open(t, gitwire.Options{URL: url, Limits: gitwire.Limits{Commits: 2}})
	got, err := remote.Descends(t.Context(), head, before)
	if err != nil {
		t.Error(err)
	}
	equal(t, "near ancestor", true, got)
	if _, err := remote.Descends(t.Context(), head, first); !errors.Is(err, giterr.ErrLimit) {
		t.Errorf("the error for too many commits is %v, want %v", err, giterr.ErrLimit)
	}
}

func TestCommitsNeedsAFilter(t *testing.T) {
	repo, _, url := served(t, gitwiretest.Options{NoFilter: true})
	commit := id(t, repo.Commit(map[string]string{"a": "1"}))
	remote := open(t, gitwire.Options{URL: url})
	if _, err := remote.Commits(t.Context(), commit, 0); !errors.Is(err, giterr.ErrNoFilter) {
		t.Errorf("got %v", err)
	}
}
