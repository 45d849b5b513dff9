package syncstate

import (
	"math"

	"github.com/lockstephq/lockstep"
	"github.com/lockstephq/lockstep/internal/db"
	"github.com/lockstephq/lockstep/internal/store"
)

// Blockers returns the newest blockers of a configuration's resource, newest
// first, including resolved ones. Blockers from before the configuration was
// created are left out.
func Blockers(tx *db.Tx, cfg lockstep.SyncConfiguration, limit int) ([]lockstep.Blocker, error) {
	resource := cfg.Resource()
	return db.Select(tx, scanBlocker, `SELECT `+blockerColumns+` FROM sync_blocker b
		WHERE b.resource_id = (SELECT id FROM resource
			WHERE account = $1 AND region = $2 AND sync_type = $3 AND name = $4) AND b.created_at >= $5
		ORDER BY b.created_at DESC, b.id DESC LIMIT $6`,
		resource.Account, resource.Region, resource.SyncType, resource.Name, db.Millis(cfg.CreatedAt), limit)
}

// BlockerByID returns a blocker of a configuration's resource. The error is
// NotFound if there is none, if it belongs to another resource, or if it is older
// than the configuration.
func BlockerByID(tx *db.Tx, cfg lockstep.SyncConfiguration, id string) (lockstep.Blocker, error) {
	resource := cfg.Resource()
	blocker, err := scanBlocker(tx.QueryRow(`SELECT `+blockerColumns+` FROM sync_blocker b
		JOIN resource r ON r.id = b.resource_id
		WHERE b.id = $1 AND r.account = $2 AND r.region = $3 AND r.sync_type = $4 AND r.name = $5
		AND b.created_at >= $6`,
		id, resource.Account, resource.Region, resource.SyncType, resource.Name, db.Millis(cfg.CreatedAt)))
	return blocker, notFoundAs(err, lockstep.Errorf(lockstep.NotFound, "Could not find sync blocker: %s", id))
}

// A FleetBlocker is a blocker with the sync configuration of its resource.
type FleetBlocker struct {
	lockstep.Blocker
	Configuration lockstep.SyncConfiguration
	LinkARN       lockstep.ARN // of the configuration's link
	ConnectionARN lockstep.ARN // of that link's connection
}

// A BlockerFilter selects blockers that match all of its fields; "" matches all.
type BlockerFilter struct {
	Status       lockstep.BlockerStatus
	SyncType     lockstep.SyncType
	ResourceName string
}

// FleetBlockers returns a page of the blockers of all of the caller's resources,
// newest first. As with [Blockers], those of deleted configurations are left out.
// It is one SELECT, fit for [db.DB.ViewOnce].
func FleetBlockers(
	tx *db.Tx, account lockstep.AccountID, region string, filter BlockerFilter, page db.Page,
) ([]FleetBlocker, db.Cursor, error) {
	where := &conditions{}
	where.and("c.account = ? AND c.region = ?", account, region)
	for _, equal := range []struct{ column, value string }{
		{"b.status", string(filter.Status)},
		{"c.sync_type", string(filter.SyncType)},
		{"c.resource_name", filter.ResourceName},
	} {
		if equal.value != "" {
			where.and(equal.column+" = ?", equal.value)
		}
	}

	before := db.Cursor{Number: math.MaxInt64}
	if page.After != (db.Cursor{}) {
		before = page.After
	}

	where.and("(b.created_at, b.id) < (?, ?)", before.Number, before.Text)
	return db.SelectPage(tx, page, scanFleetBlocker, func(b FleetBlocker) db.Cursor {
		return db.Cursor{Number: db.Millis(b.CreatedAt), Text: b.ID}
	}, `SELECT l.arn, l.connection_arn, `+blockerColumns+`, `+store.ConfigurationColumns+`
		JOIN resource r ON r.configuration_id = c.id
		JOIN sync_blocker b ON b.resource_id = r.id AND b.created_at >= c.created_at `+
		where.clause()+` ORDER BY b.created_at DESC, b.id DESC `+where.limit(), where.args...)
}

func scanFleetBlocker(row db.Scanner) (FleetBlocker, error) {
	var b FleetBlocker
	var raw rawBlocker
	var err error
	b.Configuration, err = store.ScanConfiguration(row,
		append([]any{&b.LinkARN, &b.ConnectionARN}, raw.columns()...)...)
	if err != nil {
		return b, err
	}
	b.Blocker, err = raw.blocker()
	return b, err
}
