package sts

import (
	"fmt"
	"testing"
	"time"
)

func TestAttack23WhoHasManyAddressesKeepsNobodyElseOut(t *testing.T) {
	l, now := newLimit(1, 2), time.Now()
	theirs := func(i int) string { return fmt.Sprintf("[2001:db8:%x:%x::1]:1", i>>16, i&0xffff) }
	for i := range maxAddresses {
		for range 2 {
			if !l.allow(theirs(i), now) {
				t.Fatalf("address %d is held back", i)
			}
		}
	}
	if !l.allow(theirs(maxAddresses), now) || !l.allow(theirs(maxAddresses+1), now) || l.allow(theirs(maxAddresses+2), now) {
		t.Error("further addresses of theirs do not share what is left")
	}
	for _, address := range []string{"192.0.2.1:1", "[2a00:1450::1]:1", "nonsense"} {
		if !l.allow(address, now) {
			t.Errorf("%s is held back", address)
		}
	}
	if got := len(l.buckets); got != maxAddresses {
		t.Errorf("%d addresses are remembered", got)
	}
	// Who has not come for so long that nothing is owed is forgotten.
	if later := now.Add(time.Minute); !l.allow("192.0.2.1:1", later) || len(l.buckets) != 1 {
		t.Errorf("a minute later %d addresses are remembered", len(l.buckets))
	}
}
