package engine

import (
	"time"

	"github.com/lockstephq/lockstep/internal/db"
	"github.com/lockstephq/lockstep/internal/syncstate"
)

// Reserve keeps attempts of a resource from beginning until Release, or for the
// time given where that never comes; false while one runs. It is for whoever
// removes something from the target that an attempt might be about to use, and
// for no longer than that takes.
func (e *Engine) Reserve(tx *db.Tx, resourceID int64, most time.Duration) (bool, error) {
	if _, err := syncstate.LockResource(tx, resourceID); err != nil {
		return false, err
	}
	_, running, err := syncstate.RunningAttempt(tx, resourceID)
	if err != nil || running {
		return false, err
	}
	return true, syncstate.ReserveResource(tx, resourceID, tx.Now.Add(most))
}

// Release ends what Reserve began. What has been desired meanwhile is attempted
// now.
func (e *Engine) Release(tx *db.Tx, resourceID int64) error {
	s, err := syncstate.LockResource(tx, resourceID)
	if err != nil {
		return err
	}
	if err := syncstate.ReserveResource(tx, resourceID, time.UnixMilli(0)); err != nil || !s.IsBehind() {
		return err
	}
	return e.queue.Wake(tx, resourceWork{ResourceID: resourceID}, tx.Now)
}
