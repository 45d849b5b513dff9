package queue_test

import (
	"context"
	"errors"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/lockstephq/lockstep/internal/db"
	"github.com/lockstephq/lockstep/internal/db/dbtest"
	"github.com/lockstephq/lockstep/internal/queue"
)

// inBubble runs f on both engines where time is fake: an hour passes when every
// goroutine waits for it.
func inBubble(t *testing.T, f func(t *testing.T, d *db.DB)) {
	t.Helper()
	dbtest.EachEngine(t, func(t *testing.T, engine db.Dialect) {
		synctest.Test(t, func(t *testing.T) { f(t, dbtest.OpenOn(t, engine, schema())) })
	})
}

// poll is the interval in bubbles: long, for each one costs real time. River adds a
// tenth at random.
const (
	poll      = 5 * time.Second
	tolerance = poll + poll/4
)

func bubbled() queue.Options { return queue.Options{PollOnly: true, PollInterval: poll} }

// A diary notes when the steps of attempts have begun, by the bubble's clock.
type diary struct {
	mu    sync.Mutex
	start time.Time
	lines map[int64][]time.Duration
}

func (d *diary) note(_, attempt int64, _ int) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.lines[attempt] = append(d.lines[attempt], time.Since(d.start))
}

func (d *diary) of(attempt int64) []time.Duration {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.lines[attempt]
}

// startBubbled gives a running plant with one resource, and the diary of its steps.
func startBubbled(t *testing.T, d *db.DB, o queue.Options) (*plant, *diary) {
	t.Helper()
	fixture := newPlant(d, o)
	notes := &diary{start: time.Now(), lines: map[int64][]time.Duration{}}
	fixture.begin = notes.note
	start(t, fixture.q)
	if err := fixture.addResources(t.Context(), 1); err != nil {
		t.Fatal(err)
	}
	return fixture, notes
}

func TestAWaitOfAnHourLastsAnHour(t *testing.T) {
	inBubble(t, func(t *testing.T, database *db.DB) {
		fixture, notes := startBubbled(t, database, bubbled())
		fixture.wait = func(_ int64, step int) time.Duration {
			if step == 1 {
				return time.Hour
			}
			return 0
		}
		if err := fixture.add(t.Context(), 0, 1); err != nil {
			t.Fatal(err)
		}

		time.Sleep(time.Hour + time.Minute)
		got := notes.of(1)
		if len(got) != steps {
			t.Fatalf("steps began at %v", got)
		}

		if database := got[1] - got[0]; database < time.Hour || database > time.Hour+tolerance {
			t.Errorf("waited %v", database)
		}
	})
}

func TestShortWaitsDoNotWaitForTheScheduler(t *testing.T) {
	inBubble(t, func(t *testing.T, d *db.DB) {
		fixture, notes := startBubbled(t, d, queue.Options{PollOnly: true, PollInterval: 100 * time.Millisecond})
		fixture.wait = func(_ int64, step int) time.Duration {
			return map[int]time.Duration{1: time.Second, 2: 4 * time.Second}[step]
		}
		time.Sleep(7 * time.Second) // out of step with the scheduler's ticks

		if err := fixture.add(t.Context(), 0, 1); err != nil {
			t.Fatal(err)
		}

		time.Sleep(10 * time.Second)
		got := notes.of(1)
		if len(got) != steps || got[1]-got[0] > 1200*time.Millisecond || got[2]-got[1] > 4200*time.Millisecond {
			t.Errorf("steps began at %v", got)
		}
	})
}

