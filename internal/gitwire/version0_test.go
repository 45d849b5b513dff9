package gitwire_test

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/lockstephq/lockstep/internal/gitwire"
	"github.com/lockstephq/lockstep/internal/gitwire/giterr"
	"github.com/lockstephq/lockstep/internal/gitwire/gitwiretest"
	"github.com/lockstephq/lockstep/internal/gitwire/object"
)

func TestOldServersAreReadLikeNewOnes(t *testing.T) {
	for name, options := range map[string]gitwiretest.Options{
		"with filter": {Version0: true}, "without filter": {Version0: true, NoFilter: true},
		"version 1": {Wrap: version("version=1")},
	} {
		t.Run(name, func(t *testing.T) {
			repo, srv, url := served(t, options)
			one := id(t, repo.Commit(map[string]string{"a": "1", "b/c": "2", "large": noise(9000)}))
			repo.Git("tag", "-a", "-m", "first", "v1", one.String())
			repo.Git("symbolic-ref", "HEAD", "refs/heads/main")
			remote := open(t, gitwire.Options{URL: url})
			refs, err := remote.Refs(t.Context(), []string{"refs/heads/main", "refs/heads/none", "refs/tags/v1"})
			want := map[string]object.ID{"refs/heads/main": one, "refs/tags/v1": id(t, repo.Git("rev-parse", "v1"))}
			equal(t, "refs", want, refs)
			head, err2 := remote.Head(t.Context())
			equal(t, "head", gitwire.Head{Ref: "refs/heads/main", ID: one}, head)
			base, err3 := remote.Snapshot(t.Context(), one, nil)
			two := id(t, repo.Commit(map[string]string{"b/c": "3"}))
			next, err4 := remote.Snapshot(t.Context(), two, base)
			if err := errors.Join(err, err2, err3, err4); err != nil {
				t.Fatal(err)
			}

			changed, err := gitwire.Changed(base, next)
			equal(t, "changed", []string{"b/c"}, changed)
			b, err2 := next.Tree(t.Context()).ReadFile("b/c")
			equal(t, "new file", "3", string(b))
			b, err3 = base.Tree(t.Context()).ReadFile("b/c")
			equal(t, "old file", "2", string(b))

			if err := errors.Join(err, err2, err3); err != nil {
				t.Error(err)
			}

			srv.Requests()
			_, err = remote.Refs(t.Context(), []string{"refs/heads/main"})
			_, err2 = remote.Refs(t.Context(), []string{"refs/heads/main"})
			if err := errors.Join(err, err2); err != nil {
				t.Error(err)
			}

			equal(t, "requests of two polls", []string{"GET refs", "GET refs"}, asked(srv))
		})
	}
}

// version replaces what requests say about the protocol's version.
func version(said string) func(http.Handler) http.Handler {
	return func(next http.Handler) http.Handler {
		return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			r.Header.Set("Git-Protocol", said)
			next.ServeHTTP(w, r)
		})
	}
}

func TestOfAnOldServersNextCommitOnlyTheDifferenceTravels(t *testing.T) {
	for _, noFilter := range []bool{false, true} {
		var received atomic.Int64
		repo, srv, url := served(t, gitwiretest.Options{Version0: true, NoFilter: noFilter, Wrap: counting(&received)})
		one := id(t, repo.Commit(map[string]string{"a": "1", "large": noise(9000)}))
		remote := open(t, gitwire.Options{URL: url})
		base, err := remote.Snapshot(t.Context(), one, nil)
		if err != nil {
			t.Fatal(err)
		}

		two := id(t, repo.Commit(map[string]string{"a": "2"}))
		srv.Requests()
		received.Store(0)

		if _, err := remote.Snapshot(t.Context(), two, base); err != nil {
			t.Fatal(err)
		}

		equal(t, "requests", []string{"POST git-upload-pack"}, asked(srv))
		if n := received.Load(); n > 1000 {
			t.Errorf("without filter %t: %d bytes", noFilter, n)
		}
	}
}

