package queue_test

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/lockstephq/lockstep/internal/db"
	"github.com/lockstephq/lockstep/internal/db/dbtest"
)

// The environment of the child that is killed.
const (
	childURL   = "QUEUE_TEST_CHILD_URL"
	childAudit = "QUEUE_TEST_CHILD_AUDIT"
)

// TestMain lets the test binary be the process that is killed.
func TestMain(m *testing.M) {
	if url := os.Getenv(childURL); url != "" {
		if err := child(url, os.Getenv(childAudit)); err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
		return
	}
	os.Exit(m.Run())
}

// child works until it is killed, or its parent is gone.
func child(url, file string) error {
	database, err := db.Open(context.Background(), url, schema())
	if err != nil {
		return err
	}

	journal, err := openAudit(file)
	if err != nil {
		return err
	}
	if err := auditedPlant(database, journal).q.Start(context.Background()); err != nil {
		return err
	}

	_, err = io.Copy(io.Discard, os.Stdin)
	return err
}

// auditedPlant waits a little after the first step of every tenth attempt.
func auditedPlant(d *db.DB, journal *audit) *plant {
	o := quick()
	o.Exclusive = true
	fixture := newPlant(d, o)
	fixture.begin, fixture.end = journal.begin, journal.end
	fixture.wait = func(attempt int64, step int) time.Duration {
		if attempt%10 == 3 && step == 1 {
			return 10 * time.Millisecond
		}
		return 0
	}
	return fixture
}

// TestKillNine kills the process in the midst of 5,000 attempts over 500 resources
// and lets another go on. Under the race detector they are fewer.
func TestKillNine(t *testing.T) {
	dbtest.EachEngine(t, func(t *testing.T, engine db.Dialect) {
		resources, each := int64(500), int64(10)
		if slow {
			resources, each = 50, 4
		}

		url, file := dbtest.URL(t, engine), filepath.Join(t.TempDir(), "audit")
		database, err := db.Open(t.Context(), url, schema())
		if err != nil {
			t.Fatal(err)
		}

		t.Cleanup(func() { database.Close() })
		journal, err := openAudit(file)
		if err != nil {
			t.Fatal(err)
		}

		fixture := auditedPlant(database, journal)
		if err := fixture.q.Migrate(t.Context()); err != nil {
			t.Fatal(err)
		}

		fill(t, fixture, resources, each)

		killAfter(t, fixture, url, file, int(resources*each*3/5))
		interrupted := journal.running(t)
		start(t, fixture.q)

		if err := fixture.finished(t.Context()); err != nil {
			t.Fatal(err)
		}

		checkEvents(t, database, int(resources*each))
		journal.check(t, interrupted)
	})
}

// fill adds attempts whose numbers grow from resource to resource and back to the
// first, so that each resource has its own, in order.
func fill(t *testing.T, fixture *plant, resources, each int64) {
	t.Helper()
	if err := fixture.addResources(t.Context(), resources); err != nil {
		t.Fatal(err)
	}

	for r := range resources {
		var attempts []int64
		for i := range each {
			attempts = append(attempts, i*resources+r)
		}

		if err := fixture.add(t.Context(), r, attempts...); err != nil {
			t.Fatal(err)
		}
	}
}

// killAfter runs the child until so few attempts are open and kills it.
func killAfter(t *testing.T, fixture *plant, url, file string, left int) {
	t.Helper()
	exe, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}

	cmd := exec.Command(exe)
	cmd.Env = append(os.Environ(), childURL+"="+url, childAudit+"="+file)
	cmd.Stderr = os.Stderr
	stdin, err := cmd.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}

	defer stdin.Close()

	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}

	exited := make(chan error, 1)
	go func() { exited <- cmd.Wait() }()
	for {
		n, err := fixture.open(t.Context())
		if err != nil {
			t.Fatal(err)
		}

		if n <= left {
			break
		}

		select {
		case err := <-exited:
			t.Fatalf("the child ended by itself: %v", err)
		case <-time.After(20 * time.Millisecond):
		}
	}

	if err := cmd.Process.Kill(); err != nil {
		t.Fatal(err)
	}

	<-exited
}

