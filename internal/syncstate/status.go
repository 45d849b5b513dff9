package syncstate

import (
	"context"
	"errors"
	"unsafe"

	"github.com/lockstephq/lockstep"
	"github.com/lockstephq/lockstep/internal/db"
)

// ResourceStatus returns the sync status of a resource.
func ResourceStatus(tx *db.Tx, state ResourceState) (lockstep.ResourceSync, error) {
	sync := lockstep.ResourceSync{DesiredState: state.Desired}
	latest, ok, err := LatestAttempt(tx, state)
	if err != nil || !ok {
		return sync, err
	}

	if latest.Events, err = ResourceEvents(tx, latest.ID); err != nil {
		return sync, err
	}

	sync.LatestSync = &latest.ResourceSyncAttempt
	success, ok, err := LatestSuccess(tx, state)
	if err != nil || !ok {
		return sync, err
	}

	if success.Events, err = ResourceEvents(tx, success.ID); err != nil {
		return sync, err
	}

	sync.LatestSuccessfulSync = &success.ResourceSyncAttempt
	return sync, nil
}

// SaveStatusDocument writes the encoded sync status of a resource.
func SaveStatusDocument(tx *db.Tx, resourceID int64, document []byte) error {
	_, err := tx.Exec(`UPDATE resource SET document = $2 WHERE id = $1`, resourceID, string(document))
	return err
}

// StatusDocument returns the encoded sync status of a resource. It is one SELECT,
// fit for [db.DB.ViewOnce]. The error is NotFound before the first attempt.
func StatusDocument(tx *db.Tx, resource lockstep.Resource) ([]byte, error) {
	var document *string // nil for NULL
	err := tx.QueryRow(`SELECT document FROM resource
		WHERE account = $1 AND region = $2 AND sync_type = $3 AND name = $4`,
		string(resource.Account), resource.Region, string(resource.SyncType), resource.Name).Scan(&document)
	return bytesOf(document), orNoStatus(resource, bytesOf(document), err)
}

// bytesOf returns the bytes of a text without copying them: copying a document of
// 4,000 bytes takes a tenth of the time of reading it. The bytes must not be
// changed.
func bytesOf(text *string) []byte {
	if text == nil {
		return nil
	}
	return unsafe.Slice(unsafe.StringData(*text), len(*text))
}

func orNoStatus(r lockstep.Resource, document []byte, err error) error {
	if errors.Is(err, db.ErrNoRows) || err == nil && document == nil {
		return NoStatus(r.Name)
	}
	return err
}

// A StatusReader reads status documents in batches, outside of transactions. It is
// safe for concurrent use.
type StatusReader struct {
	batcher *db.Batcher[lockstep.Resource, []byte]
}

// NewStatusReader returns a reader of the documents in database.
func NewStatusReader(d *db.DB) *StatusReader {
	return &StatusReader{db.NewBatcher(d, StatusDocument, statusDocuments)}
}

// Document is [StatusDocument] outside of a transaction. It sees everything that
// was committed before the call. The bytes must not be changed: concurrent callers
// may share them.
func (s *StatusReader) Document(ctx context.Context, r lockstep.Resource) ([]byte, error) {
	document, err := s.batcher.Get(ctx, r)
	return document, orNoStatus(r, document, err)
}

// statusDocuments returns the documents of several resources. Resources without a
// document are left out.
func statusDocuments(tx *db.Tx, all []lockstep.Resource) (map[lockstep.Resource][]byte, error) {
	found := make(map[lockstep.Resource][]byte, len(all))
	var accounts, regions, types, names []string
	for _, r := range all {
		accounts, regions = append(accounts, string(r.Account)), append(regions, r.Region)
		types, names = append(types, string(r.SyncType)), append(names, r.Name)
	}

	rows, err := tx.Query(`SELECT wanted.i, r.document
		FROM unnest($1::text[], $2::text[], $3::text[], $4::text[])
		WITH ORDINALITY AS wanted (account, region, sync_type, name, i)
		JOIN resource r ON r.account = wanted.account AND r.region = wanted.region
			AND r.sync_type = wanted.sync_type AND r.name = wanted.name
		WHERE r.document IS NOT NULL`, accounts, regions, types, names)
	if err != nil {
		return nil, err
	}
	defer rows.Close()

	for rows.Next() {
		var i int
		var document *string
		if err := rows.Scan(&i, &document); err != nil {
			return nil, err
		}

		found[all[i-1]] = bytesOf(document)
	}

	return found, rows.Err()
}
