// Package holdback keeps strangers from asking too often: each owner of addresses
// has a token bucket, an IPv6 network of 64 bits being one owner. Its memory is
// bounded, and whoever has more addresses than it remembers hinders few besides
// themselves. Behind a proxy all strangers have its address: what only those ask
// who can prove something is better looked at first and counted after.
package holdback

import (
	"maps"
	"net/netip"
	"sync"
	"time"

	"golang.org/x/time/rate"
)

// maxAddresses bounds the memory of a Limit.
const maxAddresses = 10_000

// A Limit holds back addresses that come too often. It is safe for concurrent use.
type Limit struct {
	perSecond rate.Limit
	burst     int

	mu      sync.Mutex
	buckets map[netip.Prefix]*rate.Limiter
	// others are for all addresses beyond maxAddresses, one for many that are near
	// each other: whoever has that many gains nothing by them, and hinders few.
	others [256]*rate.Limiter
	swept  time.Time
}

// New makes a Limit of so many a second, and burst at once. Fewer than none a
// second is no limit.
func New(perSecond float64, burst int) *Limit {
	l := &Limit{perSecond: rate.Limit(perSecond), burst: burst, buckets: map[netip.Prefix]*rate.Limiter{}}
	if perSecond < 0 {
		l.perSecond = rate.Inf
	}
	for i := range l.others {
		l.others[i] = rate.NewLimiter(l.perSecond, burst)
	}
	return l
}

// Allow says whether the owner of an address, host:port, may come now, and counts
// it.
func (l *Limit) Allow(address string, now time.Time) bool {
	if l.perSecond == rate.Inf {
		return true
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	owner := ownerOf(address)
	bucket, known := l.buckets[owner]
	if !known {
		bucket = l.bucket(owner, now)
	}
	return bucket.AllowN(now, 1)
}

// Exhausted says whether the owner of an address may not come now. It counts
// nothing.
func (l *Limit) Exhausted(address string, now time.Time) bool {
	if l.perSecond == rate.Inf {
		return false
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	owner := ownerOf(address)
	bucket, known := l.buckets[owner]
	if !known && len(l.buckets) >= maxAddresses {
		bucket, known = l.others[neighbourhood(owner)], true
	}
	return known && bucket.TokensAt(now) < 1
}

// bucket makes room, as long as there are addresses that have not come for so
// long that their buckets are full again: to forget them changes nothing.
func (l *Limit) bucket(owner netip.Prefix, now time.Time) *rate.Limiter {
	if len(l.buckets) >= maxAddresses && now.Sub(l.swept) > time.Second {
		l.swept = now
		maps.DeleteFunc(l.buckets, func(_ netip.Prefix, b *rate.Limiter) bool { return b.TokensAt(now) >= float64(l.burst) })
	}
	if len(l.buckets) >= maxAddresses {
		return l.others[neighbourhood(owner)]
	}
	b := rate.NewLimiter(l.perSecond, l.burst)
	l.buckets[owner] = b
	return b
}

// ownerOf gives what one owner has of addresses: of IPv6 a network of 64 bits.
// Addresses that cannot be read have one owner together.
func ownerOf(address string) netip.Prefix {
	a, err := netip.ParseAddrPort(address)
	if err != nil {
		return netip.Prefix{}
	}

	ip, bits := a.Addr().Unmap().WithZone(""), 64
	if ip.Is4() {
		bits = 32
	}

	p, err := ip.Prefix(bits)
	if err != nil {
		return netip.Prefix{}
	}

	return p
}

// neighbourhood numbers what a registry gives out: of IPv4 a network of 8 bits,
// of IPv6 a network of 32 bits, several of which have one number.
func neighbourhood(owner netip.Prefix) byte {
	if owner.Addr().Is4() {
		return owner.Addr().As4()[0]
	}
	b := owner.Addr().As16()
	return b[0] ^ b[1] ^ b[2] ^ b[3]
}
