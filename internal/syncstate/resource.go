package syncstate

import (
	"github.com/lockstephq/lockstep"
	"github.com/lockstephq/lockstep/internal/db"
)

// A ResourceState is the sync state of a resource: its desired revision and its
// lease.
type ResourceState struct {
	ID              int64
	Resource        lockstep.Resource
	ConfigurationID int64 // 0 if it has no sync configuration
	Epoch           int64
	Desired         *lockstep.Revision
	Fingerprint     string // of Desired
	DesiredSeq      int64  // number of the desired revision; grows with each
	AttemptedSeq    int64  // the desired revision of the latest attempt
	Baseline        []byte // kept by the driver, from one attempt to the next
	// PinnedHead is the head that the branch had when a caller chose Desired by its
	// id; "" if Desired was not chosen so. See IsPinned.
	PinnedHead lockstep.SHA
}

// IsBehind reports whether no attempt was made for the desired revision.
func (s ResourceState) IsBehind() bool {
	return s.ConfigurationID != 0 && s.Desired != nil && s.DesiredSeq > s.AttemptedSeq
}

// IsPinned reports whether no head becomes the desired revision until that is
// released: a caller chose Desired by its id, and it was not the head then.
func (s ResourceState) IsPinned() bool {
	return s.PinnedHead != "" && s.Desired != nil && s.Desired.SHA != s.PinnedHead
}

const resourceColumns = `id, account, region, sync_type, name, configuration_id, epoch,
	desired, desired_fingerprint, desired_seq, attempted_seq, baseline, pinned_head`

func scanResource(row db.Scanner) (ResourceState, error) {
	var state ResourceState
	var configuration *int64
	var desired *string
	err := row.Scan(&state.ID, &state.Resource.Account, &state.Resource.Region, &state.Resource.SyncType,
		&state.Resource.Name,
		&configuration, &state.Epoch, &desired, &state.Fingerprint, &state.DesiredSeq, &state.AttemptedSeq,
		&state.Baseline, &state.PinnedHead)
	if err != nil {
		return ResourceState{}, err
	}

	if configuration != nil {
		state.ConfigurationID = *configuration
	}

	if desired != nil {
		rev, err := decode[lockstep.Revision](*desired)
		if err != nil {
			return ResourceState{}, err
		}

		state.Desired = &rev
	}

	return state, nil
}

// LockResource locks a resource until the transaction ends, and returns it.
// Decisions about a resource are made under this lock.
func LockResource(tx *db.Tx, id int64) (ResourceState, error) {
	state, err := scanResource(tx.QueryRow(`SELECT `+resourceColumns+` FROM resource WHERE id = $1`+tx.ForUpdate(), id))
	return state, notFoundAs(err, lockstep.Errorf(lockstep.NotFound, "Could not find resource %d.", id))
}

// LockResourceByName is [LockResource] by name. The row is created if needed.
func LockResourceByName(tx *db.Tx, resource lockstep.Resource) (ResourceState, error) {
	if _, err := tx.Exec(`INSERT INTO resource (account, region, sync_type, name) VALUES ($1, $2, $3, $4)
		ON CONFLICT DO NOTHING`, resource.Account, resource.Region, resource.SyncType, resource.Name); err != nil {
		return ResourceState{}, err
	}
	return scanResource(tx.QueryRow(`SELECT `+resourceColumns+` FROM resource
		WHERE account = $1 AND region = $2 AND sync_type = $3 AND name = $4`+tx.ForUpdate(),
		resource.Account, resource.Region, resource.SyncType, resource.Name))
}

// ResourceByName returns a resource by name. The error is NotFound if it was never
// configured.
func ResourceByName(tx *db.Tx, r lockstep.Resource) (ResourceState, error) {
	state, err := scanResource(tx.QueryRow(`SELECT `+resourceColumns+` FROM resource
		WHERE account = $1 AND region = $2 AND sync_type = $3 AND name = $4`, r.Account, r.Region, r.SyncType, r.Name))
	return state, notFoundAs(err, NoStatus(r.Name))
}

// AcquireLease acquires the lease of a resource: it adds one to the epoch, so that
// the previous owner's writes are rejected.
func AcquireLease(tx *db.Tx, id int64) (ResourceState, error) {
	state, err := scanResource(tx.QueryRow(`UPDATE resource SET epoch = epoch + 1 WHERE id = $1 RETURNING
		`+resourceColumns,
		id))
	return state, notFoundAs(err, lockstep.Errorf(lockstep.NotFound, "Could not find resource %d.", id))
}

