package identity

import (
	"fmt"
	"testing"
	"testing/synctest"
	"time"
)

// An internal test: ten thousand keys in a database would show the same, slowly.
func TestMemoryOfADirectoryIsBounded(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		directory := &Directory{cached: map[string]openedKey{}}
		keep := func(id string, lives time.Duration) {
			directory.cacheKey(openedKey{principal: Principal{AccessKeyID: id}, until: time.Now().Add(lives)})
		}
		for i := range maxCached / 2 {
			keep(fmt.Sprint("short", i), time.Second)
			keep(fmt.Sprint("long", i), time.Hour)
		}

		time.Sleep(time.Minute)
		keep("one more", time.Hour)
		if got := len(directory.cached); got != maxCached/2+1 {
			t.Errorf("%d keys after the expired were dropped, want %d", got, maxCached/2+1)
		}

		for i := range 2 * maxCached {
			keep(fmt.Sprint("flood", i), time.Hour)
			if len(directory.cached) > maxCached {
				t.Fatalf("%d keys in memory", len(directory.cached))
			}
		}

		if _, hit := directory.cachedKey(fmt.Sprint("flood", 2*maxCached-1), ""); !hit {
			t.Error("the newest key was not kept")
		}
	})
}
