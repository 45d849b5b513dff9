package gitwire_test

import (
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"testing/fstest"

	"github.com/lockstephq/lockstep/internal/gitwire"
	"github.com/lockstephq/lockstep/internal/gitwire/giterr"
	"github.com/lockstephq/lockstep/internal/gitwire/gitwiretest"
	"github.com/lockstephq/lockstep/internal/gitwire/object"
)

// oddTree makes a commit with a link, a submodule, an executable and odd names.
func oddTree(t *testing.T, repo *gitwiretest.Repo) object.ID {
	t.Helper()
	out := repo.Import([]byte("commit refs/heads/main\nmark :1\ncommitter T <t@example.com> 1700000000 " +
		"+0000\ndata 1\nx\n" +
		"M 100644 inline dir/file.txt\ndata 5\nhello\n" +
		"M 100755 inline run.sh\ndata 2\n#!\n" +
		"M 120000 inline link\ndata 12\ndir/file.txt\n" +
		"M 120000 inline up\ndata 11\n/etc/passwd\n" +
		"M 120000 inline loop\ndata 4\nloop\n" +
		"M 120000 inline dirlink\ndata 3\ndir\n" +
		"M 160000 1111111111111111111111111111111111111111 module\n" +
		"M 100644 inline \"back\\\\slash\"\ndata 1\nb\n" +
		"M 100644 inline \"\\377\"\ndata 1\nn\n" +
		"M 100644 inline \"new\\nline\"\ndata 1\nl\n" +
		"\nget-mark :1\n"))

	return id(t, strings.TrimSpace(out))
}

func tree(t *testing.T, r *gitwire.Remote, commit object.ID) *gitwire.Tree {
	t.Helper()
	snapshot, err := r.Snapshot(t.Context(), commit, nil)
	if err != nil {
		t.Fatal(err)
	}
	return snapshot.Tree(t.Context())
}

func TestTreeIsAFileSystem(t *testing.T) {
	repo := gitwiretest.NewRepo(t)
	commit := id(t, repo.Commit(map[string]string{"a.txt": "A", "a/b/c.txt": "C", "a/b.txt": "", "z": "Z"}))
	root := tree(t, openLocal(t, repo.Dir), commit)
	if err := fstest.TestFS(root, "a.txt", "a/b/c.txt", "a/b.txt", "z"); err != nil {
		t.Error(err)
	}

	equal(t, "commit", commit, root.Commit())
	sub, err := fs.Sub(root, "a")
	if err != nil {
		t.Fatal(err)
	}

	got, err := fs.ReadFile(sub, "b/c.txt")
	equal(t, "file", "C", string(got))
	if err != nil {
		t.Error(err)
	}
}

func TestObjectIDIsGits(t *testing.T) {
	repo := gitwiretest.NewRepo(t)
	commit := oddTree(t, repo)
	root := tree(t, openLocal(t, repo.Dir), commit)
	for _, path := range []string{".", "dir", "dir/file.txt", "run.sh", "link", "module", "new\nline"} {
		got, err := root.ObjectID(path)
		if err != nil {
			t.Error(err)
		}

		equal(t, path, repo.Git("rev-parse", commit.String()+":"+strings.TrimPrefix(path, ".")), got)
	}

	for _, path := range []string{"none", "dir/none", "dir/file.txt/none", "DIR"} {
		if got, err := root.ObjectID(path); !errors.Is(err, fs.ErrNotExist) || got != "" {
			t.Errorf("%s: %q, %v", path, got, err)
		}
	}
}

func TestAttack01PathTraversal(t *testing.T) {
	repo := gitwiretest.NewRepo(t)
	root := tree(t, openLocal(t, repo.Dir), oddTree(t, repo))
	for _, path := range []string{
		"", "/", "/etc/passwd", "..", "../x", "dir/../run.sh", "dir/./file.txt", "dir//file.txt", "dir/",
		`dir\file.txt`, `back\slash`, "a\x00b", "\xff",
	} {
		_, open := root.Open(path)
		_, read := root.ReadFile(path)
		_, list := root.ReadDir(path)
		_, stat := root.Stat(path)
		_, object := root.ObjectID(path)
		for _, err := range []error{open, read, list, stat, object} {
			if !errors.Is(err, fs.ErrInvalid) {
				t.Errorf("%q: got %v", path, err)
			}
		}
	}
}

func TestAttack02And03LinksAndSubmodulesAreNotFollowed(t *testing.T) {
	repo := gitwiretest.NewRepo(t)
	root := tree(t, openLocal(t, repo.Dir), oddTree(t, repo))
	tests := map[string]error{
		"link": giterr.ErrSymlink, "up": giterr.ErrSymlink, "loop": giterr.ErrSymlink, "dirlink": giterr.ErrSymlink,
		"dirlink/file.txt": giterr.ErrSymlink,
		"loop/loop/x":      giterr.ErrSymlink,
		"module":           giterr.ErrSubmodule,
		"module/x":         giterr.ErrSubmodule,
	}
	for path, want := range tests {
		_, err := root.Open(path)
		if !errors.Is(err, want) {
			t.Errorf("open %s: got %v", path, err)
		}

		if _, err := root.ReadFile(path); !errors.Is(err, want) {
			t.Errorf("read %s: got %v", path, err)
		}
	}

	var walked []string
	err := fs.WalkDir(root, ".", func(path string, d fs.DirEntry, err error) error {
		walked = append(walked, path+" "+d.Type().String())
		return err
	})
	if err != nil {
		t.Error(err)
	}

	equal(t, "walk", []string{
		". d---------", "dir d---------", "dir/file.txt ----------", "dirlink L---------", "link L---------",
		"loop L---------",
		"module ?---------", "new\nline ----------", "run.sh ----------", "up L---------",
	}, walked)
}

