// Package db opens the database, keeps its schema, and is the only way to a
// transaction. It knows two engines, SQLite (modernc.org/sqlite, pure Go) and
// PostgreSQL (pgx), and no table but its own bookkeeping.
//
// # Transactions
//
// [DB.Update] runs a function in a read-write transaction, [DB.View] in a
// read-only one that sees a single snapshot. Everything that happens in the
// function happens once or not at all; nothing outside the database belongs in
// it, for it may run again: Update repeats it, a few times, when PostgreSQL
// reports a deadlock or a serialization failure. [DB.Peek] is View for exactly
// one statement, without the round trips of a transaction. A [Gather] is Peek by
// key, for reads that come by the thousand.
//
// On SQLite there is one writer connection, whose transactions are immediate
// (the write lock is taken at BEGIN, so a transaction never fails half-way for
// want of it), and a pool of readers beside it, which WAL lets read while it
// writes. On PostgreSQL an Update is READ COMMITTED and rows are locked with
// [Tx.ForUpdate]; a View is REPEATABLE READ.
//
// # One SQL text
//
// The same statements run on both engines: $1 placeholders, RETURNING, ON
// CONFLICT, partial indexes; integers for times ([Millis]), text for JSON.
// Where the engines differ in ways that a test on one of them would not show,
// a [Tx] behaves like the stricter: a statement that failed ends the
// transaction (as PostgreSQL does), and a statement may not begin while the rows
// of another are open (as pgx demands).
//
// # Migrations
//
// A [Migrations] is a folder per engine of files NNNN_name.sql, numbered from 1
// without gaps. [Open] applies what is missing, each file in one transaction
// under a lock (an advisory lock on PostgreSQL, the write lock on SQLite), and
// refuses a database that a newer program has been at. There is no way down, and
// a file that has been released never changes. On SQLite a migration runs with
// foreign keys off and they are checked before its commit: a table can only be
// rebuilt so. The result is committed under schema/, rewritten by
// "go test ./internal/db -run Schema -update".
//
// The runner is our own and not goose: the whole of it is one loop around
// Update, it needs no second handle on PostgreSQL (goose wants database/sql,
// everything else here wants pgx), and on SQLite it has to run with foreign keys
// off and to check them before the commit, which is what rebuilding a table
// takes there.
//
// # Gathering
//
// A row found by its key costs PostgreSQL and us about 40 µs of CPU time when it is
// one of many in a statement, and four times that in a statement of its own: the
// rest is the round trip, in which two processes write, sleep and wake each other.
// So a [Gather] lets two statements be under way, and what comes meanwhile goes
// together in the next: the more is asked, the more go in one, and when little is
// asked each goes at once. No answer is older than its question, for nobody joins
// what has begun.
//
// Measured and left out: storing what is read uncompressed (a second table to
// visit costs more than to decompress) or compressed by lz4 (not in every build
// of PostgreSQL, and no faster for one read); one statement a key in a pipeline
// (a third slower than one for all); more turns at once (fewer to gather); an
// index that begins with what differs most, which finds a row no faster; to look
// for the answer over and over before sleeping (a fifth faster for one reader, and a
// core at work for as long as PostgreSQL takes).
//
// # Statements
//
// pgx keeps prepared statements per connection by itself. modernc.org/sqlite
// does not, and preparing was over a third of the queue's CPU time, so
// connections are wrapped with a small cache (statements.go). Peek uses such
// connections itself, without database/sql (peeker.go).
package db