// BindResource binds a resource to a sync configuration, with an empty status. 0
// binds it to none.
func BindResource(tx *db.Tx, id, configurationID int64) error {
	var configuration *int64
	if configurationID != 0 {
		configuration = &configurationID
	}
	_, err := tx.Exec(`UPDATE resource SET configuration_id = $2, desired = NULL, desired_sha = '',
		desired_fingerprint = '', attempted_seq = desired_seq, latest_seq = NULL, pinned_head = '', baseline = NULL,
			document = NULL WHERE id = $1`, id, configuration)
	if err != nil {
		return err
	}
	_, err = tx.Exec(`DELETE FROM affected_revision WHERE resource_id = $1`, id)
	return err
}

// SetDesiredRevision sets the desired revision of a resource and releases its pin.
// It returns the number of the desired revision. An attempt is made for each
// number, also if the revision is the same as before.
func SetDesiredRevision(tx *db.Tx, id int64, rev lockstep.Revision, fingerprint string) (int64, error) {
	text, err := encode(rev)
	if err != nil {
		return 0, err
	}

	var seq int64
	err = tx.QueryRow(`UPDATE resource SET desired = $2, desired_sha = $3, desired_fingerprint = $4,
		pinned_head = '', desired_seq = desired_seq + 1 WHERE id = $1 RETURNING desired_seq`, id, text, rev.SHA,
		fingerprint).Scan(&seq)
	if err != nil {
		return 0, err
	}

	_, err = tx.Exec(`INSERT INTO affected_revision (resource_id, sha, desired_seq) VALUES ($1, $2, $3)
		ON CONFLICT (resource_id, sha) DO UPDATE SET desired_seq = excluded.desired_seq`, id, rev.SHA, seq)
	return seq, err
}

// PinAtHead pins the desired revision of a resource, which was chosen when the branch
// had a head; "" releases it.
func PinAtHead(tx *db.Tx, id int64, head lockstep.SHA) error {
	_, err := tx.Exec(`UPDATE resource SET pinned_head = $2 WHERE id = $1`, id, head)
	return err
}

// MarkAffected records that a commit affects a resource that keeps its desired
// revision. The outcome of that revision then counts as the outcome of the commit.
func MarkAffected(tx *db.Tx, s ResourceState, sha lockstep.SHA) error {
	_, err := tx.Exec(`INSERT INTO affected_revision (resource_id, sha, desired_seq) VALUES ($1, $2, $3)
		ON CONFLICT DO NOTHING`, s.ID, sha, s.DesiredSeq)
	return err
}

// SaveBaseline writes the driver's baseline of a resource; nil deletes it.
func SaveBaseline(tx *db.Tx, id int64, note []byte) error {
	_, err := tx.Exec(`UPDATE resource SET baseline = $2 WHERE id = $1`, id, note)
	return err
}

// DesiredSeqOf returns the number of the desired revision that a commit belongs
// to, or 0 if the commit does not affect the resource.
func DesiredSeqOf(tx *db.Tx, id int64, sha lockstep.SHA) (int64, error) {
	var seq int64
	err := tx.QueryRow(`SELECT coalesce(max(desired_seq), 0) FROM affected_revision
		WHERE resource_id = $1 AND sha = $2`, id, sha).Scan(&seq)
	return seq, err
}

// OverdueResources returns the resources with work that is due: a running attempt
// whose next step is due, an attempt to cancel, or a desired revision without an
// attempt that neither a blocker nor an execute intent holds back.
func OverdueResources(tx *db.Tx, limit int) ([]int64, error) {
	return db.Select(tx, db.ScanValue[int64], `SELECT a.resource_id FROM resource_sync_attempt a JOIN resource r ON r.id
		= a.resource_id
		WHERE a.status IN ('INITIATED', 'IN_PROGRESS') AND (a.not_before <= $1
			OR a.intent = '' AND (r.configuration_id IS NULL OR r.configuration_id <> a.configuration_id))
		UNION SELECT r.id FROM resource r
		WHERE r.configuration_id IS NOT NULL AND r.desired IS NOT NULL AND r.desired_seq > r.attempted_seq
			AND NOT EXISTS (SELECT 1 FROM resource_sync_attempt a
				WHERE a.resource_id = r.id AND a.status IN ('INITIATED', 'IN_PROGRESS') AND a.intent <> '')
			AND NOT EXISTS (SELECT 1 FROM sync_blocker b WHERE b.resource_id = r.id AND b.status = 'ACTIVE')
		ORDER BY 1 LIMIT $2`, db.Millis(tx.Now), limit)
}
