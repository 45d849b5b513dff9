package syncstate

import (
	"time"

	"github.com/lockstephq/lockstep"
	"github.com/lockstephq/lockstep/internal/db"
	"github.com/lockstephq/lockstep/internal/store"
)

// An AffectedConfiguration is a sync configuration whose resource a commit
// affects, with the progress of its sync.
type AffectedConfiguration struct {
	Configuration lockstep.SyncConfiguration
	// IsPending reports whether the commit is the desired revision and no attempt was
	// made for it.
	IsPending bool
	// IsDesired reports whether the commit is the desired revision, attempted or not.
	IsDesired bool
	Blocked   string // the reason of the active blocker, or ""
	// Unreadable says that the repository or the branch cannot be read, and why; "" if
	// it can.
	Unreadable string
	// AttemptID is the last attempt for the commit, without those that were superseded
	// or cancelled; "" if there is none.
	AttemptID string
	Outcome   lockstep.Outcome // of the attempt, "" while it runs
	StartedAt time.Time        // zero without an attempt
	EndedAt   time.Time        // zero while it runs
}

// AffectedConfigurations returns the configurations of a link that publish their
// status and whose resource a commit affects, sorted by resource name.
func AffectedConfigurations(tx *db.Tx, linkID string, sha lockstep.SHA) ([]AffectedConfiguration, error) {
	return db.Select(tx, scanAffected, `SELECT r.desired_sha = $2 AND r.desired_seq > r.attempted_seq,
		r.desired_sha = $2, coalesce(b.created_reason, ''),
			l.poll_error, l.poll_failing_since, coalesce(h.problem, ''), h.problem_since,
			coalesce(a.id, ''), coalesce(a.outcome, ''), a.started_at, a.ended_at, `+store.ConfigurationColumns+`
		JOIN resource r ON r.configuration_id = c.id
		JOIN affected_revision k ON k.resource_id = r.id AND k.sha = $2
		LEFT JOIN sync_blocker b ON b.resource_id = r.id AND b.status = 'ACTIVE'
		LEFT JOIN repository_branch h ON h.link_id = c.link_id AND h.branch = c.branch
		LEFT JOIN resource_sync_attempt a ON a.seq = (SELECT max(x.seq) FROM resource_sync_attempt x
			WHERE x.resource_id = r.id AND x.target_sha = $2 AND x.configuration_id = c.id
				AND (x.outcome IS NULL OR x.outcome NOT IN ('superseded', 'cancelled')))
		WHERE c.link_id = $1 AND c.publish_deployment_status = 'ENABLED' ORDER BY c.resource_name, c.id`, linkID, sha)
}

func scanAffected(row db.Scanner) (affected AffectedConfiguration, err error) {
	var started, ended *int64
	var facts healthFacts
	affected.Configuration, err = store.ScanConfiguration(row, &affected.IsPending, &affected.IsDesired,
		&affected.Blocked, &facts.pollError, &facts.pollFailingSince, &facts.branchProblem, &facts.branchProblemSince,
		&affected.AttemptID, &affected.Outcome, &started, &ended)
	affected.Unreadable = facts.unreadable()
	affected.StartedAt, affected.EndedAt = db.TimeOrZero(started), db.TimeOrZero(ended)
	return affected, err
}
