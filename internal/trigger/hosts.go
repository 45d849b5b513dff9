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
	// tolerated is how many looks in a row may find a host unavailable before it
	// is asked by one at a time: firstProbe after that, then half as often each
	// time, down to lastProbe.
	tolerated  = 5
	firstProbe = 10 * time.Second
	lastProbe  = 5 * time.Minute
	// longestWait bounds for how long a host can send everybody away.
	longestWait = 15 * time.Minute
	// longestQueue bounds how far ahead looks at a full host are spread.
	longestQueue = 15 * time.Minute
	// queued is how many looks wait for each place at a host, so that none stays
	// empty until the next claim, and no longer than a quarter of their lease.
	queued = 16
)

// A task is a claimed poll of a link.
type task struct {
	poll    store.Poll
	link    lockstep.RepositoryLink
	host    string
	claimed time.Time
	probe   bool // the one look at a host that seems to be away
}

// A verdict says what becomes of a task.
type verdict int

const (
	starts verdict = iota // it has a place at its host
	waits                 // it is given to whoever leaves a place
	later                 // the host has no time for it
	fails                 // the host seems to be away, and somebody else asks
)

// hosts knows of each Git host how many looks are under way, so that it is not
// overrun, and whether it answers. It holds nothing of a host at which nothing
// happens.
type hosts struct {
	places int
	mu     sync.Mutex
	byName map[string]*host
}

type host struct {
	busy     int
	waiting  []task
	average  time.Duration   // of a look
	putOff   map[string]bool // the links that have been, as the host is full
	horizon  time.Time       // up to which they have been
	failures int             // looks in a row that found it unavailable
	pause    time.Duration   // between probes
	until    time.Time       // it asked to be left alone
	probeAt  time.Time
	probing  bool
}

func newHosts(places int) *hosts { return &hosts{places: places, byName: map[string]*host{}} }

// enter asks for a place at the task's host. Where it gets none for now, next
// says when it may try again. Who gets one calls leave when done.
func (h *hosts) enter(t *task, now time.Time) (v verdict, next time.Time) {
	h.mu.Lock()
	defer h.mu.Unlock()

	at := h.byName[t.host]
	if at == nil {
		at = &host{average: 100 * time.Millisecond, putOff: map[string]bool{}}
		h.byName[t.host] = at
	}

	switch {
	case now.Before(at.until):
		return later, at.until.Add(rand.N(max(time.Second, at.until.Sub(now)/10)))
	case at.away() && (at.probing || at.busy >= h.places || now.Before(at.probeAt)):
		return fails, time.Time{}
	case at.away():
		at.probing, t.probe = true, true
	case at.busy >= h.places && at.turn(t.link.ID, now) && len(at.waiting) < queued*h.places && at.queue(h.places) < lease/4:
		at.waiting = append(at.waiting, *t)
		return waits, time.Time{}
	case at.busy >= h.places:
		at.putOff[t.link.ID] = true
		return later, at.ahead(now, h.places)
	}

	at.busy++
	return starts, time.Time{}
}

// turn says whether a link may wait now: one that was put off may, another not
// while some are still to come back, or the same few would always be first.
func (at *host) turn(link string, now time.Time) bool {
	return at.putOff[link] || !at.horizon.After(now)
}

// queue is how long whoever comes now would wait for a place.
func (at *host) queue(places int) time.Duration {
	return at.average * time.Duration(len(at.waiting)) / time.Duration(places)
}

// ahead reserves the time at which a place should be free for one more.
func (at *host) ahead(now time.Time, places int) time.Time {
	each := at.average / time.Duration(places)
	if first := now.Add(at.queue(places)); at.horizon.Before(first) {
		at.horizon = first
	}
	if at.horizon = at.horizon.Add(each); at.horizon.After(now.Add(longestQueue)) {
		at.horizon = now.Add(longestQueue)
		return now.Add(longestQueue - rand.N(longestQueue/5))
	}
	return at.horizon
}

// away says whether a host seems to answer nobody.
func (at *host) away() bool { return at.failures >= tolerated }

// told records what came of a look. What is neither an answer nor the lack of
// one, a fault of ours, says nothing of the host.
func (h *hosts) told(t task, err error, took time.Duration, now time.Time) {
	h.mu.Lock()
	defer h.mu.Unlock()

	at := h.byName[t.host]
	at.average += (took - at.average) / 4
	delete(at.putOff, t.link.ID)

	switch kind := lockstep.KindOf(err); {
	case err != nil && kind == lockstep.Internal:
		return
	case err == nil || kind != lockstep.Unavailable:
		at.failures, at.pause = 0, 0
		return
	}

	if wait := min(provider.Wait(err), longestWait); wait > 0 && at.until.Before(now.Add(wait)) {
		at.until = now.Add(wait)
	}

	// Looks that were under way when it was found to be away make it no worse.
	if at.failures++; at.failures == tolerated || t.probe {
		at.pause = min(max(firstProbe, 2*at.pause), lastProbe)
		at.probeAt = now.Add(at.pause)
	}
}

// leave gives the task's place up, to the next who waits for it, if any. Who
// waits for a host that is away is let go, and claimed again when its lease ends.
func (h *hosts) leave(t task, now time.Time) (next task, some bool) {
	h.mu.Lock()
	defer h.mu.Unlock()

	at := h.byName[t.host]
	if t.probe {
		at.probing = false
	}

	if at.away() || now.Before(at.until) {
		at.waiting = nil
	}

	if len(at.waiting) > 0 {
		next, at.waiting = at.waiting[0], at.waiting[1:]
		return next, true
	}

	if at.busy--; at.busy == 0 && at.failures == 0 && !now.Before(at.until) {
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

	u, err := url.Parse(installed.Endpoint)
	if err != nil || u.Host == "" { // a folder
		return installed.Endpoint, nil
	}

	return strings.ToLower(u.Scheme + "://" + u.Host), nil
}
