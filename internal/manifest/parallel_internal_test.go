package manifest

import (
	"context"
	"errors"
	"testing"
	"testing/synctest"
	"time"

	"github.com/aws/smithy-go"
	"github.com/google/go-cmp/cmp"
)

func TestRunParallelStartsNothingAfterAnError(t *testing.T) {
	broken := errors.New("broken")
	for _, limit := range []int{1, 3} {
		synctest.Test(t, func(t *testing.T) {
			errs, started := runParallel(t.Context(), limit, 10, func(_ context.Context, i int) error {
				time.Sleep(time.Duration(i+1) * time.Second)
				if i == 4 {
					return broken
				}
				return nil
			})

			count := 0
			for i := range errs {
				if started[i] {
					count++
				}
				if (errs[i] != nil) != (i == 4) {
					t.Errorf("limit %d: call %d returned %v", limit, i, errs[i])
				}
			}

			if want := 4 + limit; count != want {
				t.Errorf("limit %d: %d calls started, want %d", limit, count, want)
			}
		})
	}
}

func TestForEachLimitsTheCallsAtOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		begin := time.Now()
		if err := forEach(t.Context(), 1000, func(context.Context, int) error {
			time.Sleep(time.Second)
			return nil
		}); err != nil {
			t.Fatal(err)
		}

		if took := time.Since(begin); took != 1000/maxParallel*time.Second {
			t.Errorf("took %v", took)
		}
	})
}

func TestForEachStartsNothingAfterTheContextEnds(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if err := forEach(ctx, 3, func(context.Context, int) error {
		t.Error("started")
		return nil
	}); !errors.Is(err, context.Canceled) {
		t.Errorf("got %v", err)
	}
}

func TestRetryThrottledRetriesWithBackoff(t *testing.T) {
	for _, test := range []struct {
		code  string
		times int // that the server answers so
		want  int // requests
		took  time.Duration
	}{
		{code: "ThrottlingException", times: 3, want: 4, took: 7 * time.Second},
		{code: "ConcurrentModificationException", times: 1, want: 2, took: time.Second},
		{code: "ThrottlingException", times: 100, want: 9, took: (1 + 2 + 4 + 8 + 4*15) * time.Second},
		{code: "AccessDeniedException", times: 100, want: 1},
	} {
		synctest.Test(t, func(t *testing.T) {
			begin, requests := time.Now(), 0
			err := retryThrottled(t.Context(), func() error {
				if requests++; requests <= test.times {
					return &smithy.GenericAPIError{Code: test.code}
				}
				return nil
			})

			got := []any{requests, time.Since(begin), err != nil}
			if diff := cmp.Diff([]any{test.want, test.took, test.times >= test.want}, got); diff != "" {
				t.Errorf("%s %d times: requests, time, error (-want +got):\n%s", test.code, test.times, diff)
			}
		})
	}
}