func TestHistoryOfAnOldServerNeedsAFilter(t *testing.T) {
	for noFilter, want := range map[bool]error{false: nil, true: giterr.ErrNoFilter} {
		repo, _, url := served(t, gitwiretest.Options{Version0: true, NoFilter: noFilter})
		one := id(t, repo.Commit(map[string]string{"a": "1"}))
		two := id(t, repo.Commit(map[string]string{"a": "2"}))
		h, err := open(t, gitwire.Options{URL: url}).Commits(t.Context(), two, 0)
		if !errors.Is(err, want) || err == nil && !(h.Contains(one) && h.Complete && h.Len() == 2) {
			t.Errorf("without filter %t: %+v, %v", noFilter, h, err)
		}
	}
}

func TestEmptyRepositoryOfAnOldServerHasNoRefs(t *testing.T) {
	_, _, url := served(t, gitwiretest.Options{Version0: true})
	nobody := "0000000000000000000000000000000000000000 capabilities^{}\x00side-band-64k shallow\n"
	for _, url := range []string{url, oldServer(t, packet(nobody)+"0000", nil)} {
		r := open(t, gitwire.Options{URL: url})
		refs, err := r.Refs(t.Context(), []string{"refs/heads/main"})
		equal(t, "refs", map[string]object.ID{}, refs)
		head, err2 := r.Head(t.Context())
		equal(t, "head", gitwire.Head{}, head)

		if err := errors.Join(err, err2); err != nil {
			t.Error(err)
		}
	}
}

func TestAServerMayChangeItsVersion(t *testing.T) {
	var old atomic.Bool
	wrap := func(next http.Handler) http.Handler {
		return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			if old.Load() {
				r.Header.Del("Git-Protocol")
			}
			next.ServeHTTP(w, r)
		})
	}

	repo, srv, url := served(t, gitwiretest.Options{Wrap: wrap})
	commit := id(t, repo.Commit(map[string]string{"a": "1"}))
	r := open(t, gitwire.Options{URL: url})
	look := func() error {
		refs, err := r.Refs(t.Context(), []string{gitwiretest.Main})
		if err == nil && refs[gitwiretest.Main] != commit {
			t.Errorf("got %v", refs)
		}
		return err
	}
	for _, is := range []bool{false, true, false} {
		old.Store(is)
		_ = look() // this one may fail: what was known is no longer so
		if err := look(); err != nil {
			t.Errorf("old: %t: %v", is, err)
		}
	}

	srv.Requests()
	if err := look(); err != nil {
		t.Error(err)
	}

	equal(t, "requests", []string{"POST git-upload-pack"}, asked(srv))
}

// oldServer lists what it is set to, and answers every fetch with what answer
// makes of it.
func oldServer(t *testing.T, list string, answer func(request string) string) string {
	t.Helper()
	srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.Method == http.MethodGet {
			w.Header().Set("Content-Type", "application/x-git-upload-pack-advertisement")
			_, _ = io.WriteString(w, packet("# service=git-upload-pack\n")+"0000"+list)
			return
		}

		w.Header().Set("Content-Type", "application/x-git-upload-pack-result")
		body, _ := io.ReadAll(r.Body)
		_, _ = io.WriteString(w, answer(string(body)))
	}))

	t.Cleanup(srv.Close)
	return srv.URL + "/app"
}

const someID = "1111111111111111111111111111111111111111"

// The capabilities are those that Azure DevOps is known to offer.
func TestOnlyWhatAnOldServerOffersIsAskedFor(t *testing.T) {
	const offered = "multi_ack thin-pack side-band side-band-64k no-progress multi_ack_detailed no-done shallow " +
		"allow-tip-sha1-in-want filter symref=HEAD:refs/heads/main"
	var got string
	url := oldServer(t, packet(someID+" HEAD\x00"+offered+"\n")+packet(someID+" refs/heads/main\n")+"0000",
		func(request string) string {
			got = request
			return packet("shallow "+someID) + "0000" + packet("ACK "+someID+"\n") + packet("\x03not today")
		})
	remote := open(t, gitwire.Options{URL: url})
	head, err := remote.Head(t.Context())
	if err != nil || head.Ref != "refs/heads/main" {
		t.Errorf("head %v, %v", head, err)
	}

	_, err = remote.Snapshot(t.Context(), head.ID, nil)
	if !errors.Is(err, giterr.ErrUnavailable) || !strings.Contains(err.Error(), "not today") {
		t.Errorf("got %v", err)
	}

	equal(t, "request", packet("want "+someID+" side-band-64k thin-pack no-progress multi_ack_detailed shallow "+
		"filter\n")+
		packet("deepen 1\n")+packet("filter blob:none\n")+"0000"+packet("done\n"), got)
}

