package syncstate

import (
	"strconv"
	"strings"
	"time"

	"github.com/lockstephq/lockstep"
	"github.com/lockstephq/lockstep/internal/db"
	"github.com/lockstephq/lockstep/internal/store"
)

// A FleetEntry is a sync configuration with where its resource stands. What
// its latest attempt would tell is zero before the first.
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

// A FleetFilter narrows the fleet: an entry must fit all that is given. "" and
// nil let all through.
type FleetFilter struct {
	SyncType       lockstep.SyncType
	LinkID         string
	OwnerID        string
	RepositoryName string
	Branch         string
	Status         lockstep.ResourceSyncStatus
	NeverSynced    *bool // whether there was no attempt yet
	Blocked        *bool
}

// conditions gives what c, l, r and a of fleetTables must fit.
func (f FleetFilter) conditions(account lockstep.AccountID, region string) *conditions {
	w := &conditions{}
	w.and("c.account = ? AND c.region = ?", account, region)
	for _, narrow := range []struct{ column, value string }{
		{"c.sync_type", string(f.SyncType)}, {"c.link_id", f.LinkID}, {"c.branch", f.Branch},
		{"l.owner_id", f.OwnerID}, {"l.repository_name", f.RepositoryName}, {"a.status", string(f.Status)},
	} {
		if narrow.value != "" {
			w.and(narrow.column+" = ?", narrow.value)
		}
	}

	if f.NeverSynced != nil {
		w.and(map[bool]string{true: "a.seq IS NULL", false: "a.seq IS NOT NULL"}[*f.NeverSynced])
	}

	if f.Blocked != nil {
		w.and(map[bool]string{true: "", false: "NOT "}[*f.Blocked] + isBlocked)
	}

	return w
}

const isBlocked = `EXISTS (SELECT 1 FROM sync_blocker b WHERE b.resource_id = r.id AND b.status = 'ACTIVE')`

// fleetTables goes on from store.ConfigurationColumns: r is the configuration's
// resource, a its latest attempt for this configuration.
const fleetTables = `LEFT JOIN resource r ON r.configuration_id = c.id
	LEFT JOIN resource_sync_attempt a ON a.seq = r.latest_seq `

// Fleet reads a page of the caller's resources by sync type and name, each with
// its latest status. It is one SELECT, fit for [db.DB.Peek].
func Fleet(tx *db.Tx, account lockstep.AccountID, region string, f FleetFilter, page db.Page) ([]FleetEntry, db.Cursor, error) {
	w := f.conditions(account, region)
	if page.After != (db.Cursor{}) {
		afterType, afterName, _ := strings.Cut(page.After.Text, "/")
		w.and("(c.sync_type, c.resource_name) > (?, ?)", afterType, afterName)
	}

	return db.SelectPage(tx, page, scanFleetEntry, func(e FleetEntry) db.Cursor {
		return db.Cursor{Text: string(e.Configuration.SyncType) + "/" + e.Configuration.ResourceName}
	}, `SELECT l.arn, l.connection_arn, coalesce(r.desired_sha, ''), coalesce(a.status, ''),
		coalesce(a.target_sha, ''), a.started_at, `+isBlocked+`, `+store.ConfigurationColumns+fleetTables+
		w.text()+` ORDER BY c.sync_type, c.resource_name `+w.limit(), w.args...)
}

func scanFleetEntry(row db.Scanner) (FleetEntry, error) {
	var entry FleetEntry
	var started *int64
	var err error
	entry.Configuration, err = store.ScanConfiguration(row, &entry.LinkARN, &entry.ConnectionARN, &entry.DesiredSHA, &entry.Status,
		&entry.TargetSHA, &started, &entry.Blocked)
	entry.StartedAt = db.TimeOrZero(started)
	return entry, err
}

// FleetCount is how many resources stand where. The statuses and NeverSynced
// add up to Total; Blocked is counted beside.
type FleetCount struct {
	Total       int
	NeverSynced int
	Blocked     int
	ByStatus    map[lockstep.ResourceSyncStatus]int
}

// FleetCounts counts all of the caller's resources that a filter lets through.
// It knows no policies: for whoever may not read them all, the entries have to
// be read and counted.
func FleetCounts(tx *db.Tx, account lockstep.AccountID, region string, f FleetFilter) (FleetCount, error) {
	count := FleetCount{ByStatus: map[lockstep.ResourceSyncStatus]int{}}
	w := f.conditions(account, region)
	rows, err := tx.Query(`SELECT s.status, s.blocked, count(*) FROM (
		SELECT coalesce(a.status, '') AS status, `+isBlocked+` AS blocked
		FROM sync_configuration c JOIN repository_link l ON l.id = c.link_id `+fleetTables+w.text()+`) s
		GROUP BY s.status, s.blocked`, w.args...)
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

// Add counts an entry, for whoever counts what they have read.
func (c *FleetCount) Add(entry FleetEntry) {
	if c.ByStatus == nil {
		c.ByStatus = map[lockstep.ResourceSyncStatus]int{}
	}
	c.add(entry.Status, entry.Blocked, 1)
}

// conditions are the WHERE of a list that can be narrowed. Only what is asked
// for stands in the text, so that each question gets the plan that fits it.
type conditions struct {
	list []string
	args []any
}

// and adds a condition with a ? for each value.
func (w *conditions) and(condition string, values ...any) {
	for _, v := range values {
		condition = strings.Replace(condition, "?", w.arg(v), 1)
	}
	w.list = append(w.list, condition)
}

// arg adds a value and gives its placeholder.
func (w *conditions) arg(v any) string {
	w.args = append(w.args, v)
	return "$" + strconv.Itoa(len(w.args))
}

// limit returns a LIMIT whose value is appended to args.
func (w *conditions) limit() string { return "LIMIT $" + strconv.Itoa(len(w.args)+1) }

func (w *conditions) text() string { return "WHERE " + strings.Join(w.list, " AND ") }
