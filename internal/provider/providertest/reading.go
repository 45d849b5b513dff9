package providertest

import (
	"errors"
	"io/fs"
	"net/http"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/lockstephq/lockstep"
	"github.com/lockstephq/lockstep/internal/gitwire/gitwiretest"
	"github.com/lockstephq/lockstep/internal/provider"
)

// A Fixture is a driver's view of one repository.
type Fixture struct {
	Repo *gitwiretest.Repo
	// Open returns a client for Repo with the right credential, or a wrong one.
	Open func(t testing.TB, right bool) provider.Client
	// Version0 is true if the host speaks version 0 of the protocol, which does not show an
	// unborn HEAD.
	Version0 bool
	// NoFilter is true if the host supports no filters, so that history is not read.
	NoFilter bool
	// Fail makes the host answer with a status; 0 ends that. nil if there is no host that could
	// fail.
	Fail func(status int, header http.Header)
}

// Test runs the suite. newFixture returns a new fixture for each part.
func Test(t *testing.T, newFixture func(t *testing.T) Fixture) {
	parts := []struct {
		name string
		run  func(t *testing.T, f Fixture)
	}{
		{"heads are those of the branches asked for", testHeads},
		{"files are those of the commit", testFiles},
		{"a tree has object ids", testObjectIDs},
		{"links are not followed", testLinks},
		{"an unborn branch has no head", testUnborn},
		{"a commit that is gone is not found", testMissing},
		{"history is searched", testHistory},
		{"descent is known", testDescent},
		{"errors have the right kind", testErrors},
	}
	for _, part := range parts {
		t.Run(part.name, func(t *testing.T) { part.run(t, newFixture(t)) })
	}
}

func testHeads(t *testing.T, fixture Fixture) {
	main := fixture.Repo.Commit(map[string]string{"a": "1"})
	other := fixture.Repo.CommitTo("refs/heads/main-old", map[string]string{"a": "2"})
	client := fixture.Open(t, true)
	got, err := client.Heads(t.Context(), []string{"main", "main-old", "nowhere"})
	if err != nil {
		t.Fatal(err)
	}

	want := map[string]lockstep.SHA{"main": lockstep.SHA(main), "main-old": lockstep.SHA(other)}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}

	moved := fixture.Repo.ForcePush("refs/heads/main", map[string]string{"b": "1"})
	if got, err = client.Heads(t.Context(), []string{"main"}); err != nil || got["main"] != lockstep.SHA(moved) {
		t.Errorf("after a force push: %v, %v; want %s", got, err, moved)
	}
}

func testFiles(t *testing.T, f Fixture) {
	first := f.Repo.Commit(map[string]string{"web.yaml": "one", "dir/sub/x.json": "x"})
	second := f.Repo.Commit(map[string]string{"web.yaml": "two"})
	c := f.Open(t, true)
	for sha, want := range map[string]string{first: "one", second: "two"} {
		files, err := c.Files(t.Context(), lockstep.SHA(sha))
		if err != nil {
			t.Fatal(err)
		}

		if b, err := fs.ReadFile(files, "web.yaml"); err != nil || string(b) != want {
			t.Errorf("%s: %q, %v; want %q", sha, b, err, want)
		}

		if b, err := fs.ReadFile(files, "dir/sub/x.json"); err != nil || string(b) != "x" {
			t.Errorf("%s: %q, %v", sha, b, err)
		}

		if _, err := fs.ReadFile(files, "nowhere"); !errors.Is(err, fs.ErrNotExist) {
			t.Errorf("a missing file: %v", err)
		}
	}
}

func testObjectIDs(t *testing.T, fixture Fixture) {
	sha := fixture.Repo.Commit(map[string]string{"dir/a": "same", "b": "same"})
	files, err := fixture.Open(t, true).Files(t.Context(), lockstep.SHA(sha))
	if err != nil {
		t.Fatal(err)
	}

	for _, name := range []string{"dir", "dir/a", "b"} {
		want := fixture.Repo.Git("rev-parse", sha+":"+name)
		if got, err := files.ObjectID(name); err != nil || got != want {
			t.Errorf("%s: %s, %v; want %s", name, got, err, want)
		}
	}

	if _, err := files.ObjectID("nowhere"); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("a missing file: %v", err)
	}
}

func testLinks(t *testing.T, f Fixture) {
	f.Repo.Import([]byte("commit refs/heads/main\ncommitter a <a@b> 1700000000 +0000\ndata 1\nx\n" +
		"M 120000 inline link\ndata 11\n/etc/passwd\n\n"))
	files, err := f.Open(t, true).Files(t.Context(), lockstep.SHA(f.Repo.ID("refs/heads/main")))
	if err != nil {
		t.Fatal(err)
	}
	if b, err := fs.ReadFile(files, "link"); lockstep.KindOf(err) != lockstep.Invalid {
		t.Errorf("read through a link: %q, %v", b, err)
	}
}

