package syncstate

import (
	"slices"
	"time"

	"github.com/lockstephq/lockstep"
	"github.com/lockstephq/lockstep/internal/db"
)

// A SyncEvent is an event with its attempt. An event of a repository sync has no
// resource.
type SyncEvent struct {
	ID int64
	lockstep.Event
	AttemptID string
	Status    string // of the attempt, now
	SHA       lockstep.SHA
	Resource  lockstep.Resource
	LinkID    string
	Branch    string
}

// An EventFilter selects the events of a resource; the zero value selects all.
type EventFilter struct {
	SyncType     lockstep.SyncType
	ResourceName string
}

const (
	// maxCommitTime is how long a transaction that writes an event may take to commit.
	// A missing id may appear until then.
	maxCommitTime = 10 * time.Second
	// stableWindow is the number of ids that one call checks for gaps.
	stableWindow = 1000
)

// NewestEvents returns the caller's last events, oldest first, and the position
// after them.
func NewestEvents(
	tx *db.Tx, account lockstep.AccountID, region string, filter EventFilter, limit int,
) ([]SyncEvent, int64, error) {
	var newest int64
	if err := tx.QueryRow(`SELECT coalesce(max(id), 0) FROM sync_event`).Scan(&newest); err != nil {
		return nil, 0, err
	}

	stable, err := lastStableEvent(tx, max(0, newest-stableWindow))
	if err != nil {
		return nil, 0, err
	}

	list, err := db.Select(tx, scanSyncEvent, selectSyncEvents+`AND e.id <= $5 ORDER BY e.id DESC LIMIT $6`,
		account, region, filter.SyncType, filter.ResourceName, stable, limit)
	slices.Reverse(list)
	return list, stable, err
}

// SyncEvents returns the caller's events after a position, oldest first, and the
// position after them. Reading on from there returns each event exactly once.
func SyncEvents(
	tx *db.Tx, account lockstep.AccountID, region string, filter EventFilter, after int64, limit int,
) ([]SyncEvent, int64, error) {
	stable, err := lastStableEvent(tx, after)
	if err != nil {
		return nil, after, err
	}
	list, err := db.Select(tx, scanSyncEvent, selectSyncEvents+`AND e.id > $5 AND e.id <= $6 ORDER BY e.id LIMIT $7`,
		account, region, filter.SyncType, filter.ResourceName, after, stable, limit)
	if len(list) == limit {
		stable = list[limit-1].ID
	}
	return list, stable, err
}

// lastStableEvent returns the last of the events after a position that have no gap
// before them. PostgreSQL assigns ids before it commits, so a missing id may still
// appear. It is passed over once the event after it is older than maxCommitTime.
func lastStableEvent(tx *db.Tx, after int64) (int64, error) {
	rows, err := tx.Query(`SELECT id, at FROM sync_event WHERE id > $1 ORDER BY id LIMIT $2`, after, stableWindow)
	if err != nil {
		return after, err
	}
	defer rows.Close()

	old := db.Millis(tx.Now.Add(-maxCommitTime))
	stable := after
	for rows.Next() {
		var id, at int64
		if err := rows.Scan(&id, &at); err != nil {
			return after, err
		}
		if id != stable+1 && at > old {
			break
		}

		stable = id
	}

	rows.Close()
	return stable, rows.Err()
}

const selectSyncEvents = `SELECT e.id, e.at, e.type, e.message, e.external_id,
	coalesce(a.id, p.id), coalesce(a.status, p.status), coalesce(a.target_sha, p.sha),
	coalesce(r.account, l.account), coalesce(r.region, l.region), coalesce(r.sync_type, ''), coalesce(r.name, ''),
	coalesce(a.target_revision, ''), coalesce(p.link_id, ''), coalesce(p.branch, '')
	FROM sync_event e
	LEFT JOIN resource_sync_attempt a ON a.id = e.resource_attempt_id
	LEFT JOIN resource r ON r.id = a.resource_id
	LEFT JOIN repository_sync_attempt p ON p.id = e.repository_attempt_id
	LEFT JOIN repository_link l ON l.id = p.link_id
	WHERE coalesce(r.account, l.account) = $1 AND coalesce(r.region, l.region) = $2
	AND ($3 = '' OR r.sync_type = $3) AND ($4 = '' OR r.name = $4) `

func scanSyncEvent(row db.Scanner) (SyncEvent, error) {
	var event SyncEvent
	var at int64
	var target string
	err := row.Scan(&event.ID, &at, &event.Type, &event.Message, &event.ExternalID, &event.AttemptID, &event.Status,
		&event.SHA, &event.Resource.Account, &event.Resource.Region, &event.Resource.SyncType, &event.Resource.Name,
		&target, &event.LinkID, &event.Branch)
	if err != nil {
		return event, err
	}

	event.Time = db.Time(at)
	if event.Resource.Name == "" {
		event.Resource = lockstep.Resource{}
		return event, nil
	}

	rev, err := decode[lockstep.Revision](target)
	event.Branch = rev.Branch
	return event, err
}