// checkEvents finds every step recorded; that none is twice is the primary key.
func checkEvents(t *testing.T, d *db.DB, attempts int) {
	t.Helper()
	var events, ended int
	err := d.View(t.Context(), func(tx *db.Tx) error {
		if err := tx.QueryRow("SELECT count(*) FROM event").Scan(&events); err != nil {
			return err
		}
		return tx.QueryRow("SELECT count(*) FROM attempt WHERE step = $1 AND NOT open", steps).Scan(&ended)
	})
	if err != nil || events != attempts*steps || ended != attempts {
		t.Errorf("%d events of %d attempts, %d ended: %v", events, attempts, ended, err)
	}
}

// An audit is a file to which each start and end of a step is one write. It records
// what happened, even if the process was killed, not what the database contains.
type audit struct {
	f *os.File
}

func openAudit(file string) (*audit, error) {
	f, err := os.OpenFile(file, os.O_CREATE|os.O_APPEND|os.O_RDWR, 0o600)
	return &audit{f: f}, err
}

func (a *audit) begin(resource, attempt int64, step int) { a.write("begin", resource, attempt, step) }
func (a *audit) end(resource, attempt int64, step int)   { a.write("end", resource, attempt, step) }

func (a *audit) write(what string, resource, attempt int64, step int) {
	line := fmt.Appendf(nil, "%s %d %d %d\n", what, resource, attempt, step)
	if _, err := a.f.Write(line); err != nil {
		panic(err) // the worker's panic is logged, and the check finds a line too few
	}
}

type line struct {
	what              string
	resource, attempt int64
	step              int
}

func (a *audit) lines(t *testing.T) []line {
	t.Helper()
	text, err := os.ReadFile(a.f.Name())
	if err != nil {
		t.Fatal(err)
	}

	var all []line
	for s := bufio.NewScanner(strings.NewReader(string(text))); s.Scan(); {
		var entry line
		if _, err := fmt.Sscanf(s.Text(), "%s %d %d %d", &entry.what, &entry.resource, &entry.attempt,
			&entry.step); err != nil {
			t.Fatalf("line %q: %v", s.Text(), err)
		}

		all = append(all, entry)
	}

	return all
}

// running lists the resources of which a step was written but perhaps not
// recorded when the process was killed: the newest of each resource may run again.
func (a *audit) running(t *testing.T) map[int64]line {
	t.Helper()
	last := map[int64]line{}
	for _, l := range a.lines(t) {
		last[l.resource] = l
	}
	return last
}

// check reads the whole file: no step while another of its resource runs, none of a
// later attempt before the earlier has ended, and none again but the one that the
// kill may have cut off.
func (a *audit) check(t *testing.T, interrupted map[int64]line) {
	t.Helper()
	type state struct {
		attempt int64
		step    int
		running bool
	}

	now := map[int64]state{}
	again := 0
	for _, entry := range a.lines(t) {
		last, known := now[entry.resource]
		if !known {
			last = state{attempt: entry.resource, step: 0} // the first is numbered as the resource
		}

		if entry.what == "end" {
			now[entry.resource] = state{entry.attempt, entry.step, false}
			continue
		}

		cut, wasCut := interrupted[entry.resource]
		repeats := wasCut && entry.attempt == cut.attempt && entry.step == cut.step && known &&
			entry.attempt == last.attempt &&
			entry.step == last.step
		follows := entry.attempt == last.attempt && entry.step == last.step+1 && !last.running
		next := entry.attempt > last.attempt && last.step == steps && entry.step == 1 && !last.running
		switch {
		case repeats:
			again++
			delete(interrupted, entry.resource)
		case !follows && !next:
			t.Errorf("resource %d: attempt %d step %d began after %+v", entry.resource, entry.attempt, entry.step, last)
		}

		now[entry.resource] = state{entry.attempt, entry.step, true}
	}

	t.Logf("%d steps ran again after the kill", again)
}
