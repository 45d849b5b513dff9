package console_test

import (
	"fmt"
	"net/http"
	"regexp"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/lockstephq/lockstep"
	"github.com/lockstephq/lockstep/internal/db"
	"github.com/lockstephq/lockstep/internal/db/dbtest"
	"github.com/lockstephq/lockstep/internal/store"
)

func TestPageShowsTheStacksOfACommit(t *testing.T) {
	dbtest.EachEngine(t, func(t *testing.T, dialect db.Dialect) {
		if dialect == db.Postgres {
			dbtest.URL(t, dialect) // its server starts outside of the bubble
		}

		synctest.Test(t, func(t *testing.T) {
			w := newWorld(t, dbtest.OpenOn(t, dialect, db.Schema()))
			w.stack("api").setDesired(sha).addAttempt(lockstep.Applied, "SYNC_STARTED: Sync of 1a2b3c4d started.",
				"SYNC_SUCCEEDED: Stack api was updated.")
			w.stack("cache").setDesired(sha).setDesired(older)
			w.stack("queue").setDesired(sha)
			time.Sleep(time.Minute)
			w.stack("web").setDesired(sha).addAttempt(lockstep.Failed, "SYNC_STARTED: Sync of 1a2b3c4d started.",
				"CHANGESET_CREATION_SUCCEEDED: Change set lockstep-1 has 2 changes.",
				"SYNC_FAILED: Bucket (AWS::S3::Bucket): the name is taken; give it another & push again.")
			w.stack("workers").setDesired(sha).addBlocker("Stack workers was changed by something else.")
			w.stack("xray").setDesired(sha).addAttempt("", "SYNC_STARTED: Sync of 1a2b3c4d started.")
			time.Sleep(time.Hour)
			compareGolden(t, "commit.html", w.page(""))
		})
	})
}

func TestRetriedStackShowsItsLastAttempt(t *testing.T) {
	w := newWorld(t, dbtest.Open(t))
	stack := w.stack("web").setDesired(sha).addAttempt(lockstep.Failed, "SYNC_FAILED: the first time")
	stack.setDesired(sha).addAttempt(lockstep.Superseded, "SYNC_FAILED: overtaken")
	if page := w.page(""); !strings.Contains(page, "the first time") || strings.Contains(page, "overtaken") {
		t.Error("it is not the attempt that came to an end of its own")
	}
	stack.setDesired(sha).addAttempt(lockstep.Applied, "SYNC_SUCCEEDED: the third time")
	if page := w.page(""); !strings.Contains(page, "the third time") || strings.Contains(page, "the first time") ||
		!strings.Contains(page, "<strong>Succeeded</strong>") {
		t.Error("it is not the last attempt")
	}
}

var heading = regexp.MustCompile(`<h3 [^>]*><bdi>([^<]*)</bdi> <span class="state ([a-z]+)">`)

func TestFourHundredStacksAreReadPageByPageFailedOnesFirst(t *testing.T) {
	w := newWorld(t, dbtest.Open(t))
	for i := range 400 {
		outcome := lockstep.Applied
		if i%100 == 99 {
			outcome = lockstep.Failed
		}

		w.stack(fmt.Sprintf("stack-%03d", i)).setDesired(sha).addAttempt(outcome, "SYNC_ENDED: so")
	}

	var names []string
	url, next := w.url(""), regexp.MustCompile(`rel="next" href="([^"]*)"`)
	for url != "" {
		answer := w.get(http.MethodGet, url)
		page := answer.Body.String()
		found := heading.FindAllStringSubmatch(page, -1)
		if answer.Code != http.StatusOK || len(found) != 50 {
			t.Fatalf("%s: status %d, %d stacks", url, answer.Code, len(found))
		}

		for _, match := range found {
			names = append(names, match[1])
		}

		if !strings.Contains(page, fmt.Sprintf("%d to %d of 400", len(names)-49, len(names))) {
			t.Errorf("page %d does not say where it is", len(names)/50)
		}

		match := next.FindStringSubmatch(page)
		if url = ""; match != nil {
			base, _, _ := strings.Cut(w.url(""), "?")
			url = base + strings.ReplaceAll(match[1], "&amp;", "&")
		}
	}

	if diff := cmp.Diff([]string{"stack-099", "stack-199", "stack-299", "stack-399", "stack-000", "stack-001"},
		names[:6]); diff != "" {
		t.Error(diff)
	}

	seen := map[string]bool{}
	for _, name := range names {
		seen[name] = true
	}

	if len(seen) != 400 {
		t.Errorf("%d of 400 stacks are there", len(seen))
	}

	if answer := w.get(http.MethodGet, w.url("&page=9")); answer.Code != http.StatusNotFound {
		t.Errorf("a page behind the last: status %d", answer.Code)
	}

	compareGolden(t, "pages.html", strings.ReplaceAll(lastLines(w.page("&page=2"), 8),
		strings.SplitN(w.url(""), "key=", 2)[1], "KEY"))
}

