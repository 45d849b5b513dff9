package api

import (
	"net/http"
	"slices"
	"strings"
	"sync"
	"time"

	"golang.org/x/time/rate"

	"github.com/lockstephq/lockstep/internal/awsjson"
	"github.com/lockstephq/lockstep/internal/identity"
)

// Rates are how many requests a second a principal may send, for each class of
// operation, after two seconds' worth at once. All sessions of a role share what
// it may. Zero is no limit.
type Rates struct {
	Read  float64 // Get and List
	Write float64 // all others
	Host  float64 // those that ask a Git host while the caller waits
}

// A class is a set of operations that share a bucket.
type class int

const (
	reads class = iota
	writes
	asksHost
	classes
)

// hostOperations ask a Git host while the caller waits.
var hostOperations = []string{"CompleteConnection", "DeleteRepositoryWebhook", "GetRevisionSync", "ProposeDeploymentFile",
	"RegisterRepositoryWebhook", "StartResourceSync"}

func classOf(operation string) class {
	switch {
	case slices.Contains(hostOperations, operation):
		return asksHost
	case strings.HasPrefix(operation, "Get") || strings.HasPrefix(operation, "List"):
		return reads
	}
	return writes
}

const (
	burst = 2 * time.Second
	// maxBuckets bounds the principals that are remembered. Beyond it those are
	// forgotten that have been quiet long enough to have full buckets again.
	maxBuckets = 10_000
)

// A throttle has a token bucket for each principal and class. Each node of a
// server has its own.
type throttle struct {
	rates [classes]float64
	// full is how long the slowest bucket takes to fill.
	full time.Duration

	mu      sync.Mutex
	buckets map[PrincipalKey]*bucket
}

type bucket struct {
	limiters [classes]*rate.Limiter
	used     time.Time
}

func newThrottle(r Rates) *throttle {
	t := &throttle{rates: [classes]float64{reads: r.Read, writes: r.Write, asksHost: r.Host}, full: burst, buckets: map[PrincipalKey]*bucket{}}
	for _, perSecond := range t.rates {
		if perSecond > 0 {
			t.full = max(t.full, time.Duration(float64(time.Second)/perSecond))
		}
	}
	return t
}

// take lets one request pass or refuses it, in the way that makes SDKs wait and
// try again.
func (t *throttle) take(who identity.Principal, operation string, now time.Time) error {
	k := classOf(operation)
	if t.rates[k] == 0 {
		return nil
	}
	if t.limiter(KeyOf(who), k, now).AllowN(now, 1) {
		return nil
	}
	return &awsjson.Error{Code: "ThrottlingException", Status: http.StatusBadRequest, Message: "Rate exceeded"}
}

func (t *throttle) limiter(key PrincipalKey, k class, now time.Time) *rate.Limiter {
	t.mu.Lock()
	defer t.mu.Unlock()

	b := t.buckets[key]
	if b == nil {
		t.makeRoom(now)
		b = &bucket{}
		for k, perSecond := range t.rates {
			b.limiters[k] = rate.NewLimiter(rate.Limit(perSecond), max(1, int(perSecond*burst.Seconds())))
		}

		t.buckets[key] = b
	}

	b.used = now
	return b.limiters[k]
}

// makeRoom forgets who has been quiet for so long that a new bucket is as full
// as the old one; if all are busy, everybody begins anew.
func (t *throttle) makeRoom(now time.Time) {
	if len(t.buckets) < maxBuckets {
		return
	}
	for key, b := range t.buckets {
		if now.Sub(b.used) > t.full {
			delete(t.buckets, key)
		}
	}
	if len(t.buckets) >= maxBuckets {
		clear(t.buckets)
	}
}
