package server

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/lockstephq/lockstep"
	"github.com/lockstephq/lockstep/internal/db"
	"github.com/lockstephq/lockstep/internal/store"
	"github.com/lockstephq/lockstep/internal/syncstate"
)

// run serves, prints what happens, and with Once ends when every stack's first
// sync has.
func (u *up) run(ctx context.Context) error {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()

	var printing sync.WaitGroup
	var verdict error
	err := u.server.run(ctx, func() error {
		if err := u.found(ctx); err != nil {
			return err
		}

		fmt.Fprintf(u.Out, "ready %s\n", u.server.url())
		if !u.Once {
			u.hello()
		}

		printing.Go(func() {
			if err := u.feed.run(ctx); err != nil {
				fmt.Fprintf(u.Err, "The events cannot be read: %s\n", err)
			}
		})
		printing.Go(func() {
			defer func() {
				if u.Once {
					cancel()
				}
			}()
			verdict = u.settle(ctx)
		})

		return nil
	})

	printing.Wait()
	if err != nil {
		return err
	}
	if u.Once {
		return verdict
	}

	fmt.Fprintln(u.Out, "Stopped. Everything is kept; the same command goes on from here.")
	return nil
}

// findTime is how long the word that we are ready waits for deployment files to
// be found. Only a Git host that is very slow takes that long.
const findTime = 5 * time.Second

// found waits until the configurations of what was found are there, so that
// whoever reads that we are ready can ask for them.
func (u *up) found(ctx context.Context) error {
	tick := time.NewTicker(20 * time.Millisecond)
	defer tick.Stop()

	for end := time.Now().Add(findTime); time.Now().Before(end); {
		looking := false
		err := u.server.db.View(ctx, func(tx *db.Tx) error {
			links, err := u.linker.all(tx)
			for _, link := range links {
				if err != nil || link.Discovery == nil {
					continue
				}

				var a lockstep.RepositorySyncAttempt
				a, err = syncstate.LatestRepositorySync(tx, link.ID, link.Discovery.Branch)
				if lockstep.KindOf(err) == lockstep.NotFound {
					err = nil // it waits for its first commit
					continue
				}

				looking = looking || a.Status != lockstep.RepositorySucceeded && a.Status != lockstep.RepositoryFailed
			}

			return err
		})
		if err != nil || !looking {
			return err
		}

		select {
		case <-ctx.Done():
			return nil
		case <-tick.C:
		}
	}

	return nil
}

// settle waits until every stack's first sync has ended. With Once it reports
// them; else it says, one time, what to do next.
func (u *up) settle(ctx context.Context) error {
	tick := time.NewTicker(50 * time.Millisecond)
	defer tick.Stop()
	for {
		done, failures, err := u.settled(ctx)
		if err != nil && ctx.Err() == nil {
			return err
		}

		if err == nil && done {
			if err := u.feed.flush(ctx); err != nil {
				return err
			}
			return u.report(ctx, failures)
		}

		select {
		case <-ctx.Done():
			if u.Once {
				return &Exit{Code: 1, Message: "Interrupted before every stack's first sync had ended."}
			}
			return nil
		case <-tick.C:
		}
	}
}

func (u *up) report(ctx context.Context, failures []string) error {
	if u.Once {
		if len(failures) > 0 {
			return &Exit{Code: 1, Message: strings.Join(failures, "\n")}
		}
		return nil
	}
	return u.next(ctx)
}

// settled says whether every branch that is followed has been acted on and
// every stack's latest attempt has ended, and which failed.
func (u *up) settled(ctx context.Context) (done bool, failures []string, err error) {
	cfgs, err := u.configurations(ctx)
	if err != nil {
		return false, nil, err
	}

	err = u.server.db.View(ctx, func(tx *db.Tx) error {
		done, failures = true, nil
		links, err := u.linker.all(tx)
		if err != nil {
			return err
		}

		for _, link := range links {
			branches, err := store.TrackedBranches(tx, link.ID)
			if err != nil {
				return err
			}

			for _, branch := range branches {
				if u.Once && slices.Contains(u.unborn, unborn{link.ID, branch}) {
					continue
				}

				ended, failure, err := branchSettled(tx, link, branch)
				if err != nil {
					return err
				}

				done = done && ended
				failures = append(failures, failure...)
			}
		}

		for _, cfg := range cfgs {
			ended, failure, err := resourceSettled(tx, cfg)
			if err != nil {
				return err
			}

			done = done && ended
			failures = append(failures, failure...)
		}

		return nil
	})

	return done, failures, err
}

func branchSettled(tx *db.Tx, link lockstep.RepositoryLink, branch string) (bool, []string, error) {
	a, err := syncstate.LatestRepositorySync(tx, link.ID, branch)
	if lockstep.KindOf(err) == lockstep.NotFound {
		return false, nil, nil
	}
	var failures []string
	for _, ev := range a.Events {
		if a.Status == lockstep.RepositoryFailed && ev.Type != "CLONE_STARTED" || ev.Type == "RESOURCE_NAME_TAKEN" {
			failures = append(failures, fmt.Sprintf("%s %s: %s", link.Path(), branch, lockstep.SanitizeLine(ev.Message)))
		}
	}
	return a.Status == lockstep.RepositorySucceeded || a.Status == lockstep.RepositoryFailed, failures, err
}

func resourceSettled(tx *db.Tx, cfg lockstep.SyncConfiguration) (bool, []string, error) {
	s, err := syncstate.ResourceByName(tx, cfg.Resource())
	if err != nil {
		return false, nil, err
	}

	a, ok, err := syncstate.LatestAttempt(tx, s)
	if err != nil || !ok || a.Outcome == "" || s.IsBehind() {
		_, blocked, blockErr := syncstate.ActiveBlocker(tx, s.ID)
		return blocked, nil, errors.Join(err, blockErr)
	}

	if a.Status == lockstep.ResourceSucceeded {
		return true, nil, nil
	}

	events, err := syncstate.ResourceEvents(tx, a.ID)
	reason := ""
	if n := len(events); n > 0 {
		reason = lockstep.SanitizeLine(events[n-1].Message)
	}

	return true, []string{fmt.Sprintf("%s FAILED at %s: %s", cfg.ResourceName, a.TargetRevision.SHA.Short(), reason)}, err
}
