package manifest

import (
	"context"
	"sync"
	"time"

	"github.com/lockstephq/lockstep/internal/client"
)

// workers are how many requests are under way at once. A server answers eight
// almost as fast as one, and does not take them for an attack.
const workers = 8

// together does n things, some at once, and gives the errors in order, nil where
// there was none. After an error, or when ctx ends, nothing new is begun; what
// was not begun has no entry in begun.
func together(ctx context.Context, atOnce, n int, do func(ctx context.Context, i int) error) (errs []error, begun []bool) {
	errs, begun = make([]error, n), make([]bool, n)
	var mu sync.Mutex
	next, failed := 0, false
	take := func() (i int, ok bool) {
		mu.Lock()
		defer mu.Unlock()

		if failed || next == n || ctx.Err() != nil {
			return 0, false
		}

		begun[next] = true
		next++
		return next - 1, true
	}

	var crew sync.WaitGroup
	for range min(atOnce, n) {
		crew.Go(func() {
			for i, ok := take(); ok; i, ok = take() {
				if err := do(ctx, i); err != nil {
					mu.Lock()
					errs[i], failed = err, true
					mu.Unlock()
				}
			}
		})
	}

	crew.Wait()
	return errs, begun
}

// all does n things and gives the first error.
func all(ctx context.Context, n int, do func(ctx context.Context, i int) error) error {
	errs, _ := together(ctx, workers, n, do)
	for _, err := range errs {
		if err != nil {
			return err
		}
	}
	return ctx.Err()
}

const (
	// patience is how often a request is made again beyond what the SDK does: a
	// file of a thousand things is more than a server may want to answer at once.
	patience = 8
	maxPause = 15 * time.Second
)

// patiently makes a request again while the server asks for time. Nothing was
// done then, so that nothing is done twice.
func patiently(ctx context.Context, request func() error) error {
	pause := time.Second
	for i := 0; ; i++ {
		err := request()
		if code := client.Code(err); i == patience || code != "ThrottlingException" && code != "ConcurrentModificationException" {
			return err
		}

		t := time.NewTimer(pause)
		select {
		case <-t.C:
		case <-ctx.Done():
			t.Stop()
			return err
		}

		pause = min(2*pause, maxPause)
	}
}
