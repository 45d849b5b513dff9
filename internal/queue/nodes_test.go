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
	nodes := &racers{}
	url := dbtest.URL(t, db.Postgres)
	for i := range nodes.nodes {
		database, err := db.Open(t.Context(), url, schema())
		if err != nil {
			t.Fatal(err)
		}

		t.Cleanup(func() { database.Close() })
		fixture := newPlant(database, quick())
		fixture.begin = func(resource, _ int64, _ int) {
			nodes.worked[i].Add(1)
			if nodes.busy[resource].Add(1) > 1 {
				t.Errorf("two steps of resource %d at once", resource)
			}
		}
		fixture.end = func(resource, attempt int64, step int) {
			nodes.busy[resource].Add(-1)
			if attempt < resources && step == steps {
				nodes.arrivals.Go(func() { nodes.arrive(t, resource, attempt+resources) })
			}
		}

		nodes.nodes[i] = fixture
	}

	return nodes
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
	nodes := newRacers(t)
	first := nodes.nodes[0]
	if err := first.q.Migrate(t.Context()); err != nil {
		t.Fatal(err)
	}

	fill(t, first, resources, 1)
	for _, p := range nodes.nodes {
		start(t, p.q)
	}

	ctx, cancel := context.WithTimeout(t.Context(), 25*time.Second)
	defer cancel()

	for count := 1; count > 0; {
		err := first.finished(ctx)
		if err != nil {
			t.Fatal(err)
		}

		nodes.arrivals.Wait() // what they brought may be open
		if count, err = first.open(ctx); err != nil {
			t.Fatal(err)
		}
	}

	checkEvents(t, first.d, 2*resources)
	for i := range nodes.worked {
		if nodes.worked[i].Load() == 0 {
			t.Errorf("node %d did nothing", i)
		}
	}
}

// TestAWorkerWithoutItsLeaseWritesNothing lets a worker sleep through its own replacement,
// as a stopped process does.
func TestAWorkerWithoutItsLeaseWritesNothing(t *testing.T) {
	inBubble(t, func(t *testing.T, database *db.DB) {
		fixture := newPlant(database, bubbled())
		var runs atomic.Int64
		fixture.begin = func(_, _ int64, step int) {
			if runs.Add(1) == 1 {
				time.Sleep(10 * time.Minute) // deaf to its context
			}
		}

		start(t, fixture.q)
		if err := fixture.addResources(t.Context(), 1); err != nil {
			t.Fatal(err)
		}

		if err := fixture.add(t.Context(), 0, 1); err != nil {
			t.Fatal(err)
		}

		time.Sleep(3 * time.Minute)
		if count, err := fixture.open(t.Context()); err != nil || count != 0 {
			t.Errorf("%d attempts open after the rescue, %v", count, err)
		}

		checkEvents(t, database, 1)
		time.Sleep(10 * time.Minute)
		checkEvents(t, database, 1)

		if count := runs.Load(); count != 1+steps || fixture.replaced.Load() != 1 {
			t.Errorf("%d steps began, %d workers found that they were replaced", count, fixture.replaced.Load())
		}
	})
}
