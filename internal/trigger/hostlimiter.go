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
	// failureThreshold is how many looks in a row may find a host unavailable before it
	// is asked by one at a time: firstProbe after that, then half as often each
	// time, down to lastProbe.
	failureThreshold = 5
	minTrialDelay    = 10 * time.Second
	maxTrialDelay    = 5 * time.Minute
	// maxRetryAfter bounds for how long a host can send everybody away.
	maxRetryAfter = 15 * time.Minute
	// maxQueueAhead bounds how far ahead looks at a full host are spread.
	maxQueueAhead = 15 * time.Minute
	// maxQueuedPerSlot is how many looks wait for each place at a host, so that none stays
	// empty until the next claim, and no longer than a quarter of their lease.
	maxQueuedPerSlot = 16
)

// A task is a claimed poll of a link.
type task struct {
	poll    store.Poll
	link    lockstep.RepositoryLink
	host    string
	claimed time.Time
	isTrial bool // the one look at a host that seems to be away
}

// A verdict says what becomes of a task.
type admission int

const (
	admitted        admission = iota // it has a place at its host
	queuedAtHost                     // it is given to whoever leaves a place
	deferred                         // the host has no time for it
	hostUnavailable                  // the host seems to be away, and somebody else asks
)

// hostLimiter knows of each Git host how many looks are under way, so that it is not
// overrun, and whether it answers. It holds nothing of a host at which nothing
// happens.
type hostLimiter struct {
	slotsPerHost int
	mu           sync.Mutex
	byName       map[string]*hostState
}

type hostState struct {
	busy            int
	waiting         []task
	averageDuration time.Duration   // of a look
	deferredLinks   map[string]bool // the links that have been, as the host is full
	deferredUntil   time.Time       // up to which they have been
	failures        int             // looks in a row that found it unavailable
	trialDelay      time.Duration   // between probes
	pausedUntil     time.Time       // it asked to be left alone
	nextTrialAt     time.Time
	trialRunning    bool
}

func newHostLimiter(places int) *hostLimiter {
	return &hostLimiter{slotsPerHost: places, byName: map[string]*hostState{}}
}

// admit asks for a place at the task's host. Where it gets none for now, next
// says when it may try again. Who gets one calls leave when done.
func (h *hostLimiter) admit(t *task, now time.Time) (v admission, next time.Time) {
	h.mu.Lock()
	defer h.mu.Unlock()

	at := h.byName[t.host]
	if at == nil {
		at = &hostState{averageDuration: 100 * time.Millisecond, deferredLinks: map[string]bool{}}
		h.byName[t.host] = at
	}

	switch {
	case now.Before(at.pausedUntil):
		return deferred, at.pausedUntil.Add(rand.N(max(time.Second, at.pausedUntil.Sub(now)/10)))
	case at.isUnavailable() && (at.trialRunning || at.busy >= h.slotsPerHost || now.Before(at.nextTrialAt)):
		return hostUnavailable, time.Time{}
	case at.isUnavailable():
		at.trialRunning, t.isTrial = true, true
	case at.busy >= h.slotsPerHost && at.mayQueue(t.link.ID, now) && len(at.waiting) < maxQueuedPerSlot*h.slotsPerHost && at.queueDelay(h.slotsPerHost) < pollLease/4:
		at.waiting = append(at.waiting, *t)
		return queuedAtHost, time.Time{}
	case at.busy >= h.slotsPerHost:
		at.deferredLinks[t.link.ID] = true
		return deferred, at.reserveTime(now, h.slotsPerHost)
	}

	at.busy++
	return admitted, time.Time{}
}

// mayQueue says whether a link may wait now: one that was put off may, another not
// while some are still to come back, or the same few would always be first.
func (at *hostState) mayQueue(link string, now time.Time) bool {
	return at.deferredLinks[link] || !at.deferredUntil.After(now)
}

// queueDelay is how long whoever comes now would wait for a place.
func (at *hostState) queueDelay(places int) time.Duration {
	return at.averageDuration * time.Duration(len(at.waiting)) / time.Duration(places)
}

// reserveTime reserves the time at which a place should be free for one more.
func (at *hostState) reserveTime(now time.Time, places int) time.Time {
	each := at.averageDuration / time.Duration(places)
	if first := now.Add(at.queueDelay(places)); at.deferredUntil.Before(first) {
		at.deferredUntil = first
	}
	if at.deferredUntil = at.deferredUntil.Add(each); at.deferredUntil.After(now.Add(maxQueueAhead)) {
		at.deferredUntil = now.Add(maxQueueAhead)
		return now.Add(maxQueueAhead - rand.N(maxQueueAhead/5))
	}
	return at.deferredUntil
}

// isUnavailable says whether a host seems to answer nobody.
func (at *hostState) isUnavailable() bool { return at.failures >= failureThreshold }

// record records what came of a look. What is neither an answer nor the lack of
// one, a fault of ours, says nothing of the host.
func (h *hostLimiter) record(t task, err error, took time.Duration, now time.Time) {
	h.mu.Lock()
	defer h.mu.Unlock()

	at := h.byName[t.host]
	at.averageDuration += (took - at.averageDuration) / 4
	delete(at.deferredLinks, t.link.ID)

	switch kind := lockstep.KindOf(err); {
	case err != nil && kind == lockstep.Internal:
		return
	case err == nil || kind != lockstep.Unavailable:
		at.failures, at.trialDelay = 0, 0
		return
	}

	if wait := min(provider.RetryAfter(err), maxRetryAfter); wait > 0 && at.pausedUntil.Before(now.Add(wait)) {
		at.pausedUntil = now.Add(wait)
	}

	// Looks that were under way when it was found to be away make it no worse.
	if at.failures++; at.failures == failureThreshold || t.isTrial {
		at.trialDelay = min(max(minTrialDelay, 2*at.trialDelay), maxTrialDelay)
		at.nextTrialAt = now.Add(at.trialDelay)
	}
}

// release gives the task's place up, to the next who waits for it, if any. Who
// waits for a host that is away is let go, and claimed again when its lease ends.
func (h *hostLimiter) release(t task, now time.Time) (next task, some bool) {
	h.mu.Lock()
	defer h.mu.Unlock()

	at := h.byName[t.host]
	if t.isTrial {
		at.trialRunning = false
	}

	if at.isUnavailable() || now.Before(at.pausedUntil) {
		at.waiting = nil
	}

	if len(at.waiting) > 0 {
		next, at.waiting = at.waiting[0], at.waiting[1:]
		return next, true
	}

	if at.busy--; at.busy == 0 && at.failures == 0 && !now.Before(at.pausedUntil) {
		delete(h.byName, t.host)
	}

	return task{}, false
}

// hostOf names the host of a connection: scheme, name and port where there is an
// installed one, of whichever account, else what the provider type stands for.
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
