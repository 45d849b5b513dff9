// Package store is the SQL: functions over a *db.Tx, a file per noun, no type
// that holds them. The caller owns the transaction, so two writes share one by
// standing one under the other.
//
// Nouns read (Host, Hosts), verbs write (InsertHost, DeleteHost). A reading
// function whose name stands alone takes the account and the region of the
// caller and finds nothing of anybody else's; one with By in its name
// (LinkByID, ConnectionByARN) takes a key alone and is for those who act for
// the owner: the engine and the poller, never an operation.
//
// A list is read in pages: an order that no update changes, a limit, and a
// [Cursor] made of the order's columns.
//
// Errors are *lockstep.Error where a caller is to blame: NotFound with a
// message that begins with "Could not find", Exists, InUse. Whether a thing
// exists already is asked of the database within the insert (ON CONFLICT DO
// NOTHING), so that the transaction stays usable. Every other error is the
// database's, unwrapped.
//
// Secrets are sealed here, bound to the row that holds them, and nowhere else
// opened: the engine asks for a [Credential] and never sees a box.
package store
