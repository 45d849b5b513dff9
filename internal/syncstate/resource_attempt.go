package syncstate

import (
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"github.com/lockstephq/lockstep"
	"github.com/lockstephq/lockstep/internal/db"
)

// A ResourceAttempt is a resource sync attempt with the progress of its worker.
type ResourceAttempt struct {
	lockstep.ResourceSyncAttempt
	ResourceID    int64
	Configuration lockstep.SyncConfiguration // when the attempt began
	DesiredSeq    int64
	Checkpoint    []byte
	Intent        string
	Tries         int64 // of the step that is due, 0 before the first one
	NotBefore     time.Time
}

const attemptColumns = `id, resource_id, configuration, desired_seq, status, outcome, initial_revision,
	target_revision, target, checkpoint, intent, tries, not_before, started_at, ended_at`

func scanAttempt(row db.Scanner, before ...any) (ResourceAttempt, error) {
	var attempt ResourceAttempt
	var configuration, initial, targeted string
	var outcome *lockstep.Outcome
	var notBefore, started int64
	var ended *int64
	err := row.Scan(append(before, &attempt.ID, &attempt.ResourceID, &configuration, &attempt.DesiredSeq,
		&attempt.Status, &outcome, &initial, &targeted, &attempt.Target,
		&attempt.Checkpoint, &attempt.Intent, &attempt.Tries, &notBefore, &started, &ended)...)
	if err != nil {
		return ResourceAttempt{}, err
	}

	if outcome != nil {
		attempt.Outcome = *outcome
	}

	attempt.NotBefore, attempt.StartedAt = db.Time(notBefore), db.Time(started)
	attempt.EndedAt = db.TimeOrZero(ended)

	if attempt.Configuration, err = decode[lockstep.SyncConfiguration](configuration); err != nil {
		return attempt, err
	}
	if attempt.InitialRevision, err = decode[lockstep.Revision](initial); err != nil {
		return attempt, err
	}
	attempt.TargetRevision, err = decode[lockstep.Revision](targeted)
	return attempt, err
}

// BeginAttempt creates the attempt for the desired revision of a resource. The
// caller has locked the resource, and it has no running attempt; the database
// rejects a second one.
func BeginAttempt(
	tx *db.Tx, state ResourceState, cfg lockstep.SyncConfiguration, target string,
) (ResourceAttempt, error) {
	initial := *state.Desired
	last, err := latestAttempt(tx, state, `AND status = 'SUCCEEDED'`)
	switch {
	case err == nil:
		initial = last.TargetRevision
	case !errors.Is(err, db.ErrNoRows):
		return ResourceAttempt{}, err
	}

	configuration, err := encode(cfg)
	if err != nil {
		return ResourceAttempt{}, err
	}
	initialText, err := encode(initial)
	if err != nil {
		return ResourceAttempt{}, err
	}
	targetText, err := encode(*state.Desired)
	if err != nil {
		return ResourceAttempt{}, err
	}

	now := db.Millis(tx.Now)
	attempt, err := scanAttempt(tx.QueryRow(`INSERT INTO resource_sync_attempt (id, resource_id, configuration_id,
		configuration, desired_seq, status, initial_revision, target_revision, target_sha, target, not_before,
		started_at)
		VALUES ($1, $2, $3, $4, $5, 'INITIATED', $6, $7, $8, $9, $10, $11) RETURNING `+attemptColumns,
		newID(), state.ID, cfg.ID, configuration, state.DesiredSeq, initialText, targetText, state.Desired.SHA,
		target, now, now))
	if err != nil {
		return ResourceAttempt{}, err
	}

	_, err = tx.Exec(`UPDATE resource SET attempted_seq = desired_seq,
		latest_seq = (SELECT seq FROM resource_sync_attempt WHERE id = $2) WHERE id = $1`, state.ID, attempt.ID)
	return attempt, err
}

// RunningAttempt returns the running attempt of a resource, or false if there is
// none.
func RunningAttempt(tx *db.Tx, resourceID int64) (ResourceAttempt, bool, error) {
	return optional(scanAttempt(tx.QueryRow(`SELECT `+attemptColumns+` FROM resource_sync_attempt
		WHERE resource_id = $1 AND status IN ('INITIATED', 'IN_PROGRESS')`, resourceID)))
}

// SaveStep writes the progress of an attempt that has not ended.
func SaveStep(tx *db.Tx, attempt ResourceAttempt) error {
	return requireOneRow(tx.Exec(`UPDATE resource_sync_attempt SET status = 'IN_PROGRESS', checkpoint = $2, intent = $3,
		tries = $4,
		not_before = $5 WHERE id = $1 AND ended_at IS NULL`,
		attempt.ID, attempt.Checkpoint, attempt.Intent, attempt.Tries,
		db.Millis(attempt.NotBefore)))
}

// SavePlan writes the plan of an attempt that has not ended; the zero Plan deletes
// it.
func SavePlan(tx *db.Tx, id string, p lockstep.Plan) error {
	var text *string // NULL
	if p.ID != "" {
		encoded, err := json.Marshal(p)
		if err != nil {
			return fmt.Errorf("encode the plan of attempt %s: %w", id, err)
		}
		whole := string(encoded)
		text = &whole
	}
	return requireOneRow(tx.Exec(`UPDATE resource_sync_attempt SET plan = $2 WHERE id = $1 AND ended_at IS NULL`, id,
		text))
}

// FinishAttempt ends an attempt with an outcome, and deletes its checkpoint. An ended
// attempt never changes.
func FinishAttempt(tx *db.Tx, id string, outcome lockstep.Outcome) error {
	return requireOneRow(tx.Exec(`UPDATE resource_sync_attempt SET status = $2, outcome = $3, ended_at = $4,
		checkpoint = NULL
		WHERE id = $1 AND ended_at IS NULL`, id, outcome.Status(), outcome, db.Millis(tx.Now)))
}

// LatestAttempt returns the latest attempt for a resource's current configuration,
// or false if there is none.
func LatestAttempt(tx *db.Tx, s ResourceState) (ResourceAttempt, bool, error) {
	return optional(latestAttempt(tx, s, ``))
}

// LatestSuccess is [LatestAttempt] for attempts that succeeded.
func LatestSuccess(tx *db.Tx, s ResourceState) (ResourceAttempt, bool, error) {
	return optional(latestAttempt(tx, s, `AND status = 'SUCCEEDED'`))
}

func latestAttempt(tx *db.Tx, s ResourceState, and string) (ResourceAttempt, error) {
	return scanAttempt(tx.QueryRow(`SELECT `+attemptColumns+` FROM resource_sync_attempt
		WHERE resource_id = $1 AND configuration_id = $2 `+and+` ORDER BY seq DESC LIMIT 1`, s.ID, s.ConfigurationID))
}
