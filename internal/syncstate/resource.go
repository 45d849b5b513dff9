package syncstate

import (
	"time"

	"github.com/lockstephq/lockstep"
	"github.com/lockstephq/lockstep/internal/db"
)

// A ResourceState is the row of a resource: what it should be, and who has it.
type ResourceState struct {
	ID              int64
	Resource        lockstep.Resource
	ConfigurationID int64 // 0 where no configuration syncs it
	Epoch           int64
	Desired         *lockstep.Revision
	Fingerprint     string // of Desired
	DesiredSeq      int64  // grows with every new desire
	AttemptedSeq    int64  // the desire that the latest attempt was for
	Baseline        []byte // what the last ended attempt left for the next
	// PinnedHead is the branch's head when Desired was asked for by its id: while
	// the branch stays there, that head does not concern the resource. "" where
	// Desired came from the branch.
	PinnedHead lockstep.SHA
	// ReservedUntil keeps attempts from beginning: what a preview has proposed is
	// being removed.
	ReservedUntil time.Time
}

// IsBehind says whether something is desired that no attempt has been made for.
func (s ResourceState) IsBehind() bool {
	return s.ConfigurationID != 0 && s.Desired != nil && s.DesiredSeq > s.AttemptedSeq
}

const resourceColumns = `id, account, region, sync_type, name, configuration_id, epoch,
	desired, desired_fingerprint, desired_seq, attempted_seq, baseline, pinned_head, reserved_until`

func scanResource(row db.Scanner) (ResourceState, error) {
	var state ResourceState
	var configuration *int64
	var desired *string
	var reserved int64
	err := row.Scan(&state.ID, &state.Resource.Account, &state.Resource.Region, &state.Resource.SyncType, &state.Resource.Name,
		&configuration, &state.Epoch, &desired, &state.Fingerprint, &state.DesiredSeq, &state.AttemptedSeq, &state.Baseline, &state.PinnedHead, &reserved)
	if err != nil {
		return ResourceState{}, err
	}

	state.ReservedUntil = db.Time(reserved)
	if configuration != nil {
		state.ConfigurationID = *configuration
	}

	if desired != nil {
		rev, err := decodeRevision(*desired)
		if err != nil {
			return ResourceState{}, err
		}

		state.Desired = &rev
	}

	return state, nil
}

// LockResource reads a resource's row and keeps it locked until the
// transaction ends. Whatever is decided about a resource is decided under this
// lock.
func LockResource(tx *db.Tx, id int64) (ResourceState, error) {
	s, err := scanResource(tx.QueryRow(`SELECT `+resourceColumns+` FROM resource WHERE id = $1`+tx.ForUpdate(), id))
	return s, notFoundAs(err, lockstep.Errorf(lockstep.NotFound, "Could not find resource %d.", id))
}

// LockResourceByName is LockResource by name. A resource seen for the first time
// gets its row.
func LockResourceByName(tx *db.Tx, resource lockstep.Resource) (ResourceState, error) {
	if _, err := tx.Exec(`INSERT INTO resource (account, region, sync_type, name) VALUES ($1, $2, $3, $4)
		ON CONFLICT DO NOTHING`, resource.Account, resource.Region, resource.SyncType, resource.Name); err != nil {
		return ResourceState{}, err
	}
	return scanResource(tx.QueryRow(`SELECT `+resourceColumns+` FROM resource
		WHERE account = $1 AND region = $2 AND sync_type = $3 AND name = $4`+tx.ForUpdate(),
		resource.Account, resource.Region, resource.SyncType, resource.Name))
}

// ResourceByName reads a resource's row by name. NotFound before any configuration
// has named it.
func ResourceByName(tx *db.Tx, r lockstep.Resource) (ResourceState, error) {
	s, err := scanResource(tx.QueryRow(`SELECT `+resourceColumns+` FROM resource
		WHERE account = $1 AND region = $2 AND sync_type = $3 AND name = $4`, r.Account, r.Region, r.SyncType, r.Name))
	return s, notFoundAs(err, NoStatus(r.Name))
}

// AcquireLease makes the caller the resource's owner: it adds one to the epoch, so
// that a write of whoever had it before is refused.
func AcquireLease(tx *db.Tx, id int64) (ResourceState, error) {
	s, err := scanResource(tx.QueryRow(`UPDATE resource SET epoch = epoch + 1 WHERE id = $1 RETURNING `+resourceColumns, id))
	return s, notFoundAs(err, lockstep.Errorf(lockstep.NotFound, "Could not find resource %d.", id))
}

