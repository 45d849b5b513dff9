// Package engine is the flow: a request for a branch becomes a repository
// sync, that starts the resource syncs its head concerns, and each of those
// brings a target to a commit, one step at a time, until it has an outcome.
//
//	Request ──▶ [repository_sync] ──▶ [resource_sync] ──▶ target ──▶ outcome
//	                    │                    │                         │
//	                    └────────────────────┴──▶ [commit_report] ◀────┘ ──▶ provider
//
// Each [x] is a durable job, inserted in the transaction that wrote the row
// before it. The rows hold the truth, a job is only the wake-up: it finds out
// from the rows what there is to do. There is one job per branch, one per
// resource and one per report lane, so nothing of these ever runs twice at a time.
//
// A repository sync (request.go, repository_sync.go) resolves the head when it
// starts, makes configurations of deployment files where the link asks for it
// (discover.go), plans every configuration that follows the branch, and
// decides which of them the head concerns (concern.go). Object ids are
// compared, never history, so that force-pushes, merges and shallow reads
// cannot confuse it. A configuration that cannot be planned is tried again and
// keeps no other back. A commit that a person asked for by its id (retry.go) stays
// desired while the branch's head is the one it was then.
//
// A resource sync (resource_sync.go, step.go) takes its resource over, which
// adds one to the epoch that fences off older owners, and works on its newest
// desire. While an attempt runs, newer heads only move what is desired; until
// the attempt has committed its intent to execute, a newer desire supersedes
// it, and from then on it is followed to its end. The error's kind decides the
// outcome (outcome.go).
//
// Where a signature policy says who may sign, an attempt looks at its commit's
// signature before it does anything else (signed.go): the policy is the server's,
// so that nobody who can push can lift it.
//
// A commit report (report.go, report_standing.go, report_turn.go) tells the Git
// host what became of a commit in an environment: an account and a region, and all
// the stacks there whose configurations publish their status. It has failed as soon
// as one has, is running while one is, and has succeeded when the others were left
// to another commit and at least one was not. Desires, beginnings and ends only
// count up that there is news, as the last thing of their transaction; the lane of
// the link and environment looks a moment later how things stand, and tells what is
// new, the oldest commit first, progress at most every half minute. So no sync
// waits for a Git host, hundreds of stacks cost a handful of calls, and after an
// outage the end is told and nothing else. A host that is away is tried again for a
// day; one that refuses, when there is news. Why a call failed is kept with the
// report: the attempts may have ended, and what has ended does not change.
//
// Whoever else calls a target driver for a resource, to show what a change would
// do, does so between attempts and is never waited for, save while it removes
// what it proposed (reserve.go).
//
// Waiting is a scheduled job, never a held worker. What would be lost with a
// lost wake-up is found again by the sweep (sweep.go).
package engine
