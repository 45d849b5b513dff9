package api

import (
	"fmt"
	"testing"
	"time"

	"github.com/lockstephq/lockstep/internal/identity"
)

var start = time.Date(2026, 11, 22, 0, 0, 0, 0, time.UTC)

func named(name string) identity.Principal {
	return identity.Principal{Account: "111122223333", Name: name}
}

// passing counts how many of so many requests at a time are let through.
func passing(t *throttle, who identity.Principal, operation string, n int, at time.Time) (passed int) {
	for range n {
		if t.take(who, operation, at) == nil {
			passed++
		}
	}
	return passed
}

func TestABucketHoldsTwoSecondsWorthAndFillsAgain(t *testing.T) {
	th := newThrottle(Rates{Read: 5, Write: 1, Host: 0.1})
	principal := named("jo")
	for _, step := range []struct {
		operation string
		after     time.Duration
		want      int
	}{
		{"ListHosts", 0, 10},
		{"GetHost", 0, 0},            // the same class
		{"CreateHost", 0, 2},         // another
		{"GetRevisionSync", 0, 1},    // one at least
		{"GetHost", time.Second, 5},  // fills as time goes by
		{"GetHost", time.Minute, 10}, // and not beyond its size
		{"StartResourceSync", 5 * time.Second, 0},
		{"StartResourceSync", time.Minute, 1},
		{"CompleteConnection", time.Minute, 0}, // the host tries the credential
		{"TagResource", time.Minute, 2},
	} {
		if got := passing(th, principal, step.operation, 20, start.Add(step.after)); got != step.want {
			t.Errorf("%s after %v: %d pass, want %d", step.operation, step.after, got, step.want)
		}
	}
}

func TestEachPrincipalHasBucketsOfItsOwn(t *testing.T) {
	th := newThrottle(Rates{Read: 1})
	session := func(role, name string) identity.Principal {
		return identity.Principal{Account: "111122223333", AssumedRole: role, Name: name, AccessKeyID: name}
	}
	elsewhere := named("jo")
	elsewhere.Account = "444455556666"
	secondKey := named("jo")
	secondKey.AccessKeyID = "LSAK2"

	for _, tc := range []struct {
		who  identity.Principal
		want int
	}{
		{named("jo"), 2}, {secondKey, 0}, {named("sam"), 2}, {elsewhere, 2},
		// A session may call itself anything: the role is what counts.
		{session("ci", "one"), 2}, {session("ci", "two"), 0}, {session("cd", "one"), 2}, {session("jo", "jo"), 2}, {named("ci"), 2},
	} {
		if got := passing(th, tc.who, "GetHost", 5, start); got != tc.want {
			t.Errorf("%+v: %d pass, want %d", tc.who, got, tc.want)
		}
	}

	if got := passing(th, named("jo"), "CreateHost", 1000, start); got != 1000 {
		t.Errorf("of a class without a limit %d pass", got)
	}
}

// Nobody gets a full bucket by being forgotten before it is full again.
func TestBucketsAreBounded(t *testing.T) {
	th := newThrottle(Rates{Read: 1, Host: 0.01})
	crowd := func(from, n int, at time.Time) {
		for i := range n {
			_ = th.take(named(fmt.Sprint("p", from+i)), "GetHost", at)
		}
	}
	if got := passing(th, named("jo"), "GetRevisionSync", 2, start); got != 1 {
		t.Fatalf("%d pass", got)
	}

	crowd(0, maxBuckets-1, start.Add(50*time.Second)) // now there are as many as may be
	late := start.Add(99 * time.Second)
	th.buckets[KeyOf(named("p0"))].used = start.Add(-time.Hour)
	crowd(maxBuckets, 1, late)

	if got := passing(th, named("jo"), "GetRevisionSync", 1, late); got != 0 || len(th.buckets) != maxBuckets {
		t.Errorf("%d pass with %d buckets: the bucket was forgotten before it was full", got, len(th.buckets))
	}

	crowd(2*maxBuckets, 3*maxBuckets, late)
	if len(th.buckets) > maxBuckets {
		t.Errorf("%d buckets", len(th.buckets))
	}
}
