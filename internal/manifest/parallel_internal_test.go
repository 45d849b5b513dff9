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

func TestNothingNewIsBegunAfterAFailure(t *testing.T) {
	broken := errors.New("broken")
	for _, atOnce := range []int{1, 3} {
		synctest.Test(t, func(t *testing.T) {
			errs, begun := together(t.Context(), atOnce, 10, func(_ context.Context, i int) error {
				time.Sleep(time.Duration(i+1) * time.Second)
				if i == 4 {
					return broken
				}
				return nil
			})

			count := 0
			for i := range errs {
				if begun[i] {
					count++
				}
				if (errs[i] != nil) != (i == 4) {
					t.Errorf("%d at once: %d gave %v", atOnce, i, errs[i])
				}
			}

			if want := 4 + atOnce; count != want {
				t.Errorf("%d at once: %d were begun, want %d", atOnce, count, want)
			}
		})
	}
}

func TestNoMoreIsUnderWayThanThereAreWorkers(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		begin := time.Now()
		if err := all(t.Context(), 1000, func(context.Context, int) error {
			time.Sleep(time.Second)
			return nil
		}); err != nil {
			t.Fatal(err)
		}

		if took := time.Since(begin); took != 1000/workers*time.Second {
			t.Errorf("took %v", took)
		}
	})
}

func TestWhatIsInterruptedBeginsNothing(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if err := all(ctx, 3, func(context.Context, int) error {
		t.Error("begun")
		return nil
	}); !errors.Is(err, context.Canceled) {
		t.Errorf("got %v", err)
	}
}

func TestAServerThatAsksForTimeGetsIt(t *testing.T) {
	for _, c := range []struct {
		code  string
		times int // that it is answered so
		want  int // requests
		took  time.Duration
	}{
		{"ThrottlingException", 3, 4, 7 * time.Second},
		{"ConcurrentModificationException", 1, 2, time.Second},
		{"ThrottlingException", 100, 9, (1 + 2 + 4 + 8 + 4*15) * time.Second},
		{"AccessDeniedException", 100, 1, 0},
	} {
		synctest.Test(t, func(t *testing.T) {
			begin, requests := time.Now(), 0
			err := patiently(t.Context(), func() error {
				if requests++; requests <= c.times {
					return &smithy.GenericAPIError{Code: c.code}
				}
				return nil
			})

			got := []any{requests, time.Since(begin), err != nil}
			if diff := cmp.Diff([]any{c.want, c.took, c.times >= c.want}, got); diff != "" {
				t.Errorf("%s %d times: requests, time, error (-want +got):\n%s", c.code, c.times, diff)
			}
		})
	}
}
