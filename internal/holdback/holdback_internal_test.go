package holdback

import (
	"fmt"
	"testing"
	"time"
)

func TestAttack23WhoHasManyAddressesKeepsNobodyElseOut(t *testing.T) {
	l, now := New(1, 2), time.Now()
	theirs := func(i int) string { return fmt.Sprintf("[2001:db8:%x:%x::1]:1", i>>16, i&0xffff) }
	for i := range maxAddresses {
		for range 2 {
			if !l.Allow(theirs(i), now) {
				t.Fatalf("address %d is held back", i)
			}
		}
	}

	if !l.Allow(theirs(maxAddresses), now) || !l.Allow(theirs(maxAddresses+1), now) || l.Allow(theirs(maxAddresses+2), now) {
		t.Error("further addresses of theirs do not share what is left")
	}

	for _, address := range []string{"192.0.2.1:1", "[2a00:1450::1]:1", "nonsense"} {
		if !l.Allow(address, now) {
			t.Errorf("%s is held back", address)
		}
	}

	if got := len(l.buckets); got != maxAddresses {
		t.Errorf("%d addresses are remembered", got)
	}

	// Who has not come for so long that nothing is owed is forgotten.
	if later := now.Add(time.Minute); !l.Allow("192.0.2.1:1", later) || len(l.buckets) != 1 {
		t.Errorf("a minute later %d addresses are remembered", len(l.buckets))
	}
}

func TestWhoIsExhaustedIsSaidWithoutCounting(t *testing.T) {
	l, now := New(1, 2), time.Now()
	const address = "192.0.2.1:1"
	for range 2 {
		for range 10 {
			if l.Exhausted(address, now) {
				t.Fatal("to be asked counts")
			}
		}
		l.Allow(address, now)
	}

	if !l.Exhausted(address, now) || l.Exhausted("192.0.2.2:1", now) || l.Exhausted(address, now.Add(time.Second)) {
		t.Error("not the one address is held back, for a second")
	}

	for i := range maxAddresses {
		l.Allow(fmt.Sprintf("[2001:db8:%x:%x::1]:1", i>>16, i&0xffff), now)
	}

	for range 2 {
		l.Allow("[2001:db8:ffff::1]:1", now)
	}

	if !l.Exhausted("[2001:db8:fffe::1]:1", now) || l.Exhausted("[2a00:1450::1]:1", now) {
		t.Error("not those are held back that are near many who came too often")
	}

	if none := New(-1, 0); none.Exhausted(address, now) || !none.Allow(address, now) {
		t.Error("no limit holds back")
	}
}