func lastLines(text string, n int) string {
	lines := strings.SplitAfter(text, "\n")
	return strings.Join(lines[max(0, len(lines)-n):], "")
}

func TestLastEventsAreShown(t *testing.T) {
	w := newWorld(t, dbtest.Open(t))
	events := make([]string, 250)
	for i := range events {
		events[i] = fmt.Sprintf("T: number %03d", i)
	}

	for i := range 12 {
		w.stack(fmt.Sprintf("stack-%02d", i)).setDesired(sha).addAttempt(lockstep.Applied, events...)
	}

	page := w.page("")
	if n := strings.Count(page, "number "); n != 2000 {
		t.Errorf("%d events are on the page", n)
	}

	parts := strings.Split(page, "<section ")[1:]
	if strings.Contains(parts[0], "number 049") || !strings.Contains(parts[0], "number 050") ||
		!strings.Contains(parts[0], "number 249") ||
		!strings.Contains(parts[0], "Events before these are left out.") {
		t.Error("the first stack does not show its last 200 events")
	}

	if !strings.Contains(parts[11], "Its events are left out") || strings.Contains(parts[11], "number") {
		t.Error("the last stack does not say that its events are left out")
	}
}

// What explains the status is there, and nothing else that the server knows.
func TestAttack21APageShowsNothingOfAnythingElse(t *testing.T) {
	dbtest.Each(t, func(t *testing.T, d *db.DB) {
		w := newWorld(t, d)
		w.stack("web").setDesired(sha).addAttempt(lockstep.Failed, "SYNC_FAILED: so")
		w.stack("stuck").setDesired(sha).addBlocker("Changed by something else.")
		w.stack("canary-silent", func(cfg *lockstep.SyncConfiguration) {
			cfg.PublishDeploymentStatus = "DISABLED"
		}).setDesired(sha).addAttempt(lockstep.Applied)
		w.stack("canary-region", func(cfg *lockstep.SyncConfiguration) {
			cfg.RoleARN = "arn:aws:iam::999988887777:role/x"
		}).setDesired(sha).addAttempt(lockstep.Applied)
		w.stack("canary-commit").setDesired(older).addAttempt(lockstep.Applied, "T: canary-event")
		other := w.createLink(2, "acme", "canary-repository")
		w.stack("canary-link", func(cfg *lockstep.SyncConfiguration) {
			cfg.LinkID = other.ID
		}).setDesired(sha).addAttempt(lockstep.Applied)
		page := w.page("")
		for _, secret := range []string{
			"canary", role, "arn:aws", "deploy.yaml", w.link.ID, string(w.link.ConnectionARN), "GitHub",
		} {
			if strings.Contains(page, secret) {
				t.Errorf("the page shows %q", secret)
			}
		}

		if n := len(heading.FindAllString(page, -1)); n != 2 {
			t.Errorf("%d stacks are shown", n)
		}
	})
}

var tag = regexp.MustCompile(`<[^>]*>`)

// ours are the tags of the templates; what is behind the name is looked at apart.
var ours = regexp.MustCompile(`^<(!doctype html|/?(html|head|meta|title|style|body|main|footer|h1|h2|h3|p|dl|dt|dd|` +
	`bdi|code|strong|span|time|section|details|summary|table|caption|thead|tbody|tr|th|td|nav|a))\b`)

func TestAttack28HostileTextsAreShownAndDoNothing(t *testing.T) {
	w := newWorld(t, dbtest.Open(t))
	const bad = "</bdi></title></style>\"'`><script>alert(1)</script><img src=x " +
		"onerror=alert(2)>{{.Key}}&lt;\x1b[31m\u202etxt\u2066\x00\r\nhttps://evil.example javascript:alert(3)"
	w.link = w.createLink(9, "acme/"+bad, bad)
	s := w.stack(bad, func(c *lockstep.SyncConfiguration) { c.Branch = strings.ReplaceAll(bad, "\x00", "") })
	s.setDesired(sha).addAttempt(lockstep.Failed, bad+": "+bad)
	w.stack("stuck" + bad).setDesired(sha).addBlocker(bad)
	page := w.page("")
	for _, m := range tag.FindAllString(strings.ReplaceAll(page, style(t, page), ""), -1) {
		if !ours.MatchString(m) || strings.Contains(m, "onerror") || strings.Contains(m, "href") ||
			strings.Contains(m, "src=") {
			t.Errorf("a tag that is not ours: %s", m)
		}
	}

	for _, r := range "\x1b\u202e\u2066\x00\r" {
		if strings.ContainsRune(page, r) {
			t.Errorf("%q is on the page", r)
		}
	}

	if n := strings.Count(page, "&lt;script&gt;alert(1)&lt;/script&gt;"); n < 6 {
		t.Errorf("the texts are shown %d times", n)
	}

	if strings.Contains(page, strings.SplitN(w.url(""), "key=", 2)[1]) {
		t.Error("a text was taken for a template")
	}
}

