// Package queue runs jobs that survive a crash: River behind a few functions, on
// SQLite and on PostgreSQL alike. It knows no domain.
//
// # What a job is here
//
// A job is a wake-up for something that has open work, and nothing else: the
// truth about that work is in the caller's tables. There is at most one job for
// the same kind and arguments at a time, whatever state it is in, so arguments name
// the thing (a resource, a repository link) and never what is to be done with it.
//
// # The protocol
//
// It keeps wake-ups from being lost and work from being done twice at once. All
// transactions about a thing lock the same row of the caller's tables first
// ([db.Tx.ForUpdate]).
//
//   - Whoever adds work writes it and calls [Queue.Wake], in one transaction. If a
//     job is waiting for later, it is made to run now. If one is running, nothing
//     is done: its last transaction has yet to take the row's lock, and will see
//     the work.
//   - A worker takes the thing over by incrementing an epoch in the row, does one
//     short step, and ends in a transaction that locks the row, checks the epoch,
//     writes the step, looks for what is left, and calls [Job.Complete] if that is
//     nothing or [Job.RescheduleAt] with the time of the next step. A wait is never a held
//     worker.
//   - A worker that finds another epoch has been replaced. It writes nothing and
//     returns nil.
//
// An outcome of the domain, failure included, is such a last transaction. An error
// or a panic from a worker is for trouble of the machinery, such as a database that
// is away: the job runs again after a pause of one second, doubling to thirty, for
// ever. A worker that returns nil without Complete or RescheduleAt is completed by River a
// moment later, outside of any lock, so a wake-up that comes in between is lost:
// that is for jobs nobody wakes while they run, and for a worker that was
// replaced. What remains (a replaced worker whose return completes the job of a
// successor that crashes then) is for the caller's [Sweep], which wakes from time
// to time whatever has open work.
//
// Jobs that are [LowPriority] have workers of their own and a place of their own to wait
// in: however many there are, the others do not notice.
//
// # Time
//
// Workers are given a context that ends at their kind's timeout. A job that has been
// running for longer than that and [Options].RescueAfter belongs to a node that
// died: the leader, one node of them all, makes it run again, within a minute and a
// half with the defaults. An Exclusive queue, which is alone with its database,
// frees such jobs when it starts.
//
// River takes the time from PostgreSQL where it can; here it is told to use this
// process's clock on both engines. The rows that jobs are about carry this process's
// time too, and tests run in a bubble of testing/synctest, whose time no server
// knows. Nodes are to keep their clocks to within a second or so.
//
// A job due within five seconds is made available at once, with the time from which
// it may be fetched, as River does for retries: jobs that are scheduled proper wait
// for the leader's scheduler, which looks every five seconds at the next five.
//
// # River's own tables
//
// Only [Queue.Start] with Exclusive touches them by SQL of ours, and a test pins
// that. Everything else goes through River's API.
package queue
