// Package worker holds what the workers of durable jobs have in common: leases,
// calls of drivers, retries and their limits.
//
// # Leases
//
// A worker takes a lease on a row: it increments the row's epoch in a short
// transaction. It then makes its calls to other systems without holding a lock,
// and records the result in a second transaction, which runs only if the epoch is
// still the same.
//
//	acquire lease ──▶ call a driver ──▶ UpdateIfOwner ──▶ next step, or the end
//	  (epoch + 1)      (no lock held)    (epoch equal)
//	                                          │
//	                                          └── ErrLostLease: another worker
//	                                              has it, nothing is written
//
// # Calls
//
// [Call] bounds a call of a driver in time and turns its panic into an error. If a
// panic reached the queue, the job would be repeated forever and its owner would
// never see a failure.
//
// # Retries
//
// [Decide] is the one table from an error to what happens: its kind says who has to
// act. [Backoff] spaces retries. A wait is always a rescheduled job, never a
// sleeping worker.
//
// The package knows no job and no row. It does not renew leases: one is lost only
// when another worker takes it.
package worker