// style gives what is between a page's style tags.
func style(t testing.TB, page string) string {
	t.Helper()
	_, rest, ok := strings.Cut(page, "<style>")
	text, _, closed := strings.Cut(rest, "</style>")
	if !ok || !closed {
		t.Fatal("the page has no style")
	}
	return text
}

func TestLinksLeadToTheSamePage(t *testing.T) {
	w := newWorld(t, dbtest.Open(t))
	for i := range 120 {
		w.stack(fmt.Sprintf("stack-%03d", i)).setDesired(sha)
	}

	links := regexp.MustCompile(`(?:href|src|action|srcset|poster|data|`+
		`formaction)="([^"]*)"`).FindAllStringSubmatch(w.page("&page=2"), -1)
	if len(links) != 2 {
		t.Errorf("links: %v", links)
	}

	for _, m := range links {
		if !regexp.MustCompile(`^\?page=[13]&amp;key=[A-Za-z0-9_-]{24}$`).MatchString(m[1]) {
			t.Errorf("a link leads to %s", m[1])
		}
	}
}

func TestPageIsRemovedWithItsLink(t *testing.T) {
	w := newWorld(t, dbtest.Open(t))
	stack := w.stack("web").setDesired(sha).addAttempt(lockstep.Applied)
	w.page("")
	nothing := w.get(http.MethodGet, "/commits/").Body.String()
	gone := func(why string) {
		t.Helper()
		if answer := w.get(http.MethodGet, w.url("")); answer.Code != http.StatusNotFound ||
			answer.Body.String() != nothing {
			t.Errorf("%s: status %d", why, answer.Code)
		}
	}

	stack.cfg.PublishDeploymentStatus = "DISABLED"
	w.update(func(tx *db.Tx) error { return store.UpdateConfiguration(tx, &stack.cfg) })
	gone("nothing is published any more")
	stack.cfg.PublishDeploymentStatus = "ENABLED"
	w.update(func(tx *db.Tx) error { return store.UpdateConfiguration(tx, &stack.cfg) })
	w.page("")
	w.update(func(tx *db.Tx) error {
		_, err := tx.Exec(`DELETE FROM status_report`)
		return err
	})
	gone("its report is forgotten")
	w.update(func(tx *db.Tx) error {
		if err := store.DeleteConfiguration(tx, stack.cfg.ID); err != nil {
			return err
		}
		return store.DeleteLink(tx, account, region, w.link.ID)
	})

	gone("its link is deleted")
}

func TestAFailedStackThatIsBlockedReadsAsBlocked(t *testing.T) {
	dbtest.Each(t, func(t *testing.T, database *db.DB) {
		w := newWorld(t, database)
		w.stack("web").setDesired(sha).addAttempt(lockstep.Failed, "STACK_UPDATE_FAILED: it failed").
			addBlocker("Stack web cannot be updated.")
		page := w.page("")
		if want := `<span class="state failed">blocked</span>`; !strings.Contains(page, want) {
			t.Errorf("the page does not contain %q", want)
		}
		if want := "<p><bdi>Stack web cannot be updated.</bdi></p>"; !strings.Contains(page, want) {
			t.Errorf("the page does not contain %q", want)
		}
	})
}

func TestABlockerOfALaterCommitIsNotOneOfThisCommit(t *testing.T) {
	w := newWorld(t, dbtest.Open(t))
	w.stack("web").setDesired(sha).addAttempt(lockstep.Failed, "STACK_UPDATE_FAILED: it failed").
		setDesired(older).addBlocker("Stack web cannot be updated.")
	if page := w.page(""); strings.Contains(page, "Stack web cannot be updated.") {
		t.Error("the page shows the blocker of another commit")
	}
}

func TestAStackWhoseRepositoryCannotBeReadSaysSo(t *testing.T) {
	dbtest.Each(t, func(t *testing.T, database *db.DB) {
		w := newWorld(t, database)
		w.stack("web").setDesired(sha).addAttempt(lockstep.Applied, "SYNC_SUCCEEDED: done")
		if strings.Contains(w.page(""), "cannot be read") {
			t.Error("the page of a readable repository says that it cannot be read")
		}

		w.update(func(tx *db.Tx) error {
			poll := store.Poll{LinkID: w.link.ID, Failures: 1, Error: "The host does not answer."}
			return store.FinishPoll(tx, poll, tx.Now.Add(time.Minute))
		})
		page := regexp.MustCompile(`The repository cannot be read since \S+Z: The host does not answer\.`)
		if !page.MatchString(w.page("")) {
			t.Error("the page does not say that the repository cannot be read")
		}
	})
}
