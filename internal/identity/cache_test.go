package identity

import (
	"fmt"
	"testing"
	"testing/synctest"
	"time"
)

// It reaches inside: ten thousand keys in a database would say the same, slowly.
func TestMemoryOfADirectoryIsBounded(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d := &Directory{cached: map[string]opened{}}
		keep := func(id string, lives time.Duration) {
			d.keep(opened{principal: Principal{AccessKeyID: id}, until: time.Now().Add(lives)})
		}
		for i := range maxCached / 2 {
			keep(fmt.Sprint("short", i), time.Second)
			keep(fmt.Sprint("long", i), time.Hour)
		}

		time.Sleep(time.Minute)
		keep("one more", time.Hour)
		if got := len(d.cached); got != maxCached/2+1 {
			t.Errorf("%d keys after the expired were dropped, want %d", got, maxCached/2+1)
		}

		for i := range 2 * maxCached {
			keep(fmt.Sprint("flood", i), time.Hour)
			if len(d.cached) > maxCached {
				t.Fatalf("%d keys in memory", len(d.cached))
			}
		}

		if _, hit := d.remember(fmt.Sprint("flood", 2*maxCached-1), ""); !hit {
			t.Error("the newest key was not kept")
		}
	})
}
