package queue

import (
	"time"

	"github.com/lockstephq/lockstep/internal/db"
)

// overdueAfter is how long after its time a job that no worker has taken is overdue.
const overdueAfter = 30 * time.Second

// Overdue are the jobs that have been due for longer than 30 seconds.
type Overdue struct {
	Count int
	// Oldest is how long the oldest has been due; 0 if there is none.
	Oldest time.Duration
}

// CountOverdue returns the overdue jobs of all nodes.
func CountOverdue(tx *db.Tx) (Overdue, error) {
	// River stores times as text on SQLite.
	age := `CAST((julianday($1) - julianday(min(scheduled_at))) * 86400000 AS integer)`
	now, before := any(riverTime(tx.Now)), any(riverTime(tx.Now.Add(-overdueAfter)))
	if tx.Dialect == db.Postgres {
		age = `CAST(extract(epoch FROM CAST($1 AS timestamptz) - min(scheduled_at)) * 1000 AS bigint)`
		now, before = tx.Now, tx.Now.Add(-overdueAfter)
	}

	var overdue Overdue
	var millis *int64
	err := tx.QueryRow(`SELECT count(*), `+age+` FROM river_job
		WHERE state IN ('available', 'scheduled', 'retryable') AND scheduled_at <= $2`, now, before).
		Scan(&overdue.Count, &millis)
	if err == nil && millis != nil {
		overdue.Oldest = time.Duration(*millis) * time.Millisecond
	}
	return overdue, err
}

// riverTime is how River writes a time on SQLite.
func riverTime(t time.Time) string { return t.UTC().Format("2006-01-02 15:04:05.000") }
