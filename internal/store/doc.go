// Package store reads and writes the rows that people configure: hosts, connections
// with their credentials, repository links, sync configurations, signature policies,
// webhooks and tags. Package syncstate has the rows that syncs write.
//
// It consists of functions over a [db.Tx], one file for each noun. The caller owns
// the transaction, so that several writes commit together.
//
// # Names
//
// Nouns read (Host, Hosts); verbs write (InsertHost, DeleteHost). A function named
// by the noun alone takes the caller's account and region and finds no other
// account's rows. A function with By or Of in its name (LinkByID, WebhookOfLink)
// takes a key alone; it is for the engine, the poller and the like, not for API
// operations.
//
// # Lists
//
// A list is read in pages: an order that no update changes, a limit, and a
// [db.Cursor] made of the columns of the order.
//
// # Errors
//
// Errors that a caller caused are [*lockstep.Error]: NotFound, with a message that
// begins with "Could not find"; Exists; InUse. Whether a row exists is decided by
// the INSERT itself (ON CONFLICT DO NOTHING), so that the transaction stays usable.
// All other errors are the database's, unwrapped.
//
// # Secrets
//
// Secrets are sealed and opened here, bound to the row that holds them. Other
// packages see a [lockstep.Credential] or a [seal.Secret] and never a sealed box.
//
// # Lock order
//
// A transaction locks rows in this order, on PostgreSQL; on SQLite it has the whole
// database:
//
//  1. host
//  2. connection
//  3. repository link
//  4. branch                 (syncstate.LockBranch)
//  5. sync configuration
//  6. resource               (syncstate.LockResourceByName), then its preview
//  7. pull request
//  8. report stream          (syncstate.RecordStatusChange), always last
//
// Two kinds of transactions differ. An API operation on a sync configuration locks
// the configuration (5) and its resource (6) before the branch (4), because the row
// names the branch. [StartPolling] and [RequestPoll] write the link (3) after
// those. When such a transaction meets a repository sync, PostgreSQL ends one of
// them, and [db.DB.Update] runs it again. New code keeps to the order above.
//
// # Not here
//
// The package makes no decision about a sync, sends nothing and keeps no state of
// its own.
package store
