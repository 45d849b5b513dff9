// Package store keeps the sandbox's stacks, change sets and exports in SQLite.
//
// # Time
//
// Times are milliseconds since 1970. Starting an operation writes its whole
// course at once: events and revisions with the times at which they come true.
// A reader takes what has come true by the transaction's time. So a state in
// progress needs no worker, and a sandbox that was closed in the middle of an
// operation continues where the clock says.
//
// # Scope
//
// Accounts and regions are separate. Functions are methods of a [Scope], which the
// caller makes of its transaction.
//
// The package does not know the API, its requests or its error messages.
package store
