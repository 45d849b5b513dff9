package trigger

import (
	"maps"
	"net/netip"
	"sync"
	"time"

	"golang.org/x/time/rate"

	"github.com/lockstephq/lockstep"
	"github.com/lockstephq/lockstep/internal/seal"
)

const (
	// fresh is how long a webhook is not read again, and so how long a former
	// secret may still do.
	fresh    = 5 * time.Second
	maxKnown = 10_000
)

// known are webhooks that were read a moment ago. What is not there is not
// remembered: strangers would fill it.
type known struct {
	mu    sync.Mutex
	hooks map[string]openedWebhook // by id
}

type openedWebhook struct {
	hook   lockstep.Webhook
	secret seal.Secret
	until  time.Time
}

func newKnown() *known { return &known{hooks: map[string]openedWebhook{}} }

func (k *known) get(id string, now time.Time) (lockstep.Webhook, seal.Secret, bool) {
	k.mu.Lock()
	defer k.mu.Unlock()
	o, ok := k.hooks[id]
	return o.hook, o.secret, ok && now.Before(o.until)
}

func (k *known) put(hook lockstep.Webhook, secret seal.Secret, now time.Time) {
	k.mu.Lock()
	defer k.mu.Unlock()
	if len(k.hooks) >= maxKnown {
		maps.DeleteFunc(k.hooks, func(_ string, o openedWebhook) bool { return !now.Before(o.until) })
	}
	if len(k.hooks) >= maxKnown {
		clear(k.hooks)
	}
	k.hooks[hook.ID] = openedWebhook{hook, secret, now.Add(fresh)}
}

func (k *known) forget(id string) {
	k.mu.Lock()
	defer k.mu.Unlock()
	delete(k.hooks, id)
}

const (
	// failuresPerSecond is how often an address may fail, after some at once. What
	// is verified costs nothing: one Git host sends from few addresses for all its
	// repositories.
	failuresPerSecond = 20
	failuresAtOnce    = 100
	maxAddresses      = 10_000
)

// failures hold back addresses whose requests prove nothing.
type failures struct {
	mu      sync.Mutex
	buckets map[netip.Prefix]*rate.Limiter
	// others is for all addresses beyond maxAddresses together.
	others *rate.Limiter
	swept  time.Time
}

func newFailures() *failures {
	return &failures{buckets: map[netip.Prefix]*rate.Limiter{}, others: rate.NewLimiter(failuresPerSecond, failuresAtOnce)}
}

// exhausted says whether an address, host:port, has failed too often of late.
func (f *failures) exhausted(address string, now time.Time) bool {
	f.mu.Lock()
	defer f.mu.Unlock()
	bucket, ok := f.buckets[ownerOf(address)]
	if !ok && len(f.buckets) >= maxAddresses {
		bucket, ok = f.others, true
	}
	return ok && bucket.TokensAt(now) < 1
}

// add counts a failure.
func (f *failures) add(address string, now time.Time) {
	f.mu.Lock()
	defer f.mu.Unlock()
	owner := ownerOf(address)
	bucket, ok := f.buckets[owner]
	if !ok {
		bucket = f.bucket(owner, now)
	}
	bucket.AllowN(now, 1)
}

// bucket makes room as long as there are addresses whose buckets are full again:
// to forget them changes nothing.
func (f *failures) bucket(owner netip.Prefix, now time.Time) *rate.Limiter {
	if len(f.buckets) >= maxAddresses && now.Sub(f.swept) > time.Second {
		f.swept = now
		maps.DeleteFunc(f.buckets, func(_ netip.Prefix, b *rate.Limiter) bool { return b.TokensAt(now) >= failuresAtOnce })
	}
	if len(f.buckets) >= maxAddresses {
		return f.others
	}
	b := rate.NewLimiter(failuresPerSecond, failuresAtOnce)
	f.buckets[owner] = b
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
