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
	TargetBranch  string // of TargetSHA; the configuration may track another one since
	StartedAt     time.Time
	DesiredSHA    lockstep.SHA
	Blocked       bool
	Health        lockstep.Health
	// StatusProblem is why the Git host does not show the status of TargetSHA, "" if it does
	// or is not asked to.
	StatusProblem string
}

// A FleetFilter selects entries that match all of its fields; "" and nil match
// all.
type FleetFilter struct {
	SyncType       lockstep.SyncType
	ResourceName   string
	LinkID         string
	OwnerID        string
	RepositoryName string
	Branch         string
	Status         lockstep.ResourceSyncStatus
	Health         lockstep.HealthState
	NeverSynced    *bool // whether it has no attempt
	Blocked        *bool
}

// conditions returns the conditions of a filter, over the tables of fleetTables.
func (f FleetFilter) conditions(account lockstep.AccountID, region string) *conditions {
	where := &conditions{}
	where.and("c.account = ? AND c.region = ?", account, region)
	for _, equal := range []struct{ column, value string }{
		{"c.sync_type", string(f.SyncType)},
		{"c.resource_name", f.ResourceName},
		{"c.link_id", f.LinkID},
		{"c.branch", f.Branch},
		{"l.owner_id", f.OwnerID},
		{"l.repository_name", f.RepositoryName},
		{"a.status", string(f.Status)},
		{healthState, string(f.Health)},
	} {
		if equal.value != "" {
			where.and(equal.column+" = ?", equal.value)
		}
	}

	if f.NeverSynced != nil {
		where.and(map[bool]string{true: "a.seq IS NULL", false: "a.seq IS NOT NULL"}[*f.NeverSynced])
	}

	if f.Blocked != nil {
		where.and(map[bool]string{true: "k.id IS NOT NULL", false: "k.id IS NULL"}[*f.Blocked])
	}

	return where
}

// fleetTables continues [store.ConfigurationColumns]: r is the configuration's
// resource, a its latest attempt for this configuration, k its active blocker, and b
// its branch.
const fleetTables = `LEFT JOIN resource r ON r.configuration_id = c.id
	LEFT JOIN resource_sync_attempt a ON a.seq = r.latest_seq
	LEFT JOIN sync_blocker k ON k.resource_id = r.id AND k.status = 'ACTIVE'
	LEFT JOIN repository_branch b ON b.link_id = c.link_id AND b.branch = c.branch `

// statusProblem is the reason of the status report of the latest attempt's commit, in the
// environment of the configuration: the account of its role, and its region.
const statusProblem = `CASE WHEN c.publish_deployment_status = 'ENABLED' THEN coalesce((
	SELECT max(p.reason) FROM report_stream s JOIN status_report p ON p.stream_id = s.id
	WHERE s.link_id = c.link_id AND p.sha = a.target_sha AND s.environment LIKE '%/' || c.region
		AND (c.role_arn LIKE '%::' || substr(s.environment, 1, 12) || ':%'
			OR c.role_arn NOT LIKE 'arn:%:iam::%' AND substr(s.environment, 1, 12) = c.account)), '') ELSE '' END`

// failureReason is the message of the event that explains a failed attempt best: the
// first failure of a resource of the stack, else the first failure or block, else the
// last event. Later failures follow from the first.
const failureReason = `CASE WHEN a.outcome = 'failed' THEN coalesce(
	(SELECT e.message FROM sync_event e WHERE e.resource_attempt_id = a.id
		AND e.type = 'STACK_RESOURCE_FAILED' ORDER BY e.id LIMIT 1),
	(SELECT e.message FROM sync_event e WHERE e.resource_attempt_id = a.id
		AND (e.type LIKE '%\_FAILED' ESCAPE '\' OR e.type LIKE '%\_BLOCKED' ESCAPE '\') ORDER BY e.id LIMIT 1),
	(SELECT e.message FROM sync_event e WHERE e.resource_attempt_id = a.id ORDER BY e.id DESC LIMIT 1),
	'') ELSE '' END`