func TestPrefetchAsksOnce(t *testing.T) {
	repo, srv, url := served(t, gitwiretest.Options{})
	repo.Commit(map[string]string{"a": "same", "b": "other", "c/d": "same", "e": "unread"})
	root := tree(t, open(t, gitwire.Options{URL: url}), id(t, repo.ID(gitwiretest.Main)))
	srv.Requests()
	paths := []string{"a", "b", "c/d", "c", "none", "../x"}
	for range 2 {
		if err := root.Prefetch(t.Context(), paths...); err != nil {
			t.Fatal(err)
		}
	}

	for path, want := range map[string]string{"a": "same", "b": "other", "c/d": "same"} {
		got, err := root.ReadFile(path)
		equal(t, path, want, string(got))
		if err != nil {
			t.Error(err)
		}
	}

	equal(t, "requests", []string{"POST git-upload-pack"}, asked(srv))
}

func TestBytesOfAFileBelongToTheCaller(t *testing.T) {
	repo := gitwiretest.NewRepo(t)
	root := tree(t, openLocal(t, repo.Dir), id(t, repo.Commit(map[string]string{"a": "abc"})))
	first, err := root.ReadFile("a")
	if err != nil {
		t.Fatal(err)
	}

	first[0] = 'X'
	second, err := root.ReadFile("a")
	equal(t, "file", "abc", string(second))

	if err != nil {
		t.Error(err)
	}
}

func TestAttack10LargeFileFailsAlone(t *testing.T) {
	repo, srv, url := served(t, gitwiretest.Options{})
	// Similar files, so that the server sends one as a delta of another.
	large := strings.Repeat("0123456789", 2000)
	files := map[string]string{"large": large, "larger": large + "more", "fits": large[:9000], "small": "s"}
	for i := range 20 {
		files[fmt.Sprint("n", i)] = fmt.Sprint(i)
	}

	commit := id(t, repo.Commit(files))
	repo.Git("repack", "-adfq")
	root := tree(t, open(t, gitwire.Options{URL: url, Limits: gitwire.Limits{BlobBytes: 10000}}), commit)
	var all []string
	for path := range files {
		all = append(all, path)
	}

	if err := root.Prefetch(t.Context(), all...); err != nil {
		t.Fatal(err)
	}

	srv.Requests()
	for path, want := range files {
		got, err := root.ReadFile(path)
		if len(want) > 10000 {
			if !errors.Is(err, giterr.ErrLimit) {
				t.Errorf("%s: got %v", path, err)
			}
		} else if err != nil || string(got) != want {
			t.Errorf("%s: %d bytes, %v", path, len(got), err)
		}
	}

	if n := len(srv.Requests()); n > 3 {
		t.Errorf("%d more requests", n)
	}
}

// noise is text of a length that does not deflate well.
func noise(length int) string {
	r := rand.New(rand.NewPCG(uint64(length), 1))
	b := make([]byte, length)
	for i := range b {
		b[i] = ' ' + byte(r.IntN(90))
	}
	return string(b)
}

func TestPrefetchOfMoreThanFitsIsNoError(t *testing.T) {
	repo, srv, url := served(t, gitwiretest.Options{})
	files := map[string]string{}
	for i := range 50 {
		files[fmt.Sprint("f", i)] = fmt.Sprint(i, noise(800+i))
	}

	paths := slices.Sorted(maps.Keys(files))
	commit := id(t, repo.Commit(files))
	for name, limits := range map[string]gitwire.Limits{"cache": {BlobCacheBytes: 20000}, "wire": {PackBytes: 10000}} {
		root := tree(t, open(t, gitwire.Options{URL: url, Limits: limits}), commit)
		// In the order of the cache, which is the server's, from its middle: what comes
		// in by reading pushes the oldest out.
		slices.SortFunc(paths, func(a, b string) int {
			x, _ := root.ObjectID(a)
			y, _ := root.ObjectID(b)
			return strings.Compare(x, y)
		})

		paths = slices.Concat(paths[10:], paths[:10])
		if err := root.Prefetch(t.Context(), paths...); err != nil {
			t.Fatal(name, err)
		}

		srv.Requests()
		for _, path := range paths {
			got, err := root.ReadFile(path)
			if err != nil || string(got) != files[path] {
				t.Errorf("%s: %s: %d bytes, %v", name, path, len(got), err)
			}
		}

		most := 49
		if name == "wire" {
			most = 50 // how much was kept of a pack that was cut off depends on how it came in
		}

		if n := len(srv.Requests()); n == 0 || n > most {
			t.Errorf("%s: %d more requests", name, n)
		}
	}
}
