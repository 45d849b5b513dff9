package queue_test

import (
	"context"
	"math/rand/v2"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/lockstephq/lockstep/internal/db"
	"github.com/lockstephq/lockstep/internal/db/dbtest"
)

// racers are two nodes on one database. The second attempt of each resource arrives
// while the worker of the first, on one node or the other, records its last step,
// looks for more, and ends its job.
type racers struct {
	nodes    [2]*plant
	worked   [2]atomic.Int64
	busy     [resources]atomic.Int64
	arrivals sync.WaitGroup
}

const resources = 250

func newRacers(t *testing.T) *racers {
	t.Helper()
	r := &racers{}
	url := dbtest.URL(t, db.Postgres)
	for i := range r.nodes {
		d, err := db.Open(t.Context(), url, schema())
		if err != nil {
			t.Fatal(err)
		}

		t.Cleanup(func() { d.Close() })
		p := newPlant(d, quick())
		p.begin = func(resource, _ int64, _ int) {
			r.worked[i].Add(1)
			if r.busy[resource].Add(1) > 1 {
				t.Errorf("two steps of resource %d at once", resource)
			}
		}
		p.end = func(resource, attempt int64, step int) {
			r.busy[resource].Add(-1)
			if attempt < resources && step == steps {
				r.arrivals.Go(func() { r.arrive(t, resource, attempt+resources) })
			}
		}

		r.nodes[i] = p
	}

	return r
}

func (r *racers) arrive(t *testing.T, resource, attempt int64) {
	time.Sleep(time.Duration(rand.Int64N(int64(3 * time.Millisecond))))
	if err := r.nodes[attempt%2].add(t.Context(), resource, attempt); err != nil {
		t.Error(err)
	}
}

// TestNodesShareTheWorkAndLoseNoWakeUp has no sweeper, and the rescuer would come too
// late: a lost wake-up is an attempt that stays open.
func TestNodesShareTheWorkAndLoseNoWakeUp(t *testing.T) {
	r := newRacers(t)
	first := r.nodes[0]
	if err := first.q.Migrate(t.Context()); err != nil {
		t.Fatal(err)
	}

	fill(t, first, resources, 1)
	for _, p := range r.nodes {
		start(t, p.q)
	}

	ctx, cancel := context.WithTimeout(t.Context(), 25*time.Second)
	defer cancel()

	for n := 1; n > 0; {
		err := first.finished(ctx)
		if err != nil {
			t.Fatal(err)
		}

		r.arrivals.Wait() // what they brought may be open
		if n, err = first.open(ctx); err != nil {
			t.Fatal(err)
		}
	}

	checkEvents(t, first.d, 2*resources)
	for i := range r.worked {
		if r.worked[i].Load() == 0 {
			t.Errorf("node %d did nothing", i)
		}
	}
}

// TestAWorkerWithoutItsLeaseWritesNothing lets a worker sleep through its own replacement,
// as a stopped process does.
func TestAWorkerWithoutItsLeaseWritesNothing(t *testing.T) {
	inBubble(t, func(t *testing.T, d *db.DB) {
		p := newPlant(d, bubbled())
		var runs atomic.Int64
		p.begin = func(_, _ int64, step int) {
			if runs.Add(1) == 1 {
				time.Sleep(10 * time.Minute) // deaf to its context
			}
		}

		start(t, p.q)
		if err := p.addResources(t.Context(), 1); err != nil {
			t.Fatal(err)
		}

		if err := p.add(t.Context(), 0, 1); err != nil {
			t.Fatal(err)
		}

		time.Sleep(3 * time.Minute)
		if n, err := p.open(t.Context()); err != nil || n != 0 {
			t.Errorf("%d attempts open after the rescue, %v", n, err)
		}

		checkEvents(t, d, 1)
		time.Sleep(10 * time.Minute)
		checkEvents(t, d, 1)

		if n := runs.Load(); n != 1+steps || p.replaced.Load() != 1 {
			t.Errorf("%d steps began, %d workers found that they were replaced", n, p.replaced.Load())
		}
	})
}
