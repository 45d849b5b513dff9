package queue

import (
	"context"
	"time"

	"github.com/riverqueue/river"
	"github.com/riverqueue/river/riverdriver"
	"github.com/riverqueue/river/riverdriver/riverpgxv5"
	"github.com/riverqueue/river/riverdriver/riversqlite"
	"github.com/riverqueue/river/rivermigrate"
	"github.com/riverqueue/river/rivertype"

	"github.com/lockstephq/lockstep/internal/db"
)

// A backend is the part of River that depends on the type of a database's transactions.
type backend interface {
	migrate(ctx context.Context, d *db.DB) error
	client(config *river.Config) (client, error)
	insert(tx *db.Tx, args Args, opts *river.InsertOpts) (*rivertype.JobInsertResult, error)
	retry(tx *db.Tx, id int64) error
	complete(ctx context.Context, tx *db.Tx, row *rivertype.JobRow) error
}

// A client is a River client that runs jobs.
type client interface {
	Start(ctx context.Context) error
	Stop(ctx context.Context) error
	StopAndCancel(ctx context.Context) error
}

// connect returns a backend with the client that inserts jobs. River needs another client,
// which knows the workers, to run them.
func connect(database *db.DB, config *river.Config) (backend, error) {
	if database.Dialect() == db.Postgres {
		return newRiverOn(riverpgxv5.New(database.Pool()), (*db.Tx).PGX, config)
	}
	return newRiverOn(riversqlite.New(database.SQL()), (*db.Tx).SQL, config)
}

// A riverOn is River with the driver D, whose transactions are TTx.
type riverOn[D riverdriver.Driver[TTx], TTx any] struct {
	driver   D
	raw      func(*db.Tx) TTx
	inserter *river.Client[TTx]
}

func newRiverOn[D riverdriver.Driver[TTx], TTx any](
	driver D, raw func(*db.Tx) TTx, config *river.Config,
) (backend, error) {
	inserter, err := river.NewClient(driver, config)
	if err != nil {
		return nil, err
	}
	return &riverOn[D, TTx]{driver: driver, raw: raw, inserter: inserter}, nil
}

func (r *riverOn[D, TTx]) client(config *river.Config) (client, error) {
	return river.NewClient(r.driver, config)
}

// migrationLock is the key of an advisory lock of PostgreSQL: River takes none.
const migrationLock = 0x6c6f636b73746570

func (r *riverOn[D, TTx]) migrate(ctx context.Context, database *db.DB) error {
	migrator, err := rivermigrate.New(r.driver, nil)
	if err != nil {
		return err
	}

	up := func(ctx context.Context) error {
		_, err := migrator.Migrate(ctx, rivermigrate.DirectionUp, nil)
		return err
	}
	if database.Dialect() == db.SQLite {
		return up(ctx)
	}

	// Migrate uses its own transactions, so another one holds the lock. It is idle meanwhile,
	// and waits as long as another node migrates, so no timeout of its connection applies.
	return database.Update(ctx, func(tx *db.Tx) error {
		for _, timeout := range []string{"idle_in_transaction_session_timeout", "lock_timeout"} {
			if _, err := tx.Exec("SET LOCAL " + timeout + " = 0"); err != nil {
				return err
			}
		}
		if _, err := tx.Exec("SELECT pg_advisory_xact_lock($1)", int64(migrationLock)); err != nil {
			return err
		}
		return up(ctx)
	})
}

func (r *riverOn[D, TTx]) insert(tx *db.Tx, args Args, opts *river.InsertOpts) (*rivertype.JobInsertResult, error) {
	return r.inserter.InsertTx(tx.Context(), r.raw(tx), args, opts)
}

func (r *riverOn[D, TTx]) retry(tx *db.Tx, id int64) error {
	_, err := r.inserter.JobRetryTx(tx.Context(), r.raw(tx), id)
	return err
}

func (r *riverOn[D, TTx]) complete(ctx context.Context, tx *db.Tx, row *rivertype.JobRow) error {
	_, err := river.JobCompleteTx[D](ctx, r.raw(tx), &river.Job[anyArgs]{JobRow: row})
	return err
}

// anyArgs are the arguments of a job of which only the row matters.
type anyArgs struct{}

func (anyArgs) Kind() string                { return "" }
func (*anyArgs) UnmarshalJSON([]byte) error { return nil }

// schedulerInterval is the interval of River's scheduler, which is not configurable.
const schedulerInterval = 5 * time.Second

// makeDueAvailable makes jobs available at once that are due within the scheduler's
// interval, so that they do not wait for the scheduler. They are not fetched before their
// time.
func makeDueAvailable(
	ctx context.Context,
	jobs []*rivertype.JobInsertParams,
	insert func(context.Context) ([]*rivertype.JobInsertResult, error),
) ([]*rivertype.JobInsertResult, error) {
	for _, j := range jobs {
		if j.State == rivertype.JobStateScheduled && time.Until(*j.ScheduledAt) <= schedulerInterval {
			j.State = rivertype.JobStateAvailable
		}
	}
	return insert(ctx)
}

// A processClock makes River take all times from this process: see the package comment.
// River has the setting for tests; it does nothing else.
type processClock struct{}

func (processClock) Now() time.Time { return time.Now() }

func (processClock) NowOrNil() *time.Time {
	now := time.Now()
	return &now
}
