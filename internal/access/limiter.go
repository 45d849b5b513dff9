package access

import (
	"slices"
	"strings"
	"sync"
	"time"

	"golang.org/x/time/rate"

	"github.com/lockstephq/lockstep/internal/identity"
)

// Rates are how many requests a second a principal may send, for each class of
// operation. It may send those of two seconds at once. All sessions of a role
// share a rate. Zero is no limit.
type Rates struct {
	Read  float64 // Get and List
	Write float64 // all others
	Host  float64 // operations that call a Git host while the caller waits
}

// A class is a set of operations that share a token bucket.
type class int

const (
	readClass class = iota
	writeClass
	hostClass
	classCount
)

// hostOperations are the operations that call a Git host while the caller waits.
var hostOperations = []string{
	"CompleteConnection",
	"DeleteRepositoryWebhook",
	"GetRevisionSync",
	"ProposeDeploymentFile",
	"RegisterRepositoryWebhook",
	"StartResourceSync",
}

func classOf(operation string) class {
	switch {
	case slices.Contains(hostOperations, operation):
		return hostClass
	case strings.HasPrefix(operation, "Get") || strings.HasPrefix(operation, "List"):
		return readClass
	}
	return writeClass
}

const (
	burst = 2 * time.Second
	// maxBuckets bounds the principals that a Limiter has buckets for.
	maxBuckets = 10_000
)

// A Limiter enforces [Rates] with a token bucket for each principal and class. It
// is safe for concurrent use. Each node of a server has its own.
type Limiter struct {
	rates [classCount]float64
	// fill is how long the slowest bucket takes to fill.
	fill time.Duration

	mu      sync.Mutex
	buckets map[principalKey]*buckets
}

// buckets are those of one principal.
type buckets struct {
	limiters [classCount]*rate.Limiter
	used     time.Time
}

// NewLimiter returns a Limiter for rates.
func NewLimiter(rates Rates) *Limiter {
	limiter := &Limiter{
		rates:   [classCount]float64{readClass: rates.Read, writeClass: rates.Write, hostClass: rates.Host},
		fill:    burst,
		buckets: map[principalKey]*buckets{},
	}
	for _, perSecond := range limiter.rates {
		if perSecond > 0 {
			limiter.fill = max(limiter.fill, time.Duration(float64(time.Second)/perSecond))
		}
	}

	return limiter
}

// Allow reports whether principal may call operation at now, and counts the call.
func (l *Limiter) Allow(principal identity.Principal, operation string, now time.Time) bool {
	of := classOf(operation)
	return l.rates[of] == 0 || l.limiter(keyOf(principal), of, now).AllowN(now, 1)
}

func (l *Limiter) limiter(key principalKey, of class, now time.Time) *rate.Limiter {
	l.mu.Lock()
	defer l.mu.Unlock()

	own := l.buckets[key]
	if own == nil {
		l.evict(now)
		own = &buckets{}
		for i, perSecond := range l.rates {
			own.limiters[i] = rate.NewLimiter(rate.Limit(perSecond), max(1, int(perSecond*burst.Seconds())))
		}

		l.buckets[key] = own
	}

	own.used = now
	return own.limiters[of]
}

// evict removes buckets if there are maxBuckets: those that are full again, or all
// if there are no such buckets.
func (l *Limiter) evict(now time.Time) {
	if len(l.buckets) < maxBuckets {
		return
	}

	for key, own := range l.buckets {
		if now.Sub(own.used) > l.fill {
			delete(l.buckets, key)
		}
	}

	if len(l.buckets) >= maxBuckets {
		clear(l.buckets)
	}
}
