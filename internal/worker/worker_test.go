package worker_test

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/lockstephq/lockstep"
	"github.com/lockstephq/lockstep/internal/db"
	"github.com/lockstephq/lockstep/internal/db/dbtest"
	"github.com/lockstephq/lockstep/internal/worker"
)

func TestTheErrorsKindDecidesWhatHappens(t *testing.T) {
	unavailable := lockstep.Errorf(lockstep.Unavailable, "away")
	stale := lockstep.Errorf(lockstep.Stale, "changed")
	blocked := lockstep.Errorf(lockstep.Blocked, "drifted")
	internal := errors.New("a bug")

	tests := map[string]struct {
		err   error
		tries int64
		want  worker.Decision
	}{
		"unavailable": {
			err: unavailable, tries: 1,
			want: worker.Decision{Retry: true, After: time.Second},
		},
		"unavailable three times": {
			err: unavailable, tries: 3,
			want: worker.Decision{Retry: true, After: 4 * time.Second, Level: slog.LevelWarn},
		},
		"unavailable for long": {
			err: unavailable, tries: 1000,
			want: worker.Decision{Retry: true, After: 5 * time.Minute, Level: slog.LevelWarn},
		},
		"stale":           {err: stale, tries: 1, want: worker.Decision{Retry: true}},
		"stale too often": {err: stale, tries: worker.MaxInternalTries},
		"blocked":         {err: blocked, tries: 1, want: worker.Decision{Blocked: true}},
		"internal": {
			err: internal, tries: 2,
			want: worker.Decision{Retry: true, After: 2 * time.Second, Level: slog.LevelError},
		},
		"internal too often": {
			err: internal, tries: worker.MaxInternalTries,
			want: worker.Decision{After: 16 * time.Second, Level: slog.LevelError},
		},
		"the caller's fault": {err: lockstep.Errorf(lockstep.Invalid, "no such file"), tries: 1},
		"a wrapped error":    {err: fmt.Errorf("step: %w", blocked), tries: 1, want: worker.Decision{Blocked: true}},
	}

	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			if got := worker.Decide(test.err, test.tries); got != test.want {
				t.Errorf("Decide(%v, %d) = %+v, want %+v", test.err, test.tries, got, test.want)
			}
		})
	}
}

func TestOnlyUnavailableAndInternalErrorsAreTransient(t *testing.T) {
	tests := map[string]struct {
		err  error
		want bool
	}{
		"none":        {nil, false},
		"internal":    {errors.New("a bug"), true},
		"unavailable": {lockstep.Errorf(lockstep.Unavailable, "away"), true},
		"invalid":     {lockstep.Errorf(lockstep.Invalid, "wrong"), false},
	}

	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			if got := worker.IsTransient(test.err); got != test.want {
				t.Errorf("IsTransient(%v) = %t, want %t", test.err, got, test.want)
			}
		})
	}
}

func TestBackoffDoublesUpToTheLongest(t *testing.T) {
	want := []time.Duration{1, 1, 2, 4, 8, 10, 10}
	for tries, delay := range want {
		if got := worker.BackoffBetween(time.Second, 10*time.Second, int64(tries)); got != delay*time.Second {
			t.Errorf("after %d tries the delay is %s, want %s", tries, got, delay*time.Second)
		}
	}

	if got := worker.BackoffBetween(time.Hour, 24*time.Hour, 1<<40); got != 24*time.Hour {
		t.Errorf("after very many tries the delay is %s, want 24h", got)
	}
}

func TestAPanicOfADriverIsAnInternalError(t *testing.T) {
	err := worker.Call(t.Context(), time.Second, "The target", func(context.Context) error { panic("a bug") })
	if kind := lockstep.KindOf(err); kind != lockstep.Internal {
		t.Errorf("the kind is %s, want internal", kind)
	}
	if !strings.Contains(err.Error(), "worker_test.go") {
		t.Errorf("%q has no stack", err)
	}
}

func TestACallThatTakesTooLongIsUnavailable(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		err := worker.Call(t.Context(), time.Second, "The target", func(ctx context.Context) error {
			<-ctx.Done()
			return ctx.Err()
		})
		if kind := lockstep.KindOf(err); kind != lockstep.Unavailable {
			t.Errorf("the kind is %s, want unavailable", kind)
		}
		if got, want := lockstep.Shown(err), "The target took longer than 1s to answer."; got != want {
			t.Errorf("the message is %q, want %q", got, want)
		}
	})
}

func TestAWorkerWithoutALeaseWritesNothing(t *testing.T) {
	d := dbtest.Open(t)
	called := false
	update := func(owned bool) error {
		return worker.UpdateIfOwner(t.Context(), d,
			func(*db.Tx) (string, bool, error) { return "row", owned, nil },
			func(*db.Tx, string) error { called = true; return nil })
	}

	if err := update(false); !errors.Is(err, worker.ErrLostLease) {
		t.Errorf("without a lease: %v, want ErrLostLease", err)
	}
	if called {
		t.Error("without a lease something was written")
	}

	if err := worker.IgnoreLostLease(update(true)); err != nil {
		t.Errorf("with a lease: %v", err)
	}
	if !called {
		t.Error("with a lease nothing was written")
	}
}
