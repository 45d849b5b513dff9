// Package engine is the sync flow: a request for a branch starts a repository sync,
// which starts the resource syncs that its head affects, and each of those brings a
// resource to a commit, one step at a time, until it has an outcome.
//
//	RequestSync ──▶ [repository_sync] ──▶ [resource_sync] ──▶ target ──▶ outcome
//	                        │                    │                          │
//	                        └────────────────────┴──▶ commitstatus ◀────────┘
//
// Each [x] is a durable job, inserted in the transaction that wrote the row before it.
// Rows hold the state; a job only wakes a worker, which reads from the rows what there
// is to do. There is one job per branch and one per resource, so no branch and no
// resource is worked on twice at a time.
//
// # Repository syncs
//
// A repository sync (repository_sync.go) resolves the head when it starts, creates
// configurations for deployment files if the link asks for it (discover.go), reads the
// inputs of every configuration that tracks the branch, and decides which of them the
// head affects (affected.go). It compares object ids, never history, so that force
// pushes, merges and shallow reads cannot confuse it; only a signature policy makes
// history matter, below. A configuration whose inputs
// cannot be read is retried and does not delay the others. A commit that was requested
// by its id (retry.go) stays desired until it is released.
//
// # Resource syncs
//
// A resource sync (resource_sync.go) takes the lease on its resource and works towards
// its desired revision. While an attempt runs, newer heads only change the desired
// revision. Until the attempt has committed its intent to execute, a newer desired
// revision supersedes it; from then on it is followed to its end. Before its first step
// an attempt verifies the commit's signature, if the configuration has a signature
// policy (signature.go), and that the commit descends from the one applied last: a push
// could otherwise return to any commit that was ever signed. The policy is
// stored on the server: a push cannot change it.
//
// # Failure
//
// The kind of an error decides what happens to a step (step_error.go, package worker).
// A wait is a scheduled job, never a sleeping worker. Work whose job was lost is found by
// [Engine.Sweep].
//
// # Retention
//
// Every hour the sweep deletes ended attempts, with their events, that Options.Retention
// does not keep, and returns free pages of SQLite to the file system.
//
// # Calls that cannot be taken back
//
// A call may arrive late, twice, or never, whatever its answer was. Everything that
// changes the outside is one of these:
//
//	CreateChangeSet    by a name that was recorded before. Late or twice: the name is
//	                   taken, and nothing is executed. Never: found missing, repeated.
//	ExecuteChangeSet   by ARN, after the intent was committed. The change set is
//	                   described before each call and after each answer, refusals
//	                   included. Late or twice: CloudFormation executes a change set
//	                   once. Never: it stays AVAILABLE, and is executed again.
//	DeleteChangeSet    by ARN, of an own change set that was not executed. Late or
//	                   twice: there is nothing to delete. Never: it stays, unexecuted.
//	DeleteStack        by ARN, of an empty stack in place of which the endpoint has
//	                   created another of the same name. Late or twice: there is
//	                   nothing to delete. Never: it stays, empty. A stack that is in
//	                   use, or could be, is never deleted.
//	commit statuses    keyed by commit and context, and comments by a marker: a repeated
//	                   write replaces the former. See packages commitstatus and preview.
//	webhooks           keyed by their URL; a second registration finds the first.
//
// The package does not poll, does not call Git hosts except through package repository,
// and never touches a stack when a configuration is deleted.
package engine
