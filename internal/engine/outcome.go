package engine

import (
	"errors"
	"fmt"
	"log/slog"
	"runtime/debug"
	"time"

	"github.com/lockstephq/lockstep"
)

// errFenced says that somebody else has taken the work over: what this worker
// found out no longer counts.
var errFenced = errors.New("taken over by another worker")

// unlessFenced gives the error that the queue is told: none where somebody else
// goes on.
func unlessFenced(err error) error {
	if errors.Is(err, errFenced) {
		return nil
	}
	return err
}

// guarded calls a driver. Its panic is an error of ours like any other, with the
// stack for the log: the queue would begin the work anew for ever, and nothing
// would ever be told.
func guarded(call func() error) (err error) {
	defer func() {
		if p := recover(); p != nil {
			err = fmt.Errorf("panic: %v\n%s", p, debug.Stack())
		}
	}()
	return call()
}

// internalTries is how often a step is tried that fails because of us.
const internalTries = 5

// A verdict is what becomes of a step that ended in an error.
type verdict struct {
	retry   bool          // try again, the attempt stays in progress
	after   time.Duration // that much later
	blocked bool          // a person has to remove the cause first
	level   slog.Level    // of the log line
}

// judge is the table of outcomes: who has to act decides. tries counts this
// one.
func judge(err error, tries int64) verdict {
	switch lockstep.KindOf(err) {
	case lockstep.Unavailable:
		v := verdict{retry: true, after: backoff(tries), level: slog.LevelInfo}
		if tries >= 3 {
			v.level = slog.LevelWarn
		}
		return v

	case lockstep.Stale:
		return verdict{retry: tries < internalTries, level: slog.LevelInfo}
	case lockstep.Blocked:
		return verdict{blocked: true, level: slog.LevelInfo}
	case lockstep.Internal:
		return verdict{retry: tries < internalTries, after: backoff(tries), level: slog.LevelError}
	}

	return verdict{level: slog.LevelInfo}
}

// backoff doubles from one second to five minutes.
func backoff(tries int64) time.Duration {
	const longest = 5 * time.Minute
	if tries > 9 {
		return longest
	}
	return min(longest, time.Second<<max(0, tries-1))
}

// contextsOf gives what an error tells beyond its message.
func contextsOf(err error) []lockstep.Context {
	if e, ok := errors.AsType[*lockstep.Error](err); ok {
		return e.Contexts
	}
	return nil
}