// BindResource ties a resource to the configuration that syncs it from now on, with an
// empty status. Tying it to 0 leaves it to nobody.
func BindResource(tx *db.Tx, id, configurationID int64) error {
	var configuration *int64
	if configurationID != 0 {
		configuration = &configurationID
	}
	_, err := tx.Exec(`UPDATE resource SET configuration_id = $2, desired = NULL, desired_sha = '',
		desired_fingerprint = '', attempted_seq = desired_seq, latest_seq = NULL, pinned_head = '', baseline = NULL, document = NULL WHERE id = $1`, id, configuration)
	if err != nil {
		return err
	}
	_, err = tx.Exec(`DELETE FROM affected_revision WHERE resource_id = $1`, id)
	return err
}

// SetDesiredRevision says what a resource should be: a new desire, to be attempted even if
// the revision is the one it was, and not held. It returns the desire's number.
func SetDesiredRevision(tx *db.Tx, id int64, rev lockstep.Revision, fingerprint string) (int64, error) {
	text, err := encodeRevision(rev)
	if err != nil {
		return 0, err
	}

	var seq int64
	err = tx.QueryRow(`UPDATE resource SET desired = $2, desired_sha = $3, desired_fingerprint = $4,
		pinned_head = '', desired_seq = desired_seq + 1 WHERE id = $1 RETURNING desired_seq`, id, text, rev.SHA, fingerprint).Scan(&seq)
	if err != nil {
		return 0, err
	}

	_, err = tx.Exec(`INSERT INTO affected_revision (resource_id, sha, desired_seq) VALUES ($1, $2, $3)
		ON CONFLICT (resource_id, sha) DO UPDATE SET desired_seq = excluded.desired_seq`, id, rev.SHA, seq)
	return seq, err
}

// PinAtHead keeps what a resource should be as long as its branch's head is the given
// one; "" lets go.
func PinAtHead(tx *db.Tx, id int64, head lockstep.SHA) error {
	_, err := tx.Exec(`UPDATE resource SET pinned_head = $2 WHERE id = $1`, id, head)
	return err
}

// MarkAffected records that a commit concerned a resource and was passed over for
// what is desired of it now: what becomes of that is what became of the commit.
func MarkAffected(tx *db.Tx, s ResourceState, sha lockstep.SHA) error {
	_, err := tx.Exec(`INSERT INTO affected_revision (resource_id, sha, desired_seq) VALUES ($1, $2, $3)
		ON CONFLICT DO NOTHING`, s.ID, sha, s.DesiredSeq)
	return err
}

// ReserveResource keeps attempts of a resource from beginning before a time.
func ReserveResource(tx *db.Tx, id int64, until time.Time) error {
	_, err := tx.Exec(`UPDATE resource SET reserved_until = $2 WHERE id = $1`, id, db.Millis(until))
	return err
}

// SaveBaseline keeps what an ended attempt leaves for the next; nil forgets it.
func SaveBaseline(tx *db.Tx, id int64, note []byte) error {
	_, err := tx.Exec(`UPDATE resource SET baseline = $2 WHERE id = $1`, id, note)
	return err
}

// DesiredSeqOf gives the number of the desire that a commit was for, 0 where the
// commit did not concern the resource.
func DesiredSeqOf(tx *db.Tx, id int64, sha lockstep.SHA) (int64, error) {
	var seq int64
	err := tx.QueryRow(`SELECT coalesce(max(desired_seq), 0) FROM affected_revision
		WHERE resource_id = $1 AND sha = $2`, id, sha).Scan(&seq)
	return seq, err
}

// OverdueResources gives the resources with open work whose time has come: a
// running attempt past its not_before, one that is to be cancelled, or a desire
// that no attempt was made for, where neither a blocker nor a declared
// execution stops it.
func OverdueResources(tx *db.Tx, limit int) ([]int64, error) {
	return db.Select(tx, db.ScanValue[int64], `SELECT a.resource_id FROM resource_sync_attempt a JOIN resource r ON r.id = a.resource_id
		WHERE a.status IN ('INITIATED', 'IN_PROGRESS') AND (a.not_before <= $1
			OR a.intent = '' AND (r.configuration_id IS NULL OR r.configuration_id <> a.configuration_id))
		UNION SELECT r.id FROM resource r
		WHERE r.configuration_id IS NOT NULL AND r.desired IS NOT NULL AND r.desired_seq > r.attempted_seq
			AND NOT EXISTS (SELECT 1 FROM resource_sync_attempt a
				WHERE a.resource_id = r.id AND a.status IN ('INITIATED', 'IN_PROGRESS') AND a.intent <> '')
			AND NOT EXISTS (SELECT 1 FROM sync_blocker b WHERE b.resource_id = r.id AND b.status = 'ACTIVE')
		ORDER BY 1 LIMIT $2`, db.Millis(tx.Now), limit)
}
