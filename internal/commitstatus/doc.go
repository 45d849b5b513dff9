// Package commitstatus shows the result of a commit at its Git host: one status for
// each environment, an account and a region, over all stacks there whose
// configurations publish their status.
//
// # Flow
//
//	engine ──▶ Enqueue ──▶ status report, due in 2 s ──▶ [status_report] ──▶ provider
//	           (last statement of            (one job per       │
//	            the transaction)              report stream) ◀──┘ retry, next report
//
// A desired revision, and the beginning and the end of an attempt, change the status
// of a commit. [Reporter.Enqueue] only records in the same transaction that something
// changed. A moment later the worker of the report stream reads the progress of the
// commit as it is then and reports it, the oldest commit first. Mere progress is
// reported at most every half minute.
//
// So no sync waits for a Git host, hundreds of stacks cost a handful of calls, and
// after an outage only the current status is reported.
//
// # States
//
// A commit has failed as soon as one of its stacks has, is running while one is, and
// has succeeded when the rest were superseded by another commit and at least one was
// not.
//
// # Failure
//
// If the Git host is unavailable, a report is retried for a day. If the host rejects
// it, or cannot show statuses, the report is repeated when something changes. The
// cause is kept with the report, not with the attempts: an attempt that has ended
// never changes.
//
// The package does not decide which commits are synced, and no sync depends on it.
package commitstatus
