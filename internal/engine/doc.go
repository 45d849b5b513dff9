// Package engine is the flow: a request for a branch becomes a repository
// sync, that starts the resource syncs its head concerns, and each of those
// brings a target to a commit, one step at a time, until it has an outcome.
//
//	Request ──▶ [repository_sync] ──▶ [resource_sync] ──▶ target ──▶ outcome
//
// Each [x] is a durable job, inserted in the transaction that wrote the row
// before it. The rows hold the truth, a job is only the wake-up: it finds out
// from the rows what there is to do. There is one job per branch and one per
// resource, so nothing of one branch or one resource ever runs twice at a time.
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
// Waiting is a scheduled job, never a held worker. What would be lost with a
// lost wake-up is found again by the sweep (sweep.go).
package engine
