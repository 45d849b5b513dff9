package console_test

import (
	"crypto/sha256"
	"encoding/base64"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/lockstephq/lockstep"
	"github.com/lockstephq/lockstep/internal/console"
	"github.com/lockstephq/lockstep/internal/db"
	"github.com/lockstephq/lockstep/internal/db/dbtest"
)

func TestAttack14NobodyReadsAPageWithoutItsKey(t *testing.T) {
	w := newWorld(t, dbtest.Open(t))
	w.stack("web").setDesired(sha).addAttempt(lockstep.Applied)
	w.stack("web2").setDesired(older).addAttempt(lockstep.Applied)
	whole := w.url("")
	path, key, _ := strings.Cut(whole, "?key=")
	other := w.createLink(2, "acme", "other")
	keyOf := func(url string) string { _, key, _ := strings.Cut(url, "?key="); return key }
	want := w.get(http.MethodGet, "https://lockstep.example/commits/nothing")
	if want.Code != http.StatusNotFound || want.Body.Len() == 0 {
		t.Fatalf("status %d", want.Code)
	}

	compareGolden(t, "missing.html", want.Body.String())
	for name, url := range map[string]string{
		"no key":                  path,
		"an empty key":            path + "?key=",
		"a cut key":               whole[:len(whole)-1],
		"half a key":              path + "?key=" + key[:12],
		"a longer key":            whole + "A",
		"padding":                 whole + "%3D",
		"another case":            path + "?key=" + strings.ToLower(key) + "x",
		"the key of another link": path + "?key=" + keyOf(w.console.CommitURL(other.ID, sha, home)),
		"of another commit":       path + "?key=" + keyOf(w.console.CommitURL(w.link.ID, older, home)),
		"of another environment": path + "?key=" +
			keyOf(w.console.CommitURL(w.link.ID, sha, account+"/us-east-1")),
		"another commit with this key": strings.Replace(whole, string(sha), string(older), 1),
		"another place with this key":  strings.Replace(whole, region, "us-east-1", 1),
		"a commit's beginning":         strings.Replace(whole, string(sha), sha.Short(), 1),
		"a commit in capitals":         strings.Replace(whole, string(sha), strings.ToUpper(string(sha)), 1),
		"a key of something else":      path + "?key=" + w.key.MAC("another purpose", w.link.ID, string(sha), home),
		"the key twice":                whole + "&key=" + key,
		"something besides":            whole + "&x=1",
		"a semicolon":                  whole + ";page=1",
		"page nought":                  whole + "&page=0",
		"page minus one":               whole + "&page=-1",
		"page one, oddly":              whole + "&page=01",
		"no page":                      whole + "&page=",
		"two pages":                    whole + "&page=1&page=1",
		"a page of many digits":        whole + "&page=99999999999999999999",
		"a page behind the last":       whole + "&page=2",
		"more behind the path":         path + "/x?key=" + key,
		"a slash behind it":            path + "/?key=" + key,
		"a path that is too long":      path + strings.Repeat("/x", 1000) + "?key=" + key,
		"a query that is too long":     whole + "&page=" + strings.Repeat("1", 1000),
		"a link that is not there":     w.console.CommitURL("00000000-0000-4000-8000-000000000099", sha, home),
		"a commit that was never told of": w.console.CommitURL(w.link.ID,
			"ffffffffffffffffffffffffffffffffffffffff", home),
	} {
		got := w.getFrom("[2001:db8::1]:1", http.MethodGet, url)
		if got.Code != want.Code || got.Body.String() != want.Body.String() ||
			cmp.Diff(want.Header(), got.Header()) != "" {
			t.Errorf("%s: status %d %s", name, got.Code, cmp.Diff(want.Header(), got.Header()))
		}
	}

	w.page("&page=1")
}

func TestAttack20AnotherServersKeyOpensNothing(t *testing.T) {
	w := newWorld(t, dbtest.Open(t))
	w.stack("web").setDesired(sha).addAttempt(lockstep.Applied)
	theirs := newWorld(t, dbtest.Open(t))
	if got := w.get(http.MethodGet, theirs.url("")); got.Code != http.StatusNotFound {
		t.Errorf("status %d", got.Code)
	}
	if w.url("") == theirs.url("") {
		t.Error("two servers have one address for a page")
	}
}

