package syncstate

import (
	"slices"
	"time"

	"github.com/lockstephq/lockstep"
	"github.com/lockstephq/lockstep/internal/db"
)

// A SyncEvent is an event with the attempt it belongs to. That of a repository
// sync has no resource.
type SyncEvent struct {
	ID int64
	lockstep.Event
	AttemptID string
	Status    string // the attempt's, now
	SHA       lockstep.SHA
	Resource  lockstep.Resource
	LinkID    string
	Branch    string
}

// An EventFilter narrows the caller's events to those of a resource; the zero
// filter lets all through.
type EventFilter struct {
	SyncType     lockstep.SyncType
	ResourceName string
}

const (
	// maxCommitTime is how long an id that is missing between two events may still
	// turn up: as long as a transaction that writes one may take to commit.
	maxCommitTime = 10 * time.Second
	// stableWindow is how many ids are looked at for gaps in one reading.
	stableWindow = 1000
)

// NewestEvents reads the caller's last events, oldest first, and the place to go
// on from.
func NewestEvents(tx *db.Tx, account lockstep.AccountID, region string, filter EventFilter, limit int) ([]SyncEvent, int64, error) {
	var newest int64
	if err := tx.QueryRow(`SELECT coalesce(max(id), 0) FROM sync_event`).Scan(&newest); err != nil {
		return nil, 0, err
	}

	settled, err := lastStableEvent(tx, max(0, newest-stableWindow))
	if err != nil {
		return nil, 0, err
	}

	list, err := db.Select(tx, scanSyncEvent, selectSyncEvents+`AND e.id <= $5 ORDER BY e.id DESC LIMIT $6`,
		account, region, filter.SyncType, filter.ResourceName, settled, limit)
	slices.Reverse(list)
	return list, settled, err
}

// SyncEvents reads the caller's events after a place, oldest first, and the
// place to go on from: none is ever skipped that way, and none comes twice.
func SyncEvents(tx *db.Tx, account lockstep.AccountID, region string, filter EventFilter, after int64, limit int) ([]SyncEvent, int64, error) {
	settled, err := lastStableEvent(tx, after)
	if err != nil {
		return nil, after, err
	}
	list, err := db.Select(tx, scanSyncEvent, selectSyncEvents+`AND e.id > $5 AND e.id <= $6 ORDER BY e.id LIMIT $7`,
		account, region, filter.SyncType, filter.ResourceName, after, settled, limit)
	if len(list) == limit {
		settled = list[limit-1].ID
	}
	return list, settled, err
}

// lastStableEvent gives the last event of a row of events without gaps that begins
// after a place. PostgreSQL gives ids before it commits: a missing id is either
// an event that is about to be committed or one that never will be, and only
// time tells which.
func lastStableEvent(tx *db.Tx, after int64) (int64, error) {
	rows, err := tx.Query(`SELECT id, at FROM sync_event WHERE id > $1 ORDER BY id LIMIT $2`, after, stableWindow)
	if err != nil {
		return after, err
	}
	defer rows.Close()

	old := db.Millis(tx.Now.Add(-maxCommitTime))
	settled := after
	for rows.Next() {
		var id, at int64
		if err := rows.Scan(&id, &at); err != nil {
			return after, err
		}
		if id != settled+1 && at > old {
			break
		}

		settled = id
	}

	rows.Close()
	return settled, rows.Err()
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
	err := row.Scan(&event.ID, &at, &event.Type, &event.Message, &event.ExternalID, &event.AttemptID, &event.Status, &event.SHA,
		&event.Resource.Account, &event.Resource.Region, &event.Resource.SyncType, &event.Resource.Name,
		&target, &event.LinkID, &event.Branch)
	if err != nil {
		return event, err
	}

	event.Time = db.Time(at)
	if event.Resource.Name == "" {
		event.Resource = lockstep.Resource{}
		return event, nil
	}

	rev, err := decodeRevision(target)
	event.Branch = rev.Branch
	return event, err
}
