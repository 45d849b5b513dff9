package syncstate

import (
	"encoding/json"
	"errors"
	"fmt"

	"github.com/lockstephq/lockstep"
	"github.com/lockstephq/lockstep/internal/db"
)

// blockerColumns are the columns of sync_blocker b.
const blockerColumns = `b.id, b.type, b.status, b.created_reason, b.created_at, b.contexts, b.resolved_reason,
	b.resolved_at`

// A rawBlocker holds the columns of a blocker.
type rawBlocker struct {
	lockstep.Blocker
	created  int64
	contexts string
	resolved *int64
}

func (r *rawBlocker) columns() []any {
	return []any{&r.ID, &r.Type, &r.Status, &r.CreatedReason, &r.created, &r.contexts, &r.ResolvedReason, &r.resolved}
}

func (r *rawBlocker) blocker() (lockstep.Blocker, error) {
	b := r.Blocker
	b.CreatedAt = db.Time(r.created)
	if r.resolved != nil {
		b.ResolvedAt = db.Time(*r.resolved)
	}

	var list []struct{ Key, Value string }
	if err := json.Unmarshal([]byte(r.contexts), &list); err != nil {
		return b, fmt.Errorf("decode contexts of blocker %s: %w", b.ID, err)
	}

	for _, c := range list {
		b.Contexts = append(b.Contexts, lockstep.Context(c))
	}

	return b, nil
}

func scanBlocker(row db.Scanner) (lockstep.Blocker, error) {
	var raw rawBlocker
	if err := row.Scan(raw.columns()...); err != nil {
		return lockstep.Blocker{}, err
	}
	return raw.blocker()
}

// InsertBlocker creates an active blocker for a resource. If the resource has one
// already, it is kept.
func InsertBlocker(tx *db.Tx, resourceID int64, reason string, contexts []lockstep.Context) error {
	type stored struct {
		Key   string `json:"key"`
		Value string `json:"value"`
	}
	list := make([]stored, 0, len(contexts))
	for _, c := range contexts {
		list = append(list, stored{Key: c.Key, Value: storableText(c.Value)})
	}

	text, err := json.Marshal(list)
	if err != nil {
		return fmt.Errorf("encode contexts: %w", err)
	}

	_, err = tx.Exec(`INSERT INTO sync_blocker (id, resource_id, type, status, created_reason, created_at, contexts)
		VALUES ($1, $2, 'AUTOMATED', 'ACTIVE', $3, $4, $5) ON CONFLICT DO NOTHING`,
		newID(), resourceID, storableText(reason), db.Millis(tx.Now), string(text))
	return err
}

// ActiveBlocker returns the active blocker of a resource, or false if it has none.
func ActiveBlocker(tx *db.Tx, resourceID int64) (lockstep.Blocker, bool, error) {
	blocker, err := scanBlocker(tx.QueryRow(`SELECT `+blockerColumns+` FROM sync_blocker b
		WHERE b.resource_id = $1 AND b.status = 'ACTIVE'`, resourceID))
	if errors.Is(err, db.ErrNoRows) {
		return lockstep.Blocker{}, false, nil
	}
	return blocker, err == nil, err
}

// ResolveBlocker resolves the active blocker of a resource. It reports whether
// there was one.
func ResolveBlocker(tx *db.Tx, resourceID int64, reason string) (bool, error) {
	changed, err := tx.Exec(`UPDATE sync_blocker SET status = 'RESOLVED', resolved_reason = $2, resolved_at = $3
		WHERE resource_id = $1 AND status = 'ACTIVE'`, resourceID, storableText(reason), db.Millis(tx.Now))
	return changed > 0, err
}

// ResolveBlockerByID is [ResolveBlocker] for one blocker. It returns false if that
// blocker does not exist, is not active, or belongs to another resource.
func ResolveBlockerByID(tx *db.Tx, resourceID int64, id, reason string) (bool, error) {
	changed, err := tx.Exec(`UPDATE sync_blocker SET status = 'RESOLVED', resolved_reason = $3, resolved_at = $4
		WHERE resource_id = $1 AND id = $2 AND status = 'ACTIVE'`, resourceID, id, storableText(reason),
		db.Millis(tx.Now))
	return changed > 0, err
}
