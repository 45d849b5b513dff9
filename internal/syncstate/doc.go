// Package syncstate reads and writes the rows that record the state of syncs: branches,
// resources, attempts, events, blockers, status reports, pull requests and previews.
//
// Package store has the rows that people configure. Its rules about names, lists,
// errors and the lock order hold here too.
//
// # State machines
//
// docs/states.md draws the states of a branch, a repository sync, a resource, a
// resource sync, a status report and a preview. The database enforces them: its CHECK
// constraints list the states, and partial unique indexes allow at most one running
// attempt and one active blocker for each resource. A write that would break a rule
// fails, whatever the program does.
//
// # Leases
//
// A resource, a report stream and a preview have an epoch. [AcquireLease],
// [AcquireReportStreamLease] and [AcquirePreviewLease] add one to it. A worker that
// later finds another epoch has lost its lease and must not write.
//
// # Read models
//
// [Attempts], [Fleet], [FleetBlockers] and [SyncEvents] join several tables for API
// operations. A resource's row holds the encoded answer to GetResourceSyncStatus,
// which [StatusReader] returns in batches.
//
// # Not here
//
// The package does not decide what is synced, and when; that is package engine.
package syncstate
