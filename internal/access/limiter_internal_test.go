package access

import (
	"fmt"
	"testing"
	"time"

	"github.com/lockstephq/lockstep/internal/identity"
)

var start = time.Date(2026, 11, 22, 0, 0, 0, 0, time.UTC)

func user(name string) identity.Principal {
	return identity.Principal{Account: "111122223333", Name: name}
}

// countAllowed returns how many of n calls at a time are allowed.
func countAllowed(
	limiter *Limiter, principal identity.Principal, operation string, n int, at time.Time,
) (allowed int) {
	for range n {
		if limiter.Allow(principal, operation, at) {
			allowed++
		}
	}
	return allowed
}

func TestBucketHoldsTwoSecondsOfRequestsAndRefills(t *testing.T) {
	limiter := NewLimiter(Rates{Read: 5, Write: 1, Host: 0.1})
	principal := user("jo")
	for _, step := range []struct {
		operation string
		after     time.Duration
		want      int
	}{
		{"ListHosts", 0, 10},
		{"GetHost", 0, 0},            // the same class
		{"CreateHost", 0, 2},         // another class
		{"GetRevisionSync", 0, 1},    // at least one
		{"GetHost", time.Second, 5},  // refills
		{"GetHost", time.Minute, 10}, // up to its size
		{"StartResourceSync", 5 * time.Second, 0},
		{"StartResourceSync", time.Minute, 1},
		{"CompleteConnection", time.Minute, 0}, // calls the host
		{"TagResource", time.Minute, 2},
	} {
		if got := countAllowed(limiter, principal, step.operation, 20, start.Add(step.after)); got != step.want {
			t.Errorf("%s after %v: %d are allowed, want %d", step.operation, step.after, got, step.want)
		}
	}
}

func TestEachPrincipalHasBucketsOfItsOwn(t *testing.T) {
	limiter := NewLimiter(Rates{Read: 1})
	session := func(role, name string) identity.Principal {
		return identity.Principal{
			Account:     "111122223333",
			AssumedRole: role,
			Name:        name,
			AccessKeyID: name,
		}
	}
	otherAccount := user("jo")
	otherAccount.Account = "444455556666"
	secondKey := user("jo")
	secondKey.AccessKeyID = "LSAK2"

	for _, tc := range []struct {
		principal identity.Principal
		want      int
	}{
		{user("jo"), 2},
		{secondKey, 0},
		{user("sam"), 2},
		{otherAccount, 2},
		{session("ci", "one"), 2},
		{session("ci", "two"), 0}, // sessions of a role share its buckets
		{session("cd", "one"), 2},
		{session("jo", "jo"), 2},
		{user("ci"), 2},
	} {
		if got := countAllowed(limiter, tc.principal, "GetHost", 5, start); got != tc.want {
			t.Errorf("%+v: %d are allowed, want %d", tc.principal, got, tc.want)
		}
	}

	if got := countAllowed(limiter, user("jo"), "CreateHost", 1000, start); got != 1000 {
		t.Errorf("%d of 1000 are allowed in a class without a limit", got)
	}
}

// A bucket must not be removed before it is full: its principal would get a full one.
func TestBucketsAreBounded(t *testing.T) {
	limiter := NewLimiter(Rates{Read: 1, Host: 0.01})
	callAs := func(from, n int, at time.Time) {
		for i := range n {
			limiter.Allow(user(fmt.Sprint("p", from+i)), "GetHost", at)
		}
	}
	if got := countAllowed(limiter, user("jo"), "GetRevisionSync", 2, start); got != 1 {
		t.Fatalf("%d are allowed, want 1", got)
	}

	callAs(0, maxBuckets-1, start.Add(50*time.Second)) // now there are maxBuckets
	late := start.Add(99 * time.Second)
	limiter.buckets[keyOf(user("p0"))].used = start.Add(-time.Hour)
	callAs(maxBuckets, 1, late)

	if got := countAllowed(limiter, user("jo"), "GetRevisionSync", 1, late); got != 0 {
		t.Error("the bucket was removed before it was full")
	}
	if got := len(limiter.buckets); got != maxBuckets {
		t.Errorf("there are %d buckets, want %d", got, maxBuckets)
	}

	callAs(2*maxBuckets, 3*maxBuckets, late)
	if got := len(limiter.buckets); got > maxBuckets {
		t.Errorf("there are %d buckets, want at most %d", got, maxBuckets)
	}
}
