package repository

import (
	"context"
	"errors"
	"math/rand/v2"
	"net/url"
	"strings"
	"sync"
	"time"

	"github.com/lockstephq/lockstep"
	"github.com/lockstephq/lockstep/internal/db"
	"github.com/lockstephq/lockstep/internal/provider"
	"github.com/lockstephq/lockstep/internal/store"
)

const (
	// minDeferral and maxDeferral bound how long a job waits for a slot of its host.
	minDeferral = time.Second
	maxDeferral = time.Minute
	// firstDuration is how long a job is assumed to use a host before any has.
	firstDuration = 100 * time.Millisecond
)

// A HostBusyError is the cause of the Unavailable error of a job whose Git host is used
// by as many other jobs as it may be. It says nothing about the host.
type HostBusyError struct {
	// RetryAt is when a slot should be free. Each job gets another time.
	RetryAt time.Time
}

func (e *HostBusyError) Error() string { return "all slots of the Git host are in use" }

// RetryAt returns when a job should be tried again whose error is a [HostBusyError]. It
// returns false for any other error.
func RetryAt(err error) (time.Time, bool) {
	busy, ok := errors.AsType[*HostBusyError](err)
	if !ok {
		return time.Time{}, false
	}
	return busy.RetryAt, true
}

// hostSlots bound how many jobs use one Git host at once, so that a slow host cannot
// occupy all workers. They keep no state for a host that no job uses or waits for.
type hostSlots struct {
	perHost int // 0 for no limit

	mu     sync.Mutex
	byHost map[string]*hostUse
}

type hostUse struct {
	busy            int
	averageDuration time.Duration // of a job
	deferredUntil   time.Time     // the latest time that a job was given
}

// acquire returns the function that releases a slot of a host. The error is a
// HostBusyError if none is free.
func (s *hostSlots) acquire(host string, now time.Time) (release func(), err error) {
	if s.perHost == 0 {
		return func() {}, nil
	}

	s.mu.Lock()
	defer s.mu.Unlock()

	use := s.byHost[host]
	if use == nil {
		use = &hostUse{averageDuration: firstDuration}
		s.byHost[host] = use
	}

	if use.busy >= s.perHost {
		busy := &HostBusyError{RetryAt: use.reserveTime(now, s.perHost)}
		return nil, lockstep.Wrapf(lockstep.Unavailable, busy, "The Git host is busy with other syncs of this server.")
	}

	use.busy++
	return sync.OnceFunc(func() { s.release(host, now) }), nil
}

// reserveTime returns when a slot should be free for one more job.
func (u *hostUse) reserveTime(now time.Time, slots int) time.Time {
	if first := now.Add(minDeferral); u.deferredUntil.Before(first) {
		u.deferredUntil = first
	}

	u.deferredUntil = u.deferredUntil.Add(u.averageDuration / time.Duration(slots))
	if latest := now.Add(maxDeferral); u.deferredUntil.After(latest) {
		u.deferredUntil = latest
		return latest.Add(-rand.N(maxDeferral / 4))
	}

	return u.deferredUntil
}

func (s *hostSlots) release(host string, acquired time.Time) {
	s.mu.Lock()
	defer s.mu.Unlock()

	use, now := s.byHost[host], time.Now()
	use.averageDuration += (now.Sub(acquired) - use.averageDuration) / 4
	if use.busy--; use.busy == 0 && use.deferredUntil.Before(now) {
		delete(s.byHost, host)
	}
}

// ReserveHost takes a slot of the Git host of a link for a job that opens the repository
// afterwards. The error is that of [RetryAt] if none is free.
func (r *Repositories) ReserveHost(ctx context.Context, linkID string) (release func(), err error) {
	var host string
	err = r.db.View(ctx, func(tx *db.Tx) error {
		link, err := store.LinkByID(tx, linkID)
		if err != nil {
			return err
		}

		described := provider.Repository{Link: link}
		if described.Connection, err = store.ConnectionByARN(tx, link.ConnectionARN); err != nil {
			return err
		}
		if described.Connection.HostARN != "" {
			installed, err := store.HostByARN(tx, described.Connection.HostARN)
			if err != nil {
				return err
			}
			described.Host = &installed
		}

		host = hostOf(described)
		return nil
	})
	if err != nil {
		return nil, err
	}

	return r.slots.acquire(host, time.Now())
}

// OpenInSlot is [Repositories.Open] for a job. It takes a slot of the Git host until the
// repository is released. The error is that of [RetryAt] if none is free.
func (r *Repositories) OpenInSlot(ctx context.Context, linkID string) (*Repository, error) {
	release, err := r.ReserveHost(ctx, linkID)
	if err != nil {
		return nil, err
	}

	opened, err := r.Open(ctx, linkID)
	if err != nil {
		release()
		return nil, err
	}

	inner := opened.release
	opened.release = func() {
		inner()
		release()
	}
	return opened, nil
}

// hostOf names the host of a repository: scheme, name and port of an installed one,
// whichever account it belongs to, else the provider type.
func hostOf(described provider.Repository) string {
	if described.Host == nil {
		return string(described.Link.ProviderType)
	}
	parsed, err := url.Parse(described.Host.Endpoint)
	if err != nil || parsed.Host == "" { // a folder
		return described.Host.Endpoint
	}
	return strings.ToLower(parsed.Scheme + "://" + parsed.Host)
}