func TestOldServersThatCannotBeReadAreToldApart(t *testing.T) {
	const long = "1111111111111111111111111111111111111111111111111111111111111111"
	tests := map[string]struct {
		list string
		want error
	}{
		"sha256 ids":       {packet(long+" HEAD\x00side-band-64k\n") + "0000", giterr.ErrSHA256},
		"sha256":           {packet(someID+" HEAD\x00object-format=sha256\n") + "0000", giterr.ErrSHA256},
		"no side-band":     {packet(someID+" HEAD\x00shallow\n") + "0000", giterr.ErrVersion},
		"version 3":        {packet("version 3\n") + "0000", giterr.ErrVersion},
		"no shallow":       {packet(someID+" HEAD\x00side-band-64k\n") + "0000", giterr.ErrProtocol},
		"no refs":          {packet("hello") + "0000", giterr.ErrProtocol},
		"a section":        {packet(someID+" HEAD\x00side-band shallow\n") + "0001", giterr.ErrProtocol},
		"an empty line":    {packet("") + "0000", giterr.ErrProtocol},
		"cut off":          {packet(someID + " HEAD\x00side-band shallow\n"), giterr.ErrUnavailable},
		"an error instead": {packet("ERR no such thing"), giterr.ErrProtocol},
	}
	for name, test := range tests {
		r := open(t, gitwire.Options{URL: oldServer(t, test.list, func(string) string { return "" })})
		_, err := r.Refs(t.Context(), []string{gitwiretest.Main})
		if err == nil {
			_, err = r.Snapshot(t.Context(), object.ID{1}, nil)
		}

		if !errors.Is(err, test.want) {
			t.Errorf("%s: got %v", name, err)
		}
	}
}

func TestAttack10LongListOfRefsOfAnOldServer(t *testing.T) {
	var list strings.Builder
	list.WriteString(packet(someID + " HEAD\x00side-band-64k shallow\n"))
	for i := range 3000 {
		list.WriteString(packet(fmt.Sprintf("%s refs/heads/%06d\n", someID, i)))
	}

	list.WriteString("0000")
	endless := packet(someID+" HEAD\x00side-band-64k shallow\n") + strings.Repeat(packet("shallow "+someID), 3000)
	for _, said := range []string{list.String(), endless} {
		url := oldServer(t, said, func(string) string { return strings.Repeat("0000", 1<<16) })
		r := open(t, gitwire.Options{URL: url, Limits: gitwire.Limits{RefBytes: 100_000, PackBytes: 1 << 16}})
		_, err := r.Refs(t.Context(), []string{gitwiretest.Main})
		if !errors.Is(err, giterr.ErrLimit) || !strings.Contains(err.Error(), "100000 bytes") {
			t.Errorf("got %v", err)
		}
	}

	url := oldServer(t, list.String(), func(string) string { return strings.Repeat("0000", 1<<16) })
	_, err := open(t, gitwire.Options{
		URL:    url,
		Limits: gitwire.Limits{FullPackBytes: 1 << 16},
	}).Snapshot(t.Context(), object.ID{1}, nil)
	if !errors.Is(err, giterr.ErrLimit) {
		t.Errorf("nothing but markers: got %v", err)
	}
}

// commitsOnly refuses to give out what is not one of the commits, as servers of
// version 0 may.
func commitsOnly(commits func() []string) func(http.Handler) http.Handler {
	return func(next http.Handler) http.Handler {
		return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			if r.Method != http.MethodPost {
				next.ServeHTTP(w, r)
				return
			}

			body, _ := io.ReadAll(r.Body)
			r.Body = io.NopCloser(bytes.NewReader(body))
			for _, commit := range commits() {
				if bytes.Contains(body, []byte("want "+commit)) {
					next.ServeHTTP(w, r)
					return
				}
			}

			w.Header().Set("Content-Type", "application/x-git-upload-pack-result")
			_, _ = io.WriteString(w, packet("ERR upload-pack: not our ref "+someID))
		})
	}
}