func TestAttack20APageIsOnlyRead(t *testing.T) {
	w := newWorld(t, dbtest.Open(t))
	w.stack("web").setDesired(sha).addAttempt(lockstep.Applied)
	for _, method := range []string{
		http.MethodPost, http.MethodPut, http.MethodDelete, http.MethodOptions, http.MethodTrace, "get",
	} {
		got := w.get(method, w.url(""))
		if got.Code != http.StatusMethodNotAllowed || got.Header().Get("Allow") != "GET, HEAD" {
			t.Errorf("%s: status %d, Allow %q", method, got.Code, got.Header().Get("Allow"))
		}
	}

	// Over a real connection: what a body is there for is net/http's business.
	server := httptest.NewServer(w.console)
	defer server.Close()

	at, _ := strings.CutPrefix(w.url(""), "https://lockstep.example")
	read, err := server.Client().Get(server.URL + at)
	if err != nil {
		t.Fatal(err)
	}

	defer read.Body.Close()

	head, err := server.Client().Head(server.URL + at)
	if err != nil {
		t.Fatal(err)
	}

	defer head.Body.Close()

	if head.StatusCode != http.StatusOK || head.ContentLength != read.ContentLength || head.ContentLength < 1000 {
		t.Errorf("HEAD: status %d, %d bytes; GET has %d", head.StatusCode, head.ContentLength, read.ContentLength)
	}
}

func TestAttack28ABrowserIsToldToRunAndFetchNothing(t *testing.T) {
	w := newWorld(t, dbtest.Open(t))
	w.stack("web").setDesired(sha).addAttempt(lockstep.Applied)
	for _, at := range []string{w.url(""), "https://lockstep.example/commits/nothing"} {
		answer := w.get(http.MethodGet, at)
		sum := sha256.Sum256([]byte(style(t, answer.Body.String())))
		want := map[string]string{
			"Content-Type":           "text/html; charset=utf-8",
			"X-Content-Type-Options": "nosniff",
			"X-Frame-Options":        "DENY",
			"Referrer-Policy":        "no-referrer",
			"Cache-Control":          "no-store",
			"X-Robots-Tag":           "noindex, nofollow, noarchive",
			"Content-Security-Policy": "default-src 'none'; style-src 'sha256-" +
				base64.StdEncoding.EncodeToString(sum[:]) +
				"'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'",
		}
		for name, value := range want {
			if got := answer.Header().Get(name); got != value {
				t.Errorf("%s: %s is %q, want %q", at, name, got, value)
			}
		}
	}
}

func TestAttack23WhoHasNoKeyIsHeldBackAndWhoHasOneIsNot(t *testing.T) {
	w := newWorld(t, dbtest.Open(t))
	w.stack("web").setDesired(sha).addAttempt(lockstep.Applied)
	forged := strings.Replace(w.url(""), "key=", "key=A", 1)
	last := 0
	for range 200 {
		last = w.get(http.MethodGet, forged).Code
	}

	if last != http.StatusTooManyRequests {
		t.Errorf("after 200 forged keys: status %d", last)
	}

	if got := w.getFrom("192.0.2.2:1", http.MethodGet, forged).Code; got != http.StatusNotFound {
		t.Errorf("from another address: status %d", got)
	}

	// They may come by the same proxy.
	if got := w.get(http.MethodGet, w.url("")).Code; got != http.StatusOK {
		t.Errorf("with the key: status %d", got)
	}
}

func TestAttack18ALineIsWrittenForEachRequestAndNoKey(t *testing.T) {
	w := newWorld(t, dbtest.Open(t))
	w.stack("web").setDesired(sha).addAttempt(lockstep.Applied)
	_, key, _ := strings.Cut(w.url(""), "?key=")
	w.get(http.MethodGet, w.url(""))
	w.get(http.MethodGet, strings.Replace(w.url(""), "key=", "key=canary", 1))
	w.get(http.MethodPost, w.url(""))
	var got []string
	for _, line := range w.logLines() {
		got = append(got, strings.Join([]string{line["level"].(string), line["msg"].(string), line["link"].(string),
			line["sha"].(string), line["environment"].(string), line["outcome"].(string)}, "|"))
	}

	want := []string{
		"INFO|commit page|" + w.link.ID + "|" + string(sha) + "|" + home + "|",
		"INFO|commit page||||not found",
		"INFO|commit page||||wrong method",
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}

	if diff := cmp.Diff([]string{"", "not found", "wrong method"}, w.outcomes); diff != "" {
		t.Error(diff)
	}

	for _, secret := range []string{key, "canary"} {
		if strings.Contains(w.log.String(), secret) {
			t.Errorf("%q is in the log", secret)
		}
	}
}