// TestAHeadThatArrivesDuringALongWaitStartsAtOnce is the trap of snoozing: the
// wake-up is skipped, since a job is waiting, and the newcomer waits as long as it.
func TestAHeadThatArrivesDuringALongWaitStartsAtOnce(t *testing.T) {
	inBubble(t, func(t *testing.T, database *db.DB) {
		fixture, notes := startBubbled(t, database, bubbled())
		fixture.wait = func(attempt int64, step int) time.Duration {
			if attempt == 2 && step == 1 {
				return time.Hour
			}
			return 0
		}
		if err := fixture.add(t.Context(), 0, 2); err != nil {
			t.Fatal(err)
		}

		time.Sleep(10 * time.Minute)
		arrived := time.Since(notes.start)
		if err := fixture.add(t.Context(), 0, 1); err != nil { // lower: it goes first
			t.Fatal(err)
		}

		time.Sleep(time.Hour)
		first, waiting := notes.of(1), notes.of(2)
		if len(first) != steps || len(waiting) != steps {
			t.Fatalf("steps began at %v and %v", first, waiting)
		}

		if late := first[0] - arrived; late > tolerance {
			t.Errorf("the newcomer waited %v", late)
		}

		if database := waiting[1] - waiting[0]; database < time.Hour || database > time.Hour+tolerance {
			t.Errorf("the one that waits was to wait an hour and waited %v", database)
		}
	})
}

type probeArgs struct {
	Name string `json:"name"`
}

func (probeArgs) Kind() string { return "probe" }

// schedulerInterval is the interval of River's scheduler.
const schedulerInterval = 5 * time.Second

// A probe is a queue whose worker notes when it ran and does what the test says.
type probe struct {
	*queue.Queue
	d     *db.DB
	start time.Time
	mu    sync.Mutex
	runs  []time.Duration
	ids   map[int64]bool
}

func startProbe(t *testing.T, database *db.DB, work func(ctx context.Context, run int, job *queue.Job) error) *probe {
	t.Helper()
	o := bubbled()
	o.DB = database
	prober := &probe{Queue: queue.New(o), d: database, start: time.Now(), ids: map[int64]bool{}}
	queue.Handle(prober.Queue, 30*time.Second, func(ctx context.Context, job *queue.Job, _ probeArgs) error {
		prober.mu.Lock()
		prober.runs = append(prober.runs, time.Since(prober.start).Round(time.Second))
		prober.ids[job.ID] = true
		run := len(prober.runs)
		prober.mu.Unlock()

		return work(ctx, run, job)
	})

	start(t, prober.Queue)
	return prober
}

func (p *probe) wake(t *testing.T, name string, at time.Time) {
	t.Helper()
	err := p.d.Update(t.Context(), func(tx *db.Tx) error { return p.Wake(tx, probeArgs{name}, at) })
	if err != nil {
		t.Fatal(err)
	}
}

// rows counts the jobs there have been.
func (p *probe) rows() int {
	p.mu.Lock()
	defer p.mu.Unlock()
	return len(p.ids)
}

func (p *probe) ran() []time.Duration {
	p.mu.Lock()
	defer p.mu.Unlock()
	return append([]time.Duration{}, p.runs...)
}

func TestAnErrorOrAPanicIsRetriedForever(t *testing.T) {
	inBubble(t, func(t *testing.T, d *db.DB) {
		prober := startProbe(t, d, func(_ context.Context, run int, _ *queue.Job) error {
			if run%2 == 0 {
				panic("broken")
			}
			return errors.New("broken")
		})

		prober.wake(t, "a", time.Time{})
		time.Sleep(30 * time.Minute) // more than fifty tries
		runs := prober.ran()

		if n := prober.rows(); n != 2 {
			t.Errorf("%d rows: a row keeps every error, so it is to be replaced after fifty", n)
		}

		if len(runs) < 55 || len(runs) > 75 {
			t.Errorf("%d tries in half an hour", len(runs))
		}

		for i := 1; i < len(runs); i++ {
			if pause := runs[i] - runs[i-1]; pause > 30*time.Second+schedulerInterval+tolerance {
				t.Errorf("a pause of %v after try %d", pause, i)
			}
		}
	})
}

