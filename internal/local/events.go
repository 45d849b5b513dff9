package local

import (
	"context"
	"fmt"
	"io"
	"sync"
	"time"

	"github.com/lockstephq/lockstep"
	"github.com/lockstephq/lockstep/internal/wire"
)

// eventInterval is the time between two reads of the events.
const eventInterval = 100 * time.Millisecond

// An eventPrinter prints sync events as they happen. It is safe for concurrent use.
type eventPrinter struct {
	client client
	out    io.Writer

	mu     sync.Mutex
	cursor string
}

// skipPast moves the printer behind everything that has happened so far.
func (p *eventPrinter) skipPast(ctx context.Context) error {
	one := 1
	out, err := p.client.service.ListSyncEvents(ctx, p.client.caller, &wire.ListSyncEventsInput{MaxResults: &one})
	if err != nil {
		return err
	}
	p.cursor = out.NextCursor
	return nil
}

// run prints events until ctx ends.
func (p *eventPrinter) run(ctx context.Context) error {
	tick := time.NewTicker(eventInterval)
	defer tick.Stop()

	for {
		if err := p.flush(ctx); err != nil && ctx.Err() == nil {
			return err
		}

		select {
		case <-ctx.Done():
			return nil
		case <-tick.C:
		}
	}
}

// flush prints what has happened since the last call.
func (p *eventPrinter) flush(ctx context.Context) error {
	p.mu.Lock()
	defer p.mu.Unlock()

	for size := maxPage; ; {
		out, err := p.client.service.ListSyncEvents(ctx, p.client.caller,
			&wire.ListSyncEventsInput{After: p.cursor, MaxResults: &size})
		if err != nil {
			return err
		}

		p.cursor = out.NextCursor
		for _, event := range out.Events {
			fmt.Fprintln(p.out, eventLine(event))
		}
		if len(out.Events) < size {
			return nil
		}
	}
}

// eventLine returns an event as a line: when, about what, what happened.
func eventLine(event wire.SyncEvent) string {
	subject := event.ResourceName
	if subject == "" {
		subject = event.Branch
	}
	if event.Sha != "" {
		subject += "@" + lockstep.SHA(event.Sha).Short()
	}

	return fmt.Sprintf("%s  %-24s %-32s %s", event.Time.Local().Format(time.TimeOnly),
		lockstep.SanitizeLine(subject), event.Type, lockstep.SanitizeLine(event.Event))
}
