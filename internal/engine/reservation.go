package engine

import (
	"time"

	"github.com/lockstephq/lockstep/internal/db"
	"github.com/lockstephq/lockstep/internal/syncstate"
)

// Reserve keeps attempts of a resource from starting until Release is called, or for
// at most timeout. It reports false, and reserves nothing, while an attempt runs. Use
// it only while removing something from the target that an attempt might use.
func (e *Engine) Reserve(tx *db.Tx, resourceID int64, timeout time.Duration) (bool, error) {
	if _, err := syncstate.LockResource(tx, resourceID); err != nil {
		return false, err
	}
	_, running, err := syncstate.RunningAttempt(tx, resourceID)
	if err != nil || running {
		return false, err
	}
	return true, syncstate.ReserveResource(tx, resourceID, tx.Now.Add(timeout))
}

// Release ends a reservation, and starts an attempt if a revision has become desired
// meanwhile.
func (e *Engine) Release(tx *db.Tx, resourceID int64) error {
	resource, err := syncstate.LockResource(tx, resourceID)
	if err != nil {
		return err
	}
	if err := syncstate.ReserveResource(tx, resourceID, time.UnixMilli(0)); err != nil || !resource.IsBehind() {
		return err
	}
	return e.queue.Wake(tx, resourceJob{ResourceID: resourceID}, tx.Now)
}
