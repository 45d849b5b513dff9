// Package db opens the database, migrates its schema, and runs transactions. It
// supports SQLite (modernc.org/sqlite, pure Go) and PostgreSQL (pgx).
//
// # Transactions
//
//	DB.Update    read and write           rolled back if the function returns an error
//	DB.View      read, one snapshot       a write is an error
//	DB.ViewOnce  read, one statement      no transaction, one round trip
//	Batcher.Get  read by key              concurrent reads share one statement
//
// The functions passed to Update must have no effects outside of the database: Update
// runs them again, a few times, if PostgreSQL reports a deadlock or a serialization
// failure.
//
// On SQLite there is one writer connection, whose transactions take the write lock at
// BEGIN, and a pool of readers, which WAL mode allows to read at the same time. On
// PostgreSQL an Update is READ COMMITTED and locks rows with [Tx.ForUpdate]; a View is
// REPEATABLE READ.
//
// # One SQL text
//
// The same statements run on both engines: $1 placeholders, RETURNING, ON CONFLICT,
// partial indexes; integers for times ([Millis]), text for JSON. Where the engines
// differ in ways that a test on one of them would not show, a [Tx] behaves like the
// stricter one: a failed statement ends the transaction (as on PostgreSQL), and a
// statement cannot begin while the rows of another are open (as in pgx).
//
// # Lists
//
// [Select] and [SelectPage] run a query and scan all of its rows.
//
// # Migrations
//
// [Migrations] has a folder for each engine, with files NNNN_name.sql, numbered from 1
// without gaps. [Open] applies the missing ones, each in one transaction under a lock
// (an advisory lock on PostgreSQL, the write lock on SQLite). It refuses a database
// that a newer program has migrated. There are no down migrations, and a released file
// never changes. On SQLite, migrations run with foreign keys off, so that tables can
// be rebuilt; foreign keys are checked before the commit. The resulting schema is
// committed under schema/; update it with "go test ./internal/db -run Schema -update".
//
// goose is not used: the runner is a loop around Update, goose needs database/sql on
// PostgreSQL, and it cannot turn foreign keys off and check them before the commit.
//
// # Batches
//
// Reading a row by its key takes about 40 µs of CPU time on PostgreSQL and client if it
// is one of many rows of a statement, and four times as long in a statement of its own,
// because of the round trip. A [Batcher] has up to two statements in flight. Reads that
// arrive meanwhile are batched into the next statement. So batches grow with the load,
// and single reads are not delayed. A result is never older than the call, because a
// statement that has begun accepts no more reads.
//
// Measured and rejected: storing documents uncompressed (reading a second table costs
// more than decompressing) or compressed with lz4 (not in every PostgreSQL build, and
// no faster for one read); a pipeline with one statement for each key (a third slower);
// more statements in flight (smaller batches); an index that begins with the most
// selective column (no faster); polling for the result before sleeping (a fifth faster
// for one reader, but uses a core while PostgreSQL works).
//
// # Prepared statements
//
// pgx caches prepared statements on each connection. modernc.org/sqlite does not, and
// preparing took over a third of the queue's CPU time. So SQLite connections are
// wrapped with a small cache (statements.go). ViewOnce uses such connections without
// database/sql (viewonce.go).
//
// # Not here
//
// The package knows no table except the one that records migrations.
package db
