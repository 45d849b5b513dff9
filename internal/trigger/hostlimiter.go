package trigger

import (
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
	// After failureThreshold consecutive failures a host is unavailable: it gets
	// one trial probe at a time, the first after minTrialDelay, doubling to
	// maxTrialDelay.
	failureThreshold = 5
	minTrialDelay    = 10 * time.Second
	maxTrialDelay    = 5 * time.Minute
	// maxRetryAfter bounds the delay that a host can ask for.
	maxRetryAfter = 15 * time.Minute
	// maxQueueAhead bounds how far ahead probes of a busy host are spread.
	maxQueueAhead = 15 * time.Minute
	// maxQueuedPerSlot is how many probes wait for each slot, so that none stays
	// empty until the next claim. They wait at most a quarter of their lease.
	maxQueuedPerSlot = 16
)

// A probeTask is a claimed poll of a link.
type probeTask struct {
	poll    store.Poll
	link    lockstep.RepositoryLink
	host    string
	claimed time.Time
	isTrial bool // the trial probe of an unavailable host
}

// An admission is how the limiter decided on a task.
type admission int

const (
	admitted        admission = iota // has a slot at its host
	queuedAtHost                     // runs when a slot is released
	deferred                         // rescheduled: the host is busy or asked for a delay
	hostUnavailable                  // fails without a probe
)

// A hostLimiter limits the concurrent probes of each Git host and suspends hosts
// that do not answer, like a circuit breaker. It keeps no state for an idle host.
type hostLimiter struct {
	slotsPerHost int
	mu           sync.Mutex
	byName       map[string]*hostState
}

type hostState struct {
	busy            int
	waiting         []probeTask
	averageDuration time.Duration   // of a probe
	deferredLinks   map[string]bool // rescheduled because the host was busy
	deferredUntil   time.Time       // the latest time to which they were
	failures        int             // consecutive
	trialDelay      time.Duration   // between trials
	pausedUntil     time.Time       // as the host asked
	nextTrialAt     time.Time
	trialRunning    bool
}

func newHostLimiter(slotsPerHost int) *hostLimiter {
	return &hostLimiter{slotsPerHost: slotsPerHost, byName: map[string]*hostState{}}
}

// admit decides on a task. next is when a deferred one may try again. The caller
// must call release after an admitted one.
func (h *hostLimiter) admit(task *probeTask, now time.Time) (result admission, next time.Time) {
	h.mu.Lock()
	defer h.mu.Unlock()

	host := h.byName[task.host]
	if host == nil {
		host = &hostState{averageDuration: 100 * time.Millisecond, deferredLinks: map[string]bool{}}
		h.byName[task.host] = host
	}

	switch {
	case now.Before(host.pausedUntil):
		return deferred, host.pausedUntil.Add(rand.N(max(time.Second, host.pausedUntil.Sub(now)/10)))
	case host.isUnavailable() && (host.trialRunning || host.busy >= h.slotsPerHost || now.Before(host.nextTrialAt)):
		return hostUnavailable, time.Time{}
	case host.isUnavailable():
		host.trialRunning, task.isTrial = true, true
	case host.busy >= h.slotsPerHost && host.mayQueue(task.link.ID,
		now) && len(host.waiting) < maxQueuedPerSlot*h.slotsPerHost && host.queueDelay(h.slotsPerHost) < pollLease/4:
		host.waiting = append(host.waiting, *task)
		return queuedAtHost, time.Time{}
	case host.busy >= h.slotsPerHost:
		host.deferredLinks[task.link.ID] = true
		return deferred, host.reserveTime(now, h.slotsPerHost)
	}

	host.busy++
	return admitted, time.Time{}
}

// mayQueue reports whether a link may wait now. While deferred links are still to
// come back, only they may: otherwise the same few links would always be first.
func (s *hostState) mayQueue(link string, now time.Time) bool {
	return s.deferredLinks[link] || !s.deferredUntil.After(now)
}

// queueDelay estimates how long another task would wait for a slot.
func (s *hostState) queueDelay(slots int) time.Duration {
	return s.averageDuration * time.Duration(len(s.waiting)) / time.Duration(slots)
}

// reserveTime returns when a slot should be free for another task.
func (s *hostState) reserveTime(now time.Time, slots int) time.Time {
	each := s.averageDuration / time.Duration(slots)
	if first := now.Add(s.queueDelay(slots)); s.deferredUntil.Before(first) {
		s.deferredUntil = first
	}
	if s.deferredUntil = s.deferredUntil.Add(each); s.deferredUntil.After(now.Add(maxQueueAhead)) {
		s.deferredUntil = now.Add(maxQueueAhead)
		return now.Add(maxQueueAhead - rand.N(maxQueueAhead/5))
	}
	return s.deferredUntil
}

// isUnavailable reports whether the host is suspended.
func (s *hostState) isUnavailable() bool { return s.failures >= failureThreshold }

// record records the result of a probe. An internal error says nothing about the
// host.
func (h *hostLimiter) record(task probeTask, err error, took time.Duration, now time.Time) {
	h.mu.Lock()
	defer h.mu.Unlock()

	host := h.byName[task.host]
	host.averageDuration += (took - host.averageDuration) / 4
	delete(host.deferredLinks, task.link.ID)

	switch kind := lockstep.KindOf(err); {
	case err != nil && kind == lockstep.Internal:
		return
	case err == nil || kind != lockstep.Unavailable:
		host.failures, host.trialDelay = 0, 0
		return
	}

	if wait := min(provider.RetryAfter(err), maxRetryAfter); wait > 0 && host.pausedUntil.Before(now.Add(wait)) {
		host.pausedUntil = now.Add(wait)
	}

	// Probes that were running when it became unavailable do not count again.
	if host.failures++; host.failures == failureThreshold || task.isTrial {
		host.trialDelay = min(max(minTrialDelay, 2*host.trialDelay), maxTrialDelay)
		host.nextTrialAt = now.Add(host.trialDelay)
	}
}

// release releases a task's slot, or returns the next task to run in it. The tasks
// queued at an unavailable host are dropped, and claimed again when their leases
// end.
func (h *hostLimiter) release(task probeTask, now time.Time) (next probeTask, some bool) {
	h.mu.Lock()
	defer h.mu.Unlock()

	host := h.byName[task.host]
	if task.isTrial {
		host.trialRunning = false
	}

	if host.isUnavailable() || now.Before(host.pausedUntil) {
		host.waiting = nil
	}

	if len(host.waiting) > 0 {
		next, host.waiting = host.waiting[0], host.waiting[1:]
		return next, true
	}

	if host.busy--; host.busy == 0 && host.failures == 0 && !now.Before(host.pausedUntil) {
		delete(h.byName, task.host)
	}

	return probeTask{}, false
}

// hostOf names the host of a connection: scheme, name and port of an installed one,
// whichever account it belongs to, else the provider type.
func hostOf(tx *db.Tx, arn lockstep.ARN) (string, error) {
	connection, err := store.ConnectionByARN(tx, arn)
	if err != nil {
		return "", err
	}
	if connection.HostARN == "" {
		return string(connection.ProviderType), nil
	}

	installed, err := store.HostByARN(tx, connection.HostARN)
	if err != nil {
		return "", err
	}

	parsed, err := url.Parse(installed.Endpoint)
	if err != nil || parsed.Host == "" { // a folder
		return installed.Endpoint, nil
	}

	return strings.ToLower(parsed.Scheme + "://" + parsed.Host), nil
}
