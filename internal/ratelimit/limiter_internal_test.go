package ratelimit

import (
	"fmt"
	"testing"
	"time"
)

func TestAttack23ClientWithManyNetworksDoesNotSlowDownOthers(t *testing.T) {
	limiter, now := New(1, 2), time.Now()
	useAllBuckets(t, limiter, now)

	for i := range 2 {
		if !limiter.Allow(attacker(maxNetworks+i), now) {
			t.Errorf("request %d of further networks is refused, want the burst of their shared bucket", i)
		}
	}
	if limiter.Allow(attacker(maxNetworks+2), now) {
		t.Error("further networks of the attacker do not share a bucket")
	}

	for _, address := range []string{"192.0.2.1:1", "[2a00:1450::1]:1", "nonsense"} {
		if !limiter.Allow(address, now) {
			t.Errorf("%s is refused", address)
		}
	}

	if got := len(limiter.buckets); got != maxNetworks {
		t.Errorf("%d buckets are kept, want %d", got, maxNetworks)
	}
}

func TestFullBucketsAreRemovedWhenTheLimitOfBucketsIsReached(t *testing.T) {
	limiter, now := New(1, 2), time.Now()
	useAllBuckets(t, limiter, now)

	if !limiter.Allow("192.0.2.1:1", now.Add(time.Minute)) {
		t.Error("a new network is refused")
	}
	if got := len(limiter.buckets); got != 1 {
		t.Errorf("%d buckets are kept, want that of the new network alone", got)
	}
}

func TestExhaustedCountsNothing(t *testing.T) {
	limiter, now := New(1, 2), time.Now()
	const address = "192.0.2.1:1"
	for range 2 {
		for range 10 {
			if limiter.Exhausted(address, now) {
				t.Fatal("Exhausted counts as a request")
			}
		}
		limiter.Allow(address, now)
	}

	if !limiter.Exhausted(address, now) {
		t.Error("the network is not exhausted after its burst")
	}
	if limiter.Exhausted("192.0.2.2:1", now) {
		t.Error("another network is exhausted too")
	}
	if limiter.Exhausted(address, now.Add(time.Second)) {
		t.Error("the network is still exhausted after a second")
	}
}

func TestNetworksBeyondTheLimitAreExhaustedTogether(t *testing.T) {
	limiter, now := New(1, 2), time.Now()
	useAllBuckets(t, limiter, now)
	for range 2 {
		limiter.Allow("[2001:db8:ffff::1]:1", now)
	}

	if !limiter.Exhausted("[2001:db8:fffe::1]:1", now) {
		t.Error("a network of the same region is not exhausted")
	}
	if limiter.Exhausted("[2a00:1450::1]:1", now) {
		t.Error("a network of another region is exhausted")
	}
}

func TestNegativeRateMeansNoLimit(t *testing.T) {
	limiter, now := New(-1, 0), time.Now()
	if !limiter.Allow("192.0.2.1:1", now) {
		t.Error("a request is refused")
	}
	if limiter.Exhausted("192.0.2.1:1", now) {
		t.Error("a network is exhausted")
	}
}

// useAllBuckets spends the bursts of maxNetworks networks.
func useAllBuckets(t *testing.T, limiter *Limiter, now time.Time) {
	t.Helper()
	for i := range maxNetworks {
		for range 2 {
			if !limiter.Allow(attacker(i), now) {
				t.Fatalf("network %d is refused", i)
			}
		}
	}
}

// attacker returns an address in the attacker's network i.
func attacker(i int) string { return fmt.Sprintf("[2001:db8:%x:%x::1]:1", i>>16, i&0xffff) }