func TestAWakeUpCutsARetryShort(t *testing.T) {
	inBubble(t, func(t *testing.T, database *db.DB) {
		prober := startProbe(t, database, func(ctx context.Context, run int, job *queue.Job) error {
			if run <= 7 {
				return errors.New("broken")
			}
			return database.Update(ctx, job.Complete)
		})

		prober.wake(t, "a", time.Time{})
		time.Sleep(70 * time.Second) // 1+2+4+8+16+30, then 30 more
		before := len(prober.ran())
		prober.wake(t, "a", time.Time{})
		time.Sleep(tolerance)

		if n := len(prober.ran()); n != before+1 {
			t.Errorf("%d tries before the wake-up, %d after", before, n)
		}
	})
}

func TestALaterWakeUpDoesNotDelayAnEarlierOne(t *testing.T) {
	const near, later = 3 * time.Second, 5 * time.Minute
	tests := []struct {
		name string
		at   []time.Duration
		want time.Duration
	}{
		{"at once", []time.Duration{0}, 0},
		{"later", []time.Duration{later}, later},
		{"soon", []time.Duration{near}, near},
		{"in the past", []time.Duration{-later}, 0},
		{"later, then at once", []time.Duration{later, 0}, 0},
		{"soon, then at once", []time.Duration{near, 0}, 0},
		{"at once, then later", []time.Duration{0, later}, 0},
		{"soon, then later", []time.Duration{near, later}, near},
	}
	inBubble(t, func(t *testing.T, database *db.DB) {
		for _, tt := range tests {
			prober := startProbe(t, database, func(ctx context.Context, _ int, job *queue.Job) error {
				return database.Update(ctx, job.Complete)
			})
			err := database.Update(t.Context(), func(tx *db.Tx) error {
				for _, at := range tt.at {
					if err := prober.Wake(tx, probeArgs{"a"}, prober.start.Add(at)); err != nil {
						return err
					}
				}
				return nil
			})
			if err != nil {
				t.Fatal(err)
			}

			time.Sleep(later + time.Minute)
			got := prober.ran()
			if len(got) != 1 || got[0] < tt.want || got[0] > tt.want+tolerance {
				t.Errorf("%s: ran at %v, want %v", tt.name, got, tt.want)
			}

			if err := prober.Stop(t.Context()); err != nil {
				t.Fatal(err)
			}
		}
	})
}

// TestAJobOfACrashedNodeIsRescued leaves the rows as a killed node does: its job
// running, its lease of the leadership taken.
func TestAJobOfACrashedNodeIsRescued(t *testing.T) {
	inBubble(t, func(t *testing.T, database *db.DB) {
		jobs := queue.New(queue.Options{DB: database})
		if err := jobs.Migrate(t.Context()); err != nil {
			t.Fatal(err)
		}

		err := database.Update(t.Context(), func(tx *db.Tx) error { return jobs.Wake(tx, probeArgs{"a"}, time.Time{}) })
		if err != nil {
			t.Fatal(err)
		}

		markRunning(t, database)
		prober := startProbe(t, database, func(ctx context.Context, _ int, job *queue.Job) error {
			return database.Update(ctx, job.Complete)
		})
		time.Sleep(3 * time.Minute)
		got := prober.ran()
		if len(got) != 1 || got[0] < 30*time.Second || got[0] > 90*time.Second {
			t.Errorf("ran at %v, want once, within 90 s", got)
		}
	})
}

// markRunning makes the jobs of the database those of a node that is gone, and led.
func markRunning(t *testing.T, d *db.DB) {
	t.Helper()
	err := d.Update(t.Context(), func(tx *db.Tx) error {
		var at, lease any = tx.Now, tx.Now.Add(15 * time.Second)
		if tx.Dialect == db.SQLite {
			at, lease = queue.RiverTime(tx.Now), queue.RiverTime(tx.Now.Add(15*time.Second))
		}

		_, err := tx.Exec("UPDATE river_job SET state = 'running', attempt = 1, attempted_at = $1", at)
		if err != nil {
			return err
		}

		_, err = tx.Exec("INSERT INTO river_leader (leader_id, elected_at, expires_at) VALUES ('gone', $1, $2)", at,
			lease)
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
}
