package syncstate

import (
	"encoding/json"
	"fmt"
	"math"

	"github.com/lockstephq/lockstep"
	"github.com/lockstephq/lockstep/internal/db"
)

// An AttemptEntry is a resource sync attempt in a history, without its events.
type AttemptEntry struct {
	lockstep.ResourceSyncAttempt
	Resource lockstep.Resource
	// Configuration is the sync configuration when the attempt began, without its
	// switches and CreatedAt. It may have been deleted since.
	Configuration lockstep.SyncConfiguration
	LastEvent     string // "" before the first event
}

// An AttemptRecord is a resource sync attempt with its events and plan.
type AttemptRecord struct {
	AttemptEntry
	Plan *lockstep.Plan // nil if nothing was proposed
}

const selectEntries = `SELECT a.seq, r.account, r.region, r.sync_type, r.name,
	coalesce((SELECT e.message FROM sync_event e WHERE e.resource_attempt_id = a.id ORDER BY e.id DESC LIMIT 1), ''),
	a.id, a.resource_id, a.configuration, a.desired_seq, a.status, a.outcome, a.initial_revision, a.target_revision,
	a.target, NULL, a.intent, a.tries, a.not_before, a.started_at, a.ended_at
	FROM resource_sync_attempt a JOIN resource r ON r.id = a.resource_id `

// A numberedEntry is an entry with its number, which orders the list.
type numberedEntry struct {
	AttemptEntry
	seq int64
}

func scanEntry(row db.Scanner) (numberedEntry, error) {
	var entry numberedEntry
	resource := &entry.Resource
	attempt, err := scanAttempt(row, &entry.seq, &resource.Account, &resource.Region, &resource.SyncType,
		&resource.Name, &entry.LastEvent)
	entry.ResourceSyncAttempt, entry.Configuration = attempt.ResourceSyncAttempt, attempt.Configuration
	return entry, err
}

// Attempts returns a page of the attempts of a resource of the caller, newest
// first. The attempts of former configurations are included. A resource that was
// never configured has none.
func Attempts(tx *db.Tx, resource lockstep.Resource, page db.Page) ([]AttemptEntry, db.Cursor, error) {
	before := int64(math.MaxInt64)
	if page.After != (db.Cursor{}) {
		before = page.After.Number
	}

	placed, next, err := db.SelectPage(tx, page, scanEntry, func(entry numberedEntry) db.Cursor {
		return db.Cursor{Number: entry.seq}
	}, selectEntries+`WHERE a.resource_id = (SELECT id FROM resource
			WHERE account = $1 AND region = $2 AND sync_type = $3 AND name = $4)
		AND a.seq < $5 ORDER BY a.seq DESC LIMIT $6`,
		resource.Account, resource.Region, resource.SyncType, resource.Name, before)
	list := make([]AttemptEntry, len(placed))
	for i, entry := range placed {
		list[i] = entry.AttemptEntry
	}

	return list, next, err
}

// Attempt returns a resource sync attempt of the caller. The error is NotFound if
// there is none.
func Attempt(tx *db.Tx, account lockstep.AccountID, region, id string) (AttemptRecord, error) {
	entry, err := scanEntry(tx.QueryRow(selectEntries+`WHERE a.id = $1 AND r.account = $2 AND r.region = $3`,
		id, account, region))
	if err != nil {
		return AttemptRecord{}, notFoundAs(err, NoAttempt(id))
	}
	record := AttemptRecord{AttemptEntry: entry.AttemptEntry}
	if record.Events, err = ResourceEvents(tx, id); err != nil {
		return record, err
	}
	record.Plan, err = plan(tx, id)
	return record, err
}

func plan(tx *db.Tx, attemptID string) (*lockstep.Plan, error) {
	var text *string
	err := tx.QueryRow(`SELECT plan FROM resource_sync_attempt WHERE id = $1`, attemptID).Scan(&text)
	if err != nil || text == nil {
		return nil, err
	}
	plan := new(lockstep.Plan)
	if err := json.Unmarshal([]byte(*text), plan); err != nil {
		return nil, fmt.Errorf("decode the plan of attempt %s: %w", attemptID, err)
	}
	return plan, nil
}