// A panic, here of a database that is not there, is one answer and one line.
func TestAttack13APanicEndsOneRequestAlone(t *testing.T) {
	w := newWorld(t, dbtest.Open(t))
	at := w.url("")
	broken := &world{t: t, key: w.key}
	broken.console = newConsole(broken)

	for range 20 {
		if got := broken.get(http.MethodGet, at); got.Code != http.StatusInternalServerError ||
			strings.Contains(got.Body.String(), "nil") {
			t.Errorf("status %d: %s", got.Code, got.Body)
		}
	}

	if line := broken.logLines()[0]; line["level"] != "ERROR" || !strings.Contains(line["err"].(string), "panic: ") {
		t.Errorf("the line is %v", line)
	}
}

func TestDatabaseErrorIsLoggedAndNotShown(t *testing.T) {
	w := newWorld(t, dbtest.Open(t))
	w.update(func(tx *db.Tx) error {
		_, err := tx.Exec(`ALTER TABLE status_report RENAME TO canary`)
		return err
	})
	got := w.get(http.MethodGet, w.url(""))
	if got.Code != http.StatusServiceUnavailable || got.Header().Get("Retry-After") != "5" ||
		strings.Contains(got.Body.String(), "status_report") {
		t.Errorf("status %d: %s", got.Code, got.Body)
	}

	if line := w.logLines()[0]; line["level"] != "WARN" || !strings.Contains(line["err"].(string), "status_report") {
		t.Errorf("the line is %v", line)
	}
}

func FuzzAddress(f *testing.F) {
	w := newWorld(f, dbtest.Open(f))
	w.stack("web").setDesired(sha).addAttempt(lockstep.Applied)
	whole, err := url.Parse(w.url(""))
	if err != nil {
		f.Fatal(err)
	}

	f.Add(whole.Path, whole.RawQuery)
	f.Add(whole.Path, whole.RawQuery+"&page=1")
	f.Add(whole.Path+"/", whole.RawQuery)
	f.Add(whole.Path, whole.RawQuery+"&page=%31;")
	f.Add("/commits///", "key=%zz")
	f.Fuzz(func(t *testing.T, path, query string) {
		r := httptest.NewRequest(http.MethodGet, "/", http.NoBody)
		r.URL.Path, r.URL.RawQuery, r.RemoteAddr = path, query, "nobody"
		answer := httptest.NewRecorder()
		w.console.ServeHTTP(answer, r)
		values, _ := url.ParseQuery(query)
		if shown := values.Get("key") == whole.Query().Get("key") && path == whole.Path; answer.Code == http.StatusOK &&
			!shown {
			t.Errorf("%q?%q is answered", path, query)
		}

		w.log.Reset()
		w.outcomes = nil
	})
}

func TestURLWorksForAnyEnvironmentName(t *testing.T) {
	w := newWorld(t, dbtest.Open(t))
	for _, environment := range []string{home, "1/a b", "1/ü?key=x&y#z", "1/%2f/..", "//"} {
		at, err := url.Parse(w.console.CommitURL(w.link.ID, sha, environment))
		if err != nil {
			t.Fatal(err)
		}

		if want := "/commits/" + w.link.ID + "/" + string(sha) + "/" + environment; at.Path != want {
			t.Errorf("%s: the path is %s, want %s", environment, at.Path, want)
		}
		if at.Host != "lockstep.example" {
			t.Errorf("%s: the host is %s", environment, at.Host)
		}
		if at.Fragment != "" {
			t.Errorf("%s: the fragment is %s", environment, at.Fragment)
		}

		if len(at.Query()) != 1 || len(at.Query().Get("key")) != 24 {
			t.Errorf("%s: query %s", environment, at.RawQuery)
		}
	}

	below := console.New(console.Options{
		Seal:      w.key,
		Log:       discard,
		PublicURL: "https://example.com/lockstep/",
	}).CommitURL(w.link.ID, sha, home)
	if !strings.HasPrefix(below, "https://example.com/lockstep/commits/"+w.link.ID) {
		t.Errorf("below a path: %s", below)
	}
}
