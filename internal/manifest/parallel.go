package manifest

import (
	"context"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/lockstephq/lockstep/internal/client"
)

// maxParallel is how many requests are sent at once. A server answers eight
// almost as fast as one, and does not rate-limit them.
const maxParallel = 8

// runParallel calls do for 0 to n-1, limit calls at once, and returns their errors
// by index. After an error, or when ctx ends, it starts no more calls; started
// reports which calls were made.
func runParallel(
	ctx context.Context, limit, index int, do func(ctx context.Context, i int) error,
) (errs []error, started []bool) {
	errs, started = make([]error, index), make([]bool, index)
	group, groupContext := errgroup.WithContext(ctx)
	group.SetLimit(limit)
	for i := range index {
		group.Go(func() error {
			if groupContext.Err() != nil {
				return nil
			}

			started[i] = true
			errs[i] = do(ctx, i) // not groupContext: what has started must finish
			return errs[i]
		})
	}

	_ = group.Wait() // the first of errs
	return errs, started
}

// forEach calls do for 0 to n-1, maxParallel calls at once, and returns the first
// error by index.
func forEach(ctx context.Context, n int, do func(ctx context.Context, i int) error) error {
	errs, _ := runParallel(ctx, maxParallel, n, do)
	for _, err := range errs {
		if err != nil {
			return err
		}
	}
	return ctx.Err()
}

const (
	// maxRetries is how often a throttled request is sent again, in addition to the
	// retries of the SDK: a large manifest may exceed the server's rate limit.
	maxRetries    = 8
	maxRetryDelay = 15 * time.Second
)

// retryThrottled sends a request again while the server throttles it. Such a
// request has had no effect.
func retryThrottled(ctx context.Context, request func() error) error {
	delay := time.Second
	for retry := 0; ; retry++ {
		err := request()
		code := client.Code(err)
		if retry == maxRetries || code != "ThrottlingException" && code != "ConcurrentModificationException" {
			return err
		}

		timer := time.NewTimer(delay)
		select {
		case <-timer.C:
		case <-ctx.Done():
			timer.Stop()
			return err
		}

		delay = min(2*delay, maxRetryDelay)
	}
}
