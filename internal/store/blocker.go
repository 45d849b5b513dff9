package store

import (
	"encoding/json"
	"errors"
	"fmt"

	"github.com/google/uuid"

	"github.com/lockstephq/lockstep"
	"github.com/lockstephq/lockstep/internal/db"
)

// InsertBlocker stops a resource until the blocker is resolved. A resource that
// is stopped already keeps the blocker it has.
func InsertBlocker(tx *db.Tx, resourceID int64, reason string, contexts []lockstep.Context) error {
	type stored struct {
		Key   string `json:"key"`
		Value string `json:"value"`
	}
	list := make([]stored, 0, len(contexts))
	for _, c := range contexts {
		list = append(list, stored(c))
	}
	text, err := json.Marshal(list)
	if err != nil {
		return fmt.Errorf("encode contexts: %w", err)
	}
	_, err = tx.Exec(`INSERT INTO sync_blocker (id, resource_id, type, status, created_reason, created_at, contexts)
		VALUES ($1, $2, 'AUTOMATED', 'ACTIVE', $3, $4, $5) ON CONFLICT DO NOTHING`,
		uuid.NewString(), resourceID, storable(reason), db.Millis(tx.Now), string(text))
	return err
}

// ActiveBlocker gives the blocker that stops a resource, false if none does.
func ActiveBlocker(tx *db.Tx, resourceID int64) (lockstep.Blocker, bool, error) {
	b := lockstep.Blocker{}
	var created int64
	var contexts string
	err := tx.QueryRow(`SELECT id, type, status, created_reason, created_at, contexts FROM sync_blocker
		WHERE resource_id = $1 AND status = 'ACTIVE'`, resourceID).
		Scan(&b.ID, &b.Type, &b.Status, &b.CreatedReason, &created, &contexts)
	if errors.Is(err, db.ErrNoRows) {
		return lockstep.Blocker{}, false, nil
	}
	if err != nil {
		return lockstep.Blocker{}, false, err
	}
	b.CreatedAt = db.Time(created)
	var list []struct{ Key, Value string }
	if err := json.Unmarshal([]byte(contexts), &list); err != nil {
		return lockstep.Blocker{}, false, fmt.Errorf("decode contexts of blocker %s: %w", b.ID, err)
	}
	for _, c := range list {
		b.Contexts = append(b.Contexts, lockstep.Context(c))
	}
	return b, true, nil
}

// ResolveBlocker resolves the blocker of a resource, if one is active, and says
// whether there was one.
func ResolveBlocker(tx *db.Tx, resourceID int64, reason string) (bool, error) {
	n, err := tx.Exec(`UPDATE sync_blocker SET status = 'RESOLVED', resolved_reason = $2, resolved_at = $3
		WHERE resource_id = $1 AND status = 'ACTIVE'`, resourceID, reason, db.Millis(tx.Now))
	return n > 0, err
}