// isPinned is [ResourceState.IsPinned].
const isPinned = `(r.pinned_head <> '' AND r.desired_sha <> r.pinned_head)`

// healthState is the state of a resource's health, in the order of the constants of
// [lockstep.HealthState].
const healthState = `CASE
	WHEN k.id IS NOT NULL THEN 'BLOCKED'
	WHEN a.status IN ('INITIATED', 'IN_PROGRESS') THEN 'SYNCING'
	WHEN a.outcome = 'failed' AND r.attempted_seq >= r.desired_seq THEN 'FAILED'
	WHEN l.poll_error <> '' OR b.problem <> '' THEN 'UNKNOWN'
	WHEN a.seq IS NULL OR a.status = 'FAILED' OR r.desired_seq > r.attempted_seq
		OR ` + isPinned + ` AND r.desired_sha <> b.head AND EXISTS (SELECT 1 FROM affected_revision v
			WHERE v.resource_id = r.id AND v.sha = b.head) THEN 'BEHIND'
	ELSE 'IN_STEP' END`

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
		coalesce(a.target_sha, ''), coalesce(a.target_revision, ''), a.started_at, a.ended_at, `+healthState+`,
		coalesce(k.created_reason, ''), k.created_at, l.poll_error, l.poll_failing_since, l.next_poll_at,
		coalesce(b.problem, ''), b.problem_since, coalesce(b.head, ''), coalesce(`+isPinned+`, FALSE),
		`+failureReason+`, `+statusProblem+`, `+
		store.ConfigurationColumns+fleetTables+
		where.clause()+` ORDER BY c.sync_type, c.resource_name `+where.limit(), where.args...)
}

// healthFacts are what the health of an entry is explained with.
type healthFacts struct {
	state                        lockstep.HealthState
	ended                        *int64
	blockedReason                string
	blockedSince                 *int64
	pollError                    string
	pollFailingSince, nextPollAt *int64
	branchProblem                string
	branchProblemSince           *int64
	head                         lockstep.SHA
	isPinned                     bool
	failure                      string // the cause of a failed attempt
}

func scanFleetEntry(row db.Scanner) (FleetEntry, error) {
	var entry FleetEntry
	var facts healthFacts
	var started *int64
	var target string
	var err error
	entry.Configuration, err = store.ScanConfiguration(row, &entry.LinkARN, &entry.ConnectionARN, &entry.DesiredSHA,
		&entry.Status, &entry.TargetSHA, &target, &started, &facts.ended, &facts.state, &facts.blockedReason,
		&facts.blockedSince, &facts.pollError, &facts.pollFailingSince, &facts.nextPollAt, &facts.branchProblem,
		&facts.branchProblemSince, &facts.head, &facts.isPinned, &facts.failure,
		&entry.StatusProblem)
	if err != nil {
		return entry, err
	}

	entry.StartedAt = db.TimeOrZero(started)
	entry.Blocked = facts.state == lockstep.HealthBlocked
	if target != "" {
		revision, err := decode[lockstep.Revision](target)
		if err != nil {
			return entry, err
		}
		entry.TargetBranch = revision.Branch
	}

	entry.Health = facts.health(entry)
	return entry, nil
}

// health explains the state.
func (f healthFacts) health(entry FleetEntry) lockstep.Health {
	health := lockstep.Health{State: f.state, Since: db.TimeOrZero(f.ended)}
	problem, problemSince := f.problem()
	if problem != "" {
		health.NextProbe = db.TimeOrZero(f.nextPollAt)
	}

	switch f.state {
	case lockstep.HealthBlocked:
		health.Reason = joinSentences(f.blockedReason, f.unreadable())
		health.Since = db.TimeOrZero(f.blockedSince)
	case lockstep.HealthSyncing:
		health.Reason = f.unreadable()
		health.Since = entry.StartedAt
	case lockstep.HealthFailed:
		health.Reason = joinSentences(f.failure, f.unreadable())
	case lockstep.HealthUnknown:
		health.Reason = problem
		health.Since = problemSince
	case lockstep.HealthBehind:
		health.Reason = f.behindReason(entry)
	case lockstep.HealthInStep:
		if f.isPinned {
			health.Reason = lockstep.PinnedReason(entry.DesiredSHA, f.head, entry.Configuration.ResourceName)
		}
	}

	return health
}

// problem returns why the repository or the branch cannot be read, and since when, or
// "".
func (f healthFacts) problem() (string, time.Time) {
	polled, synced := db.TimeOrZero(f.pollFailingSince), db.TimeOrZero(f.branchProblemSince)
	switch {
	case f.pollError == "":
		return f.branchProblem, synced
	case f.branchProblem != "" && synced.Before(polled): // a repository sync has met it first
		return f.pollError, synced
	}
	return f.pollError, polled
}

// unreadable returns the sentence that the repository cannot be read, or "".
func (f healthFacts) unreadable() string {
	problem, since := f.problem()
	if problem == "" {
		return ""
	}
	return lockstep.UnreadableReason(since, problem)
}

// joinSentences returns two texts as one, within the length of a message. The first
// is truncated rather than the second.
func joinSentences(first, second string) string {
	if first == "" || second == "" {
		return first + second
	}
	if !strings.HasSuffix(first, ".") {
		first += "."
	}

	room := max(lockstep.MaxMessage-len(second)-1, 0)
	return lockstep.Truncate(lockstep.Truncate(first, room)+" "+second, lockstep.MaxMessage)
}

func (f healthFacts) behindReason(entry FleetEntry) string {
	switch {
	case f.isPinned && entry.TargetSHA == entry.DesiredSHA:
		return lockstep.PinnedReason(entry.DesiredSHA, f.head, entry.Configuration.ResourceName)
	case entry.Status == "" && entry.DesiredSHA == "":
		return "No commit of the branch has been read yet."
	}
	return "Commit " + entry.DesiredSHA.Short() + " waits to be synced."
}

// A FleetCount counts resources. ByStatus and NeverSynced add up to Total, and so does
// ByHealth.
type FleetCount struct {
	Total       int
	NeverSynced int
	ByStatus    map[lockstep.ResourceSyncStatus]int
	ByHealth    map[lockstep.HealthState]int
}

// FleetCounts counts the caller's resources that match a filter. It does not apply
// policies: if the caller may not read all resources, read the entries and count
// them with [FleetCount.Add].
func FleetCounts(tx *db.Tx, account lockstep.AccountID, region string, f FleetFilter) (FleetCount, error) {
	count := newFleetCount()
	where := f.conditions(account, region)
	rows, err := tx.Query(`SELECT s.status, s.health, count(*) FROM (
		SELECT coalesce(a.status, '') AS status, `+healthState+` AS health
		FROM sync_configuration c JOIN repository_link l ON l.id = c.link_id `+fleetTables+where.clause()+`) s
		GROUP BY s.status, s.health`, where.args...)
	if err != nil {
		return count, err
	}
	defer rows.Close()

	for rows.Next() {
		var status lockstep.ResourceSyncStatus
		var health lockstep.HealthState
		var n int
		if err := rows.Scan(&status, &health, &n); err != nil {
			return count, err
		}

		count.add(status, health, n)
	}

	return count, rows.Err()
}

func newFleetCount() FleetCount {
	return FleetCount{
		ByStatus: map[lockstep.ResourceSyncStatus]int{},
		ByHealth: map[lockstep.HealthState]int{},
	}
}

func (c *FleetCount) add(status lockstep.ResourceSyncStatus, health lockstep.HealthState, n int) {
	c.Total += n
	c.ByHealth[health] += n
	if status == "" {
		c.NeverSynced += n
		return
	}
	c.ByStatus[status] += n
}

// Add counts an entry.
func (c *FleetCount) Add(entry FleetEntry) {
	if c.ByStatus == nil {
		*c = newFleetCount()
	}
	c.add(entry.Status, entry.Health.State, 1)
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
