package local

import (
	"context"
	"fmt"
	"strings"
	"sync"
	"time"
)

const (
	// configurationWait is how long the start waits for deployment files to be found. Only a very
	// slow Git host takes that long.
	configurationWait = 5 * time.Second
	// configurationInterval is the time between two looks at that.
	configurationInterval = 20 * time.Millisecond
	// syncInterval is the time between two looks at whether the first syncs have ended.
	syncInterval = 50 * time.Millisecond
)

// run serves and prints what happens. With Once it ends when the first sync of every stack has ended.
func (u *up) run(ctx context.Context) error {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()

	var background sync.WaitGroup
	var onceErr error
	err := u.server.Run(ctx, func() error {
		if err := u.waitForConfigurations(ctx); err != nil {
			return err
		}

		fmt.Fprintf(u.Out, "ready %s\n", u.server.URL())
		if !u.Once {
			u.printBanner()
		}

		background.Go(func() {
			if err := u.events.run(ctx); err != nil {
				fmt.Fprintf(u.Err, "Cannot read events: %s\n", err)
			}
		})
		background.Go(func() {
			onceErr = u.waitUntilSynced(ctx)
			if u.Once {
				cancel()
			}
		})

		return nil
	})
	background.Wait()

	switch {
	case err != nil:
		return err
	case u.Once:
		return onceErr
	}

	fmt.Fprintln(u.Out, "Stopped. Everything is kept; the same command continues from here.")
	return nil
}

// waitForConfigurations waits until the deployment files that were found are sync configurations, so
// that other programs can ask for them as soon as they read that the server is ready.
func (u *up) waitForConfigurations(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, configurationWait)
	defer cancel()

	tick := time.NewTicker(configurationInterval)
	defer tick.Stop()

	for {
		branches, err := u.discoveredBranches(ctx)
		if err != nil {
			return ignoreDone(ctx, err)
		}

		ended := true
		for _, b := range branches {
			state, err := u.client.branchState(ctx, b)
			if err != nil {
				return ignoreDone(ctx, err)
			}
			ended = ended && (state.ended || !state.started)
		}
		if ended {
			return nil
		}

		select {
		case <-ctx.Done():
			return nil
		case <-tick.C:
		}
	}
}

// ignoreDone returns nil for the error of a context that has ended.
func ignoreDone(ctx context.Context, err error) error {
	if ctx.Err() != nil {
		return nil
	}
	return err
}

// waitUntilSynced waits until the first sync of every stack has ended. With Once its error names the
// syncs that failed; otherwise it prints the next steps.
func (u *up) waitUntilSynced(ctx context.Context) error {
	tick := time.NewTicker(syncInterval)
	defer tick.Stop()

	for {
		state, err := u.syncState(ctx)
		if err != nil && ctx.Err() == nil {
			return err
		}

		if err == nil && state.ended {
			if err := u.events.flush(ctx); err != nil {
				return err
			}
			return u.report(ctx, state.failures)
		}

		select {
		case <-ctx.Done():
			if u.Once {
				return &Exit{Code: exitFailure, Message: "Interrupted before every stack's first sync had ended."}
			}
			return nil
		case <-tick.C:
		}
	}
}

func (u *up) report(ctx context.Context, failures []string) error {
	switch {
	case !u.Once:
		return u.printNextSteps(ctx)
	case len(failures) > 0:
		return &Exit{Code: exitFailure, Message: strings.Join(failures, "\n")}
	}
	return nil
}
