package worker

import (
	"log/slog"
	"time"

	"github.com/lockstephq/lockstep"
)

const (
	// MaxInternalTries is how often a step is tried whose failure is our fault.
	MaxInternalTries = 5

	// firstDelay and maxDelay bound the delays of Backoff.
	firstDelay = time.Second
	maxDelay   = 5 * time.Minute

	// warnAfter is the try from which the log line about something unavailable is
	// a warning.
	warnAfter = 3
)

// A Decision is what happens after a step has failed.
type Decision struct {
	Retry   bool          // the step is tried again
	After   time.Duration // that much later
	Blocked bool          // a person has to remove the cause first
	Level   slog.Level    // of the log line
}

// Decide returns what happens after a step has failed with err. tries counts the
// failed tries, including this one. An error that is retried no more is final.
func Decide(err error, tries int64) Decision {
	switch lockstep.KindOf(err) {
	case lockstep.Unavailable:
		decision := Decision{Retry: true, After: Backoff(tries)}
		if tries >= warnAfter {
			decision.Level = slog.LevelWarn
		}
		return decision

	case lockstep.Stale:
		return Decision{Retry: tries < MaxInternalTries}

	case lockstep.Blocked:
		return Decision{Blocked: true}

	case lockstep.Internal:
		return Decision{
			Retry: tries < MaxInternalTries,
			After: Backoff(tries),
			Level: slog.LevelError,
		}
	}

	return Decision{}
}

// IsTransient reports whether err may go away without a change of the caller's
// inputs: something is unavailable, or the fault is ours.
func IsTransient(err error) bool {
	kind := lockstep.KindOf(err)
	return err != nil && (kind == lockstep.Unavailable || kind == lockstep.Internal)
}

// Backoff returns the delay after tries failed tries: one second, doubling to five
// minutes.
func Backoff(tries int64) time.Duration { return BackoffBetween(firstDelay, maxDelay, tries) }

// BackoffBetween returns the delay after tries failed tries: first, doubling to
// longest.
func BackoffBetween(first, longest time.Duration, tries int64) time.Duration {
	const maxDoublings = 16
	if tries > maxDoublings {
		return longest
	}
	return min(longest, first<<max(0, tries-1))
}
