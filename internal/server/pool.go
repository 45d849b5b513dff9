package server

import (
	"github.com/lockstephq/lockstep/internal/db"
	"github.com/lockstephq/lockstep/internal/metrics"
)

// poolOf returns a function that reads the state of a database's connection pool.
func poolOf(database *db.DB) func() metrics.Pool {
	if database.Dialect() == db.Postgres {
		return func() metrics.Pool {
			stat := database.Pool().Stat()
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
		stats := database.SQL().Stats()
		return metrics.Pool{
			InUse:  stats.InUse,
			Idle:   stats.Idle,
			Max:    stats.MaxOpenConnections,
			Waits:  stats.WaitCount,
			Waited: stats.WaitDuration,
		}
	}
}
