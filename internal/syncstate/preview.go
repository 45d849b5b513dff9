package syncstate

import (
	"time"

	"github.com/lockstephq/lockstep"
	"github.com/lockstephq/lockstep/internal/db"
)

// A PreviewState is the state of a preview.
type PreviewState string

// The states of a preview.
const (
	PreviewPlanning PreviewState = "PLANNING"
	PreviewRemoving PreviewState = "REMOVING" // removing what it proposed, if anything
	PreviewDone     PreviewState = "DONE"
)

// A Preview is a plan of what a pull request would change in one resource, and the
// progress of making it.
type Preview struct {
	ID              string // unique across installations; drivers use it as the id of an attempt
	PullRequestID   int64  // 0 if it was abandoned
	ResourceID      int64
	ConfigurationID int64
	Configuration   lockstep.SyncConfiguration // when the preview began
	Head            lockstep.SHA
	Base            lockstep.SHA // the commit of the configuration's file, "" for Head
	Fingerprint     string
	AttemptedSeq    int64 // of the resource, when the preview began
	State           PreviewState
	Checkpoint      []byte
	Result          []byte // nil until it is done
	Tries           int64  // failures of the step that is due
	NotBefore       time.Time
	StartedAt       time.Time
	epoch           int64
}

const previewColumns = `id, pull_request_id, resource_id, configuration_id, configuration, head, base, fingerprint,
	attempted_seq, state, epoch, checkpoint, result, tries, not_before, started_at`

func scanPreview(row db.Scanner) (Preview, error) {
	var preview Preview
	var pullRequest *int64
	var configuration string
	var result *string
	var notBefore, started int64
	err := row.Scan(&preview.ID, &pullRequest, &preview.ResourceID, &preview.ConfigurationID, &configuration,
		&preview.Head, &preview.Base, &preview.Fingerprint,
		&preview.AttemptedSeq, &preview.State, &preview.epoch, &preview.Checkpoint, &result, &preview.Tries, &notBefore,
		&started)
	if err != nil {
		return preview, err
	}

	if pullRequest != nil {
		preview.PullRequestID = *pullRequest
	}

	if result != nil {
		preview.Result = []byte(*result)
	}

	preview.NotBefore, preview.StartedAt = db.Time(notBefore), db.Time(started)
	preview.Configuration, err = decode[lockstep.SyncConfiguration](configuration)
	return preview, err
}

// InsertPreview creates a preview for the resource of a configuration.
func InsertPreview(tx *db.Tx, preview Preview) error {
	configuration, err := encode(preview.Configuration)
	if err != nil {
		return err
	}
	_, err = tx.Exec(`INSERT INTO preview (id, pull_request_id, resource_id, configuration_id, configuration, head,
		base, fingerprint, attempted_seq, state, not_before, started_at)
		VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, 'PLANNING', $10, $10)`,
		"preview-"+newID(), preview.PullRequestID, preview.ResourceID, preview.Configuration.ID, configuration,
		preview.Head, preview.Base,
		preview.Fingerprint, preview.AttemptedSeq, db.Millis(tx.Now))
	return err
}

// PreviewsOf returns the previews of a pull request, oldest first.
func PreviewsOf(tx *db.Tx, pullRequestID int64) ([]Preview, error) {
	return db.Select(tx, scanPreview, `SELECT `+previewColumns+` FROM preview WHERE pull_request_id = $1 ORDER BY id`,
		pullRequestID)
}

// AcquirePreviewLease acquires the lease of a resource's oldest preview that is
// not done. It returns false if there is none. Previews of one resource are worked
// on one after the other, so that an empty stack can be attributed to one of them.
func AcquirePreviewLease(tx *db.Tx, resourceID int64) (Preview, bool, error) {
	return optional(scanPreview(tx.QueryRow(`UPDATE preview SET epoch = epoch + 1 WHERE id = (
		SELECT min(id) FROM preview WHERE resource_id = $1 AND state <> 'DONE') RETURNING `+previewColumns,
		resourceID)))
}

// LockPreview locks a leased preview until the transaction ends, and returns its
// current row. It returns false if another worker has acquired the lease.
func LockPreview(tx *db.Tx, p Preview) (Preview, bool, error) {
	return optional(scanPreview(tx.QueryRow(`SELECT `+previewColumns+` FROM preview WHERE id = $1 AND epoch =
		$2`+tx.ForUpdate(),
		p.ID, p.epoch)))
}

// SavePreview writes the progress of a preview that the caller has locked.
func SavePreview(tx *db.Tx, preview Preview) error {
	var result *string // NULL
	if preview.Result != nil {
		text := db.Storable(string(preview.Result))
		result = &text
	}
	return requireOneRow(tx.Exec(`UPDATE preview SET state = $2, checkpoint = $3, result = $4, tries = $5, not_before =
		$6 WHERE id = $1`,
		preview.ID, preview.State, preview.Checkpoint, result, preview.Tries, db.Millis(preview.NotBefore)))
}

// AbandonPreview detaches a preview from its pull request. A preview that is not
// done stays until its worker has removed what it proposed.
func AbandonPreview(tx *db.Tx, id string) error {
	if _, err := tx.Exec(`DELETE FROM preview WHERE id = $1 AND state = 'DONE'`, id); err != nil {
		return err
	}
	_, err := tx.Exec(`UPDATE preview SET pull_request_id = NULL, not_before = $2 WHERE id = $1`, id, db.Millis(tx.Now))
	return err
}

// DeletePreview deletes a preview.
func DeletePreview(tx *db.Tx, id string) error {
	_, err := tx.Exec(`DELETE FROM preview WHERE id = $1`, id)
	return err
}

// DeleteFinishedPreviews deletes the previews that are done and have no open pull
// request.
func DeleteFinishedPreviews(tx *db.Tx) error {
	_, err := tx.Exec(`DELETE FROM preview WHERE pull_request_id IS NULL AND state = 'DONE'`)
	return err
}

// OverduePreviews returns the resources with a preview whose next step is due.
func OverduePreviews(tx *db.Tx, limit int) ([]int64, error) {
	return db.Select(tx, db.ScanValue[int64], `SELECT DISTINCT resource_id FROM preview
		WHERE state <> 'DONE' AND not_before <= $1 ORDER BY resource_id LIMIT $2`, db.Millis(tx.Now), limit)
}
