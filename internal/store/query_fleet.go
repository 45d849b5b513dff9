package store

import (
	"strings"
	"time"

	"github.com/lockstephq/lockstep"
	"github.com/lockstephq/lockstep/internal/db"
)

// A FleetEntry is a sync configuration with where its resource stands. What
// its latest attempt would tell is zero before the first.
type FleetEntry struct {
	Configuration lockstep.SyncConfiguration
	Status        lockstep.ResourceSyncStatus
	TargetSHA     lockstep.SHA
	StartedAt     time.Time
	DesiredSHA    lockstep.SHA
	Blocked       bool
}

// A FleetFilter narrows the fleet; "" lets all through.
type FleetFilter struct {
	LinkID string
	Status lockstep.ResourceSyncStatus
}

// Fleet reads a page of the caller's resources by sync type and name, each with
// its latest status.
func Fleet(tx *db.Tx, account lockstep.AccountID, region string, f FleetFilter, p Page) ([]FleetEntry, Cursor, error) {
	afterType, afterName, _ := strings.Cut(p.After.Text, "/")
	rows, err := tx.Query(`SELECT c.sync_type, c.resource_name, c.link_id, c.branch, c.config_file, l.repository_name,
		coalesce(r.desired_sha, ''), coalesce(a.status, ''), coalesce(a.target_sha, ''), a.started_at,
		EXISTS (SELECT 1 FROM sync_blocker b WHERE b.resource_id = r.id AND b.status = 'ACTIVE')
		FROM sync_configuration c
		JOIN repository_link l ON l.id = c.link_id
		LEFT JOIN resource r ON r.account = c.account AND r.region = c.region AND r.sync_type = c.sync_type
			AND r.name = c.resource_name
		LEFT JOIN resource_sync_attempt a ON a.seq = (SELECT n.seq FROM resource_sync_attempt n
			WHERE n.resource_id = r.id AND n.configuration_id = c.id ORDER BY n.seq DESC LIMIT 1)
		WHERE c.account = $1 AND c.region = $2 AND (c.sync_type, c.resource_name) > ($3, $4)
			AND ($5 = '' OR c.link_id = $5) AND ($6 = '' OR a.status = $6)
		ORDER BY c.sync_type, c.resource_name LIMIT $7`,
		account, region, afterType, afterName, f.LinkID, f.Status, p.Limit+1)
	if err != nil {
		return nil, Cursor{}, err
	}
	return paged(rows, p.Limit, scanFleetEntry, func(e FleetEntry) Cursor {
		return Cursor{Text: string(e.Configuration.SyncType) + "/" + e.Configuration.ResourceName}
	})
}

func scanFleetEntry(row scanner) (FleetEntry, error) {
	var e FleetEntry
	var started *int64
	c := &e.Configuration
	err := row.Scan(&c.SyncType, &c.ResourceName, &c.LinkID, &c.Branch, &c.ConfigFile, &c.RepositoryName,
		&e.DesiredSHA, &e.Status, &e.TargetSHA, &started, &e.Blocked)
	if err == nil && started != nil {
		e.StartedAt = db.Time(*started)
	}
	return e, err
}
