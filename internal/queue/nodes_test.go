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

// TestNodesShareTheWorkAndLoseNoWakeUp lets work arrive while workers of two nodes
// look for it, end, and wait, all on few resources, so that every interleaving
// comes up. There is no sweeper here, and the rescuer would come too late: a lost
// wake-up is an attempt that stays open.
func TestNodesShareTheWorkAndLoseNoWakeUp(t *testing.T) {
	const resources, writers, each = 8, 4, 75
	url := dbtest.URL(t, db.Postgres)
	var nodes []*plant
	var worked [2]atomic.Int64
	var busy [resources]atomic.Int64
	for i := range worked {
		d, err := db.Open(t.Context(), url, schema())
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { d.Close() })
		p := newPlant(d, quick())
		p.begin = func(resource, _ int64, _ int) {
			worked[i].Add(1)
			if busy[resource].Add(1) > 1 {
				t.Errorf("two steps of resource %d at once", resource)
			}
		}
		p.end = func(resource, _ int64, _ int) { busy[resource].Add(-1) }
		p.wait = func(int64, int) time.Duration { return time.Duration(rand.IntN(3)) * time.Millisecond }
		start(t, p.q)
		nodes = append(nodes, p)
	}
	if err := nodes[0].addResources(t.Context(), resources); err != nil {
		t.Fatal(err)
	}
	var last atomic.Int64
	var wg sync.WaitGroup
	for w := range writers {
		wg.Go(func() {
			for range each {
				if err := nodes[w%2].add(t.Context(), rand.Int64N(resources), last.Add(1)); err != nil {
					t.Error(err)
				}
			}
		})
	}
	wg.Wait()
	ctx, cancel := context.WithTimeout(t.Context(), 25*time.Second)
	defer cancel()
	if err := nodes[0].finished(ctx); err != nil {
		t.Fatal(err)
	}
	checkEvents(t, nodes[0].d, writers*each)
	for i := range worked {
		if worked[i].Load() == 0 {
			t.Errorf("node %d did nothing", i)
		}
	}
}

// TestAReplacedWorkerWritesNothing lets a worker sleep through its own replacement,
// as a stopped process does.
func TestAReplacedWorkerWritesNothing(t *testing.T) {
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
		if n := runs.Load(); n != 1+steps {
			t.Errorf("%d steps began", n)
		}
	})
}
