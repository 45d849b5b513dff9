package server

import (
	"github.com/lockstephq/lockstep/internal/db"
	"github.com/lockstephq/lockstep/internal/metrics"
)

// poolOf returns a function that reads the state of a database's connection pool.
func poolOf(d *db.DB) func() metrics.Pool {
	if d.Dialect() == db.Postgres {
		return func() metrics.Pool {
			stat := d.Pool().Stat()
			return metrics.Pool{
				InUse:  int(stat.AcquiredConns()),
				Idle:   int(stat.IdleConns()),
				Max:    int(stat.MaxConns()),
				Waits:  stat.EmptyAcquireCount(),
				Waited: stat.EmptyAcquireWaitTime(),
			}
		}
	}

	return func() metrics.Pool {
		stats := d.SQL().Stats()
		return metrics.Pool{
			InUse:  stats.InUse,
			Idle:   stats.Idle,
			Max:    stats.MaxOpenConnections,
			Waits:  stats.WaitCount,
			Waited: stats.WaitDuration,
		}
	}
}