func testUnborn(t *testing.T, fixture Fixture) {
	client := fixture.Open(t, true)
	heads, err := client.Heads(t.Context(), []string{"main"})
	if err != nil || len(heads) != 0 {
		t.Errorf("heads of an empty repository: %v, %v", heads, err)
	}

	if b, ok := client.(provider.Brancher); ok {
		branch, sha, err := b.DefaultBranch(t.Context())
		if fixture.Version0 && lockstep.KindOf(err) == lockstep.Invalid {
			return
		}

		if err != nil {
			t.Fatalf("default branch of an empty repository: %v", err)
		}

		if branch != "main" {
			t.Errorf("default branch of an empty repository: branch is %v, want %v", branch, "main")
		}

		if sha != "" {
			t.Errorf("default branch of an empty repository: sha is %v, want %v", sha, "")
		}
	}
}

func testMissing(t *testing.T, f Fixture) {
	f.Repo.Commit(map[string]string{"a": "1"})
	_, err := f.Open(t, true).Files(t.Context(), "1234567812345678123456781234567812345678")
	if kind := lockstep.KindOf(err); kind != lockstep.NotFound {
		t.Errorf("kind %s, want not-found: %v", kind, err)
	}
}

func testHistory(t *testing.T, fixture Fixture) {
	first := fixture.Repo.Commit(map[string]string{"a": "1"})
	fixture.Repo.Commit(map[string]string{"a": "2"})
	head := fixture.Repo.Commit(map[string]string{"a": "3"})
	elsewhere := fixture.Repo.ForcePush("refs/heads/other", map[string]string{"z": "1"})
	reader, ok := fixture.Open(t, true).(provider.HistoryReader)
	if !ok {
		t.Skip("the driver reads no history")
	}

	if fixture.NoFilter {
		if got, err := reader.Contains(t.Context(), lockstep.SHA(head), lockstep.SHA(first),
			100); lockstep.KindOf(err) != lockstep.Invalid {
			t.Errorf("without filters: %v, %v", got, err)
		}
		return
	}

	for sha, want := range map[string]bool{first: true, head: true, elsewhere: false} {
		if got, err := reader.Contains(t.Context(), lockstep.SHA(head), lockstep.SHA(sha), 100); err != nil ||
			got != want {
			t.Errorf("%s: %v, %v; want %v", sha, got, err, want)
		}
	}
}

func testDescent(t *testing.T, fixture Fixture) {
	first := fixture.Repo.Commit(map[string]string{"a": "1"})
	fixture.Repo.Commit(map[string]string{"a": "2"})
	last := fixture.Repo.Commit(map[string]string{"a": "3"})
	elsewhere := fixture.Repo.ForcePush("refs/heads/other", map[string]string{"z": "1"})
	reader, ok := fixture.Open(t, true).(provider.HistoryReader)
	if !ok {
		t.Skip("the driver reads no history")
	}

	rows := []struct {
		name           string
		head, ancestor string
		want           bool
	}{
		{name: "the last commit from the first", head: last, ancestor: first, want: true},
		{name: "a commit from itself", head: last, ancestor: last, want: true},
		{name: "the first commit from the last", head: first, ancestor: last, want: false},
		{name: "a commit from that of another branch", head: last, ancestor: elsewhere, want: false},
	}
	for _, row := range rows {
		got, err := reader.Descends(t.Context(), lockstep.SHA(row.head), lockstep.SHA(row.ancestor))
		if err != nil {
			t.Errorf("%s: %v", row.name, err)
		}
		if got != row.want {
			t.Errorf("%s: %v, want %v", row.name, got, row.want)
		}
	}
}

func testErrors(t *testing.T, fixture Fixture) {
	if fixture.Fail == nil {
		t.Skip("there is no host that could fail")
	}

	fixture.Repo.Commit(map[string]string{"a": "1"})
	if _, err := fixture.Open(t, false).Heads(t.Context(), []string{"main"}); lockstep.KindOf(err) != lockstep.Denied {
		t.Errorf("a wrong credential: %v", err)
	}

	rows := []struct {
		status int
		want   lockstep.Kind
	}{
		{http.StatusNotFound, lockstep.NotFound},
		{http.StatusForbidden, lockstep.Denied},
		{http.StatusInternalServerError, lockstep.Unavailable},
		{http.StatusBadGateway, lockstep.Unavailable},
		{http.StatusTooManyRequests, lockstep.Unavailable},
	}

	client := fixture.Open(t, true)
	for _, row := range rows {
		fixture.Fail(row.status, nil)
		if _, err := client.Heads(t.Context(), []string{"main"}); lockstep.KindOf(err) != row.want {
			t.Errorf("HTTP status %d: kind %s, want %s: %v", row.status, lockstep.KindOf(err), row.want, err)
		}
	}

	fixture.Fail(0, nil)
	if _, err := client.Heads(t.Context(), []string{"main"}); err != nil {
		t.Errorf("after the outage: %v", err)
	}
}
