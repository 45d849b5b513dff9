package server

import (
	"github.com/lockstephq/lockstep/internal/db"
	"github.com/lockstephq/lockstep/internal/metrics"
)

// poolOf reads the state of a database's connections, whichever engine it is.
func poolOf(d *db.DB) func() metrics.Pool {
	if d.Dialect() == db.Postgres {
		return func() metrics.Pool {
			s := d.Pool().Stat()
			return metrics.Pool{InUse: int(s.AcquiredConns()), Idle: int(s.IdleConns()), Max: int(s.MaxConns()),
				Waits: s.EmptyAcquireCount(), Waited: s.EmptyAcquireWaitTime()}
		}
	}
	return func() metrics.Pool {
		s := d.SQL().Stats()
		return metrics.Pool{InUse: s.InUse, Idle: s.Idle, Max: s.MaxOpenConnections, Waits: s.WaitCount, Waited: s.WaitDuration}
	}
}
