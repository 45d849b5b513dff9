package db

import (
	"context"
	"errors"
	"testing"
	"testing/synctest"
	"time"
)

func TestALimitEndsBetweenTenAndFifteenSeconds(t *testing.T) {
	for _, late := range []time.Duration{
		0, time.Second, 4999 * time.Millisecond, 5 * time.Second, 9 * time.Second, time.Hour,
	} {
		synctest.Test(t, func(t *testing.T) {
			var deadline sharedDeadline
			defer deadline.close()

			deadline.context()
			time.Sleep(late)
			began := time.Now()
			ctx := deadline.context()
			<-ctx.Done()

			if took := time.Since(began); took < 10*time.Second || took > 15*time.Second ||
				!errors.Is(ctx.Err(), context.DeadlineExceeded) {
				t.Errorf("%s after the first: ended after %s: %v", late, took, ctx.Err())
			}
		})
	}
}

func TestThoseWhoBeginTogetherShareALimit(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var deadline sharedDeadline
		defer deadline.close()

		first := deadline.context()
		time.Sleep(4 * time.Second)
		if deadline.context() != first {
			t.Error("another context within five seconds")
		}

		time.Sleep(time.Second)
		if deadline.context() == first {
			t.Error("the same context after five seconds")
		}
	})
}

func TestAClosedLimitLeavesNoTimer(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var l sharedDeadline
		l.close() // nothing was asked yet
		ctx := l.context()
		l.close()
		if ctx.Err() == nil {
			t.Error("goes on after the end")
		}
	})
}
