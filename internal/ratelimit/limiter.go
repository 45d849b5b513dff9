package ratelimit

import (
	"maps"
	"net/netip"
	"sync"
	"time"

	"golang.org/x/time/rate"

	"github.com/lockstephq/lockstep/internal/netaddr"
)

// maxNetworks bounds the networks that a Limiter has a bucket for.
const maxNetworks = 10_000

// A Limiter is a token bucket per client network. It is safe for concurrent use.
type Limiter struct {
	perSecond rate.Limit
	burst     int

	mu      sync.Mutex
	buckets map[netip.Prefix]*rate.Limiter
	// shared are the buckets of networks beyond maxNetworks, by region.
	shared [256]*rate.Limiter
	swept  time.Time
}

// New returns a Limiter that allows each network perSecond requests a second, and
// burst requests at once. A negative perSecond means no limit.
func New(perSecond float64, burst int) *Limiter {
	l := &Limiter{
		perSecond: rate.Limit(perSecond),
		burst:     burst,
		buckets:   map[netip.Prefix]*rate.Limiter{},
	}
	if perSecond < 0 {
		l.perSecond = rate.Inf
	}

	for i := range l.shared {
		l.shared[i] = rate.NewLimiter(l.perSecond, burst)
	}

	return l
}

// Allow reports whether the network of address, host:port, may send a request at
// now, and counts the request.
func (l *Limiter) Allow(address string, now time.Time) bool {
	if l.perSecond == rate.Inf {
		return true
	}

	l.mu.Lock()
	defer l.mu.Unlock()

	network := netaddr.Network(address)
	bucket, ok := l.buckets[network]
	if !ok {
		bucket = l.newBucket(network, now)
	}

	return bucket.AllowN(now, 1)
}

// Exhausted reports whether [Limiter.Allow] would refuse address at now. It
// counts nothing.
func (l *Limiter) Exhausted(address string, now time.Time) bool {
	if l.perSecond == rate.Inf {
		return false
	}

	l.mu.Lock()
	defer l.mu.Unlock()

	network := netaddr.Network(address)
	bucket, ok := l.buckets[network]
	if !ok && len(l.buckets) >= maxNetworks {
		bucket, ok = l.shared[regionOf(network)], true
	}

	return ok && bucket.TokensAt(now) < 1
}

// newBucket returns a bucket for network: one of its own, or a shared one if
// there are maxNetworks already. It first removes the buckets that are full again,
// at most once a second: a new bucket would be just as full.
func (l *Limiter) newBucket(network netip.Prefix, now time.Time) *rate.Limiter {
	if len(l.buckets) >= maxNetworks && now.Sub(l.swept) > time.Second {
		l.swept = now
		maps.DeleteFunc(l.buckets, func(_ netip.Prefix, bucket *rate.Limiter) bool {
			return bucket.TokensAt(now) >= float64(l.burst)
		})
	}

	if len(l.buckets) >= maxNetworks {
		return l.shared[regionOf(network)]
	}

	bucket := rate.NewLimiter(l.perSecond, l.burst)
	l.buckets[network] = bucket

	return bucket
}

// regionOf numbers the networks that a registry allocates together: IPv4 networks
// by their first 8 bits, IPv6 networks by a hash of their first 32.
func regionOf(network netip.Prefix) byte {
	if network.Addr().Is4() {
		return network.Addr().As4()[0]
	}
	b := network.Addr().As16()
	return b[0] ^ b[1] ^ b[2] ^ b[3]
}
