package syncstate

import (
	"strconv"
	"strings"
	"time"

	"github.com/lockstephq/lockstep"
	"github.com/lockstephq/lockstep/internal/db"
	"github.com/lockstephq/lockstep/internal/store"
)

// A FleetEntry is a sync configuration with the status of its resource. The fields
// of the latest attempt are zero before the first.
type FleetEntry struct {
	Configuration lockstep.SyncConfiguration
	LinkARN       lockstep.ARN // of the configuration's link
	ConnectionARN lockstep.ARN // of that link's connection
	Status        lockstep.ResourceSyncStatus
	TargetSHA     lockstep.SHA
	StartedAt     time.Time
	DesiredSHA    lockstep.SHA
	Blocked       bool
}

// A FleetFilter selects entries that match all of its fields; "" and nil match
// all.
type FleetFilter struct {
	SyncType       lockstep.SyncType
	LinkID         string
	OwnerID        string
	RepositoryName string
	Branch         string
	Status         lockstep.ResourceSyncStatus
	NeverSynced    *bool // whether it has no attempt
	Blocked        *bool
}

// conditions returns the conditions of a filter, over c, l, r and a of
// fleetTables.
func (f FleetFilter) conditions(account lockstep.AccountID, region string) *conditions {
	where := &conditions{}
	where.and("c.account = ? AND c.region = ?", account, region)
	for _, equal := range []struct{ column, value string }{
		{"c.sync_type", string(f.SyncType)},
		{"c.link_id", f.LinkID},
		{"c.branch", f.Branch},
		{"l.owner_id", f.OwnerID},
		{"l.repository_name", f.RepositoryName},
		{"a.status", string(f.Status)},
	} {
		if equal.value != "" {
			where.and(equal.column+" = ?", equal.value)
		}
	}

	if f.NeverSynced != nil {
		where.and(map[bool]string{true: "a.seq IS NULL", false: "a.seq IS NOT NULL"}[*f.NeverSynced])
	}

	if f.Blocked != nil {
		where.and(map[bool]string{true: "", false: "NOT "}[*f.Blocked] + isBlocked)
	}

	return where
}

const isBlocked = `EXISTS (SELECT 1 FROM sync_blocker b WHERE b.resource_id = r.id AND b.status = 'ACTIVE')`

// fleetTables continues [store.ConfigurationColumns]: r is the configuration's
// resource, a its latest attempt for this configuration.
const fleetTables = `LEFT JOIN resource r ON r.configuration_id = c.id
	LEFT JOIN resource_sync_attempt a ON a.seq = r.latest_seq `

// Fleet returns a page of the caller's resources with their status, by sync type
// and name. It is one SELECT, fit for [db.DB.ViewOnce].
func Fleet(
	tx *db.Tx, account lockstep.AccountID, region string, f FleetFilter, page db.Page,
) ([]FleetEntry, db.Cursor, error) {
	where := f.conditions(account, region)
	if page.After != (db.Cursor{}) {
		afterType, afterName, _ := strings.Cut(page.After.Text, "/")
		where.and("(c.sync_type, c.resource_name) > (?, ?)", afterType, afterName)
	}

	return db.SelectPage(tx, page, scanFleetEntry, func(e FleetEntry) db.Cursor {
		return db.Cursor{Text: string(e.Configuration.SyncType) + "/" + e.Configuration.ResourceName}
	}, `SELECT l.arn, l.connection_arn, coalesce(r.desired_sha, ''), coalesce(a.status, ''),
		coalesce(a.target_sha, ''), a.started_at, `+isBlocked+`, `+store.ConfigurationColumns+fleetTables+
		where.clause()+` ORDER BY c.sync_type, c.resource_name `+where.limit(), where.args...)
}

func scanFleetEntry(row db.Scanner) (FleetEntry, error) {
	var entry FleetEntry
	var started *int64
	var err error
	entry.Configuration, err = store.ScanConfiguration(row, &entry.LinkARN, &entry.ConnectionARN, &entry.DesiredSHA,
		&entry.Status, &entry.TargetSHA, &started, &entry.Blocked)
	entry.StartedAt = db.TimeOrZero(started)
	return entry, err
}

// A FleetCount counts resources. ByStatus and NeverSynced add up to Total; Blocked
// resources are also counted in those.
type FleetCount struct {
	Total       int
	NeverSynced int
	Blocked     int
	ByStatus    map[lockstep.ResourceSyncStatus]int
}

// FleetCounts counts the caller's resources that match a filter. It does not apply
// policies: if the caller may not read all resources, read the entries and count
// them with [FleetCount.Add].
func FleetCounts(tx *db.Tx, account lockstep.AccountID, region string, f FleetFilter) (FleetCount, error) {
	count := FleetCount{ByStatus: map[lockstep.ResourceSyncStatus]int{}}
	where := f.conditions(account, region)
	rows, err := tx.Query(`SELECT s.status, s.blocked, count(*) FROM (
		SELECT coalesce(a.status, '') AS status, `+isBlocked+` AS blocked
		FROM sync_configuration c JOIN repository_link l ON l.id = c.link_id `+fleetTables+where.clause()+`) s
		GROUP BY s.status, s.blocked`, where.args...)
	if err != nil {
		return count, err
	}
	defer rows.Close()

	for rows.Next() {
		var status lockstep.ResourceSyncStatus
		var blocked bool
		var n int
		if err := rows.Scan(&status, &blocked, &n); err != nil {
			return count, err
		}

		count.add(status, blocked, n)
	}

	return count, rows.Err()
}

func (c *FleetCount) add(status lockstep.ResourceSyncStatus, blocked bool, n int) {
	c.Total += n
	if blocked {
		c.Blocked += n
	}
	if status == "" {
		c.NeverSynced += n
		return
	}
	c.ByStatus[status] += n
}

// Add counts an entry.
func (c *FleetCount) Add(entry FleetEntry) {
	if c.ByStatus == nil {
		c.ByStatus = map[lockstep.ResourceSyncStatus]int{}
	}
	c.add(entry.Status, entry.Blocked, 1)
}

// conditions builds the WHERE clause of a list. It contains only the conditions
// that are set, so that the planner can choose the best index.
type conditions struct {
	list []string
	args []any
}

// and adds a condition with a ? for each value.
func (c *conditions) and(condition string, values ...any) {
	for _, value := range values {
		condition = strings.Replace(condition, "?", c.arg(value), 1)
	}
	c.list = append(c.list, condition)
}

// arg adds a value and returns its placeholder.
func (c *conditions) arg(value any) string {
	c.args = append(c.args, value)
	return "$" + strconv.Itoa(len(c.args))
}

// limit returns a LIMIT whose value is appended to args.
func (c *conditions) limit() string { return "LIMIT $" + strconv.Itoa(len(c.args)+1) }

// clause returns the WHERE clause.
func (c *conditions) clause() string { return "WHERE " + strings.Join(c.list, " AND ") }
