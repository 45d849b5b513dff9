// Package queue runs durable jobs with River, on SQLite and on PostgreSQL. It knows no
// domain.
//
// # Jobs
//
// A job wakes a worker for a thing with open work, and holds nothing else: the state of
// that work is in the caller's tables. At any time there is at most one job of the same
// kind and arguments. Arguments therefore name the thing, such as a resource or a
// repository link, and never what is to be done with it.
//
// # Protocol
//
// The protocol ensures that no wake-up is lost and no work is done twice at a time. All
// transactions about a thing first lock the same row of the caller's tables
// ([db.Tx.ForUpdate]).
//
//		add work + Wake ──▶ job ──▶ worker: epoch + 1 ──▶ one short step
//		 (one transaction)   ▲                                  │
//		                     │                                  ▼
//		                     └── RescheduleAt ◀── lock, epoch unchanged: record the step
//		                                                        │
//		                                                        └──▶ Complete
//
//	  - To add work, write it and call [Queue.Wake] in one transaction. A job that waits for
//	    a later time is made due now. If the job is running, Wake does nothing: the job's
//	    last transaction has yet to lock the row, and will see the work.
//	  - A worker takes the lease on the thing by incrementing the epoch in the row, makes one
//	    short step, and ends in a transaction that locks the row, checks the epoch, records
//	    the step, and looks for more work. If there is none it calls [Job.Complete],
//	    otherwise [Job.RescheduleAt] with the time of the next step. A wait is never a
//	    sleeping worker.
//	  - A worker that finds another epoch has lost its lease. It writes nothing and returns
//	    nil.
//
// # Failure
//
// A failure in the caller's domain is recorded in such a last transaction. A worker
// returns an error, or panics, only if the machinery fails, such as the database: the job
// then runs again after one second, doubling to thirty, forever.
//
// A worker that returns nil without Complete or RescheduleAt is completed by River a
// moment later, without any lock, so that a wake-up in between is lost. This is for jobs
// that nothing wakes while they run, and for workers that lost their lease. What remains,
// such as a worker whose late return completes the job of a successor that then crashes,
// is found by the caller's [Sweep].
//
// # Low priority
//
// [LowPriority] jobs have their own workers and their own queue, so that any number of
// them does not delay the others.
//
// # Time
//
// The context of a worker ends at the timeout of its kind. A job that has been running
// for longer than that and [Options].RescueAfter belongs to a node that crashed: the
// leader, one of all nodes, makes it run again, with the defaults within a minute and a
// half. An Exclusive queue, alone with its database, frees such jobs when it starts.
//
// All times are those of this process, also on PostgreSQL, where River would ask the
// server. The rows that jobs are about have the process's time too, and tests run in
// testing/synctest bubbles, whose time no server knows. The clocks of nodes must agree to
// within a second or so.
//
// A job due within five seconds becomes available at once, with the time from which it
// may be fetched, as River does for retries. Scheduled jobs otherwise wait for the leader's
// scheduler, which runs every five seconds.
//
// # River's tables
//
// Only [Queue.Start] with Exclusive writes to River's tables itself, which a test pins.
// Everything else uses River's API.
//
// The package does not decide what to retry, and holds no lease: package worker does.
package queue