func TestAServerThatGivesOutNoFilesIsReadWhole(t *testing.T) {
	var commits []string
	o := gitwiretest.Options{Version0: true, Wrap: commitsOnly(func() []string { return commits })}
	repo, srv, url := served(t, o)
	one := repo.Commit(map[string]string{"a": "1", "b/c": "2"})
	commits = []string{one}
	remote := open(t, gitwire.Options{URL: url})
	snapshot, err := remote.Snapshot(t.Context(), id(t, one), nil)
	if err != nil {
		t.Fatal(err)
	}

	if err := snapshot.Tree(t.Context()).Prefetch(t.Context(), "a"); err != nil {
		t.Error(err)
	}

	asked(srv)
	two := repo.Commit(map[string]string{"b/c": "3"})
	commits = append(commits, two)
	next, err := remote.Snapshot(t.Context(), id(t, two), snapshot)
	if err != nil {
		t.Fatal(err)
	}

	for name, want := range map[string]string{"a": "1", "b/c": "3"} {
		b, err := next.Tree(t.Context()).ReadFile(name)
		if err != nil || string(b) != want {
			t.Errorf("%s: %q, %v", name, b, err)
		}
	}

	equal(t, "requests of the second commit", []string{"POST git-upload-pack"}, asked(srv))
}

func TestWhatIsTooLargeToBeReadWholeNamesTheBound(t *testing.T) {
	var commits []string
	wrap := commitsOnly(func() []string { return commits })
	repo, _, url := served(t, gitwiretest.Options{Version0: true, NoFilter: true, Wrap: wrap})
	commits = []string{repo.Commit(map[string]string{"a": noise(9000), "b": noise(9001)})}
	remote := open(t, gitwire.Options{URL: url, Limits: gitwire.Limits{FullPackBytes: 10_000}})
	_, err := remote.Snapshot(t.Context(), id(t, commits[0]), nil)
	if !errors.Is(err, giterr.ErrLimit) || !strings.Contains(err.Error(), "at most 10000 bytes") {
		t.Errorf("got %v", err)
	}

	remote = open(t, gitwire.Options{URL: url, Limits: gitwire.Limits{BlobCacheBytes: 15_000}})
	snapshot, err := remote.Snapshot(t.Context(), id(t, commits[0]), nil)
	if err != nil {
		t.Fatal(err)
	}

	var told []string
	for _, name := range []string{"a", "b"} {
		if _, err := snapshot.Tree(t.Context()).ReadFile(name); err != nil {
			told = append(told, err.Error())
			if !errors.Is(err, giterr.ErrLimit) || !strings.Contains(err.Error(), "15000 bytes") {
				t.Errorf("got %v", err)
			}
		}
	}

	if len(told) != 1 {
		t.Errorf("of two files of which one fits, these were told: %q", told)
	}
}

func TestFilesOfAServerWithoutFilterComeWithTheirCommit(t *testing.T) {
	for _, o := range []gitwiretest.Options{{NoFilter: true}, {NoFilter: true, Version0: true}} {
		repo, srv, url := served(t, o)
		commit := id(t, repo.Commit(map[string]string{"a": "1", "large": strings.Repeat(noise(9000), 200)}))
		snapshot, err := open(t, gitwire.Options{URL: url}).Snapshot(t.Context(), commit, nil)
		if err != nil {
			t.Fatal(err)
		}

		equal(t, "requests", []string{"GET refs", "POST git-upload-pack"}, asked(srv))
		for name, requests := range map[string][]string{"a": nil, "large": {"POST git-upload-pack"}} {
			if _, err := snapshot.Tree(t.Context()).ReadFile(name); err != nil {
				t.Error(err)
			}
			equal(t, "requests for "+name, requests, asked(srv))
		}
	}
}
