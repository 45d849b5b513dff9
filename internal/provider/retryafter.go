package provider

import (
	"errors"
	"time"
)

// A RetryAfterError is the cause of an Unavailable error of a host that said how long
// it wants no requests.
type RetryAfterError struct{ Wait time.Duration }

func (e *RetryAfterError) Error() string { return "the host asks to wait " + e.Wait.String() }

// RetryAfter returns how long the host behind an error wants no requests; zero if it
// did not say.
func RetryAfter(err error) time.Duration {
	if limited, ok := errors.AsType[*RetryAfterError](err); ok {
		return limited.Wait
	}
	return 0
}
