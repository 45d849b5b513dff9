package server

import (
	"context"
	"fmt"
	"io"
	"sync"
	"time"

	"github.com/lockstephq/lockstep"
	"github.com/lockstephq/lockstep/internal/db"
	"github.com/lockstephq/lockstep/internal/syncstate"
)

// A feed writes sync events as they happen.
type feed struct {
	db    *db.DB
	of    linker
	out   io.Writer
	mu    sync.Mutex
	after int64
}

func newFeed(d *db.DB, of linker, out io.Writer) *feed { return &feed{db: d, of: of, out: out} }

// rewind puts the feed behind everything that has happened so far.
func (f *feed) rewind(ctx context.Context) error {
	return f.db.View(ctx, func(tx *db.Tx) (err error) {
		_, f.after, err = syncstate.NewestEvents(tx, f.of.account, f.of.region, syncstate.EventFilter{}, 1)
		return err
	})
}

// run writes until ctx ends.
func (f *feed) run(ctx context.Context) error {
	tick := time.NewTicker(100 * time.Millisecond)
	defer tick.Stop()
	for {
		if err := f.flush(ctx); err != nil && ctx.Err() == nil {
			return err
		}

		select {
		case <-ctx.Done():
			return nil
		case <-tick.C:
		}
	}
}

// flush writes what has happened since the last time.
func (f *feed) flush(ctx context.Context) error {
	f.mu.Lock()
	defer f.mu.Unlock()
	for {
		var events []syncstate.SyncEvent
		after := f.after
		err := f.db.View(ctx, func(tx *db.Tx) (err error) {
			events, after, err = syncstate.SyncEvents(tx, f.of.account, f.of.region, syncstate.EventFilter{}, f.after, 100)
			return err
		})
		if err != nil {
			return err
		}

		f.after = after
		for _, ev := range events {
			fmt.Fprintln(f.out, line(ev))
		}

		if len(events) < 100 {
			return nil
		}
	}
}

// line is how an event reads: when, what it is about, what happened.
func line(ev syncstate.SyncEvent) string {
	about := ev.Resource.Name
	if about == "" {
		about = ev.Branch
	}
	if ev.SHA != "" {
		about += "@" + ev.SHA.Short()
	}
	return fmt.Sprintf("%s  %-24s %-32s %s", ev.Time.Local().Format(time.TimeOnly), lockstep.SanitizeLine(about), ev.Type, lockstep.SanitizeLine(ev.Message))
}
