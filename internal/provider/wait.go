package provider

import (
	"errors"
	"time"
)

// A Later is the cause behind an Unavailable error of a host that said for how
// long it wants to be left alone.
type Later struct{ Wait time.Duration }

func (l *Later) Error() string { return "the host asks to wait " + l.Wait.String() }

// Wait gives how long the host behind an error asked to be left alone; zero if it
// did not.
func Wait(err error) time.Duration {
	if l, ok := errors.AsType[*Later](err); ok {
		return l.Wait
	}
	return 0
}
