package worker

import (
	"context"
	"errors"
	"fmt"
	"runtime/debug"
	"time"

	"github.com/lockstephq/lockstep"
	"github.com/lockstephq/lockstep/internal/db"
)

const (
	// StepTimeout bounds one call of a driver.
	StepTimeout = 30 * time.Second
	// TurnTimeout bounds one job: as many steps as fit into StepTimeout, the one
	// that began last, and the transactions around them.
	TurnTimeout = 2*StepTimeout + 10*time.Second
	// SweepBatch bounds how many jobs of each kind one sweep wakes.
	SweepBatch = 1000
)

// ErrLostLease is returned when another worker has taken the lease. What this
// worker found out no longer counts.
var ErrLostLease = errors.New("taken over by another worker")

// IgnoreLostLease returns err, or nil if it is ErrLostLease: the job of a worker
// that lost its lease has succeeded, since the other worker continues.
func IgnoreLostLease(err error) error {
	if errors.Is(err, ErrLostLease) {
		return nil
	}
	return err
}

// UpdateIfOwner runs f in a transaction if this worker still owns the lease on a
// row. lock locks the row and reports whether that is so; if not, UpdateIfOwner
// returns ErrLostLease.
func UpdateIfOwner[Row any](
	ctx context.Context,
	d *db.DB,
	lock func(tx *db.Tx) (row Row, owned bool, err error),
	f func(tx *db.Tx, row Row) error,
) error {
	return d.Update(ctx, func(tx *db.Tx) error {
		row, owned, err := lock(tx)
		if err != nil {
			return err
		}
		if !owned {
			return ErrLostLease
		}

		return f(tx, row)
	})
}

// A PanicError is the error that a panic becomes.
type PanicError struct {
	Value any
	Stack []byte
}

// Error returns the value and the stack, which is for the log.
func (e *PanicError) Error() string { return fmt.Sprintf("panic: %v\n%s", e.Value, e.Stack) }

// Guard calls f and returns its error, or a *PanicError if f panics.
func Guard(f func() error) (err error) {
	defer func() {
		if value := recover(); value != nil {
			err = &PanicError{Value: value, Stack: debug.Stack()}
		}
	}()
	return f()
}

// Call guards f and ends its context after timeout. The error of a call that ran
// out of time is Unavailable and names who was called, such as "The target".
func Call(ctx context.Context, timeout time.Duration, callee string, f func(ctx context.Context) error) error {
	ctx, cancel := context.WithTimeout(ctx, timeout)
	defer cancel()

	return Timeout(ctx, timeout, callee, Guard(func() error { return f(ctx) }))
}

// Timeout returns err, as the Unavailable error that Call returns if ctx ran out of
// time.
func Timeout(ctx context.Context, timeout time.Duration, callee string, err error) error {
	if err != nil && errors.Is(ctx.Err(), context.DeadlineExceeded) {
		return lockstep.Wrapf(lockstep.Unavailable, err, "%s took longer than %s to answer.", callee, timeout)
	}
	return err
}
