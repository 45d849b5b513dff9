package store

import (
	"errors"

	"github.com/lockstephq/lockstep"
	"github.com/lockstephq/lockstep/internal/db"
)

// Status gathers everything that a status read says of a resource.
func Status(tx *db.Tx, s ResourceState) (lockstep.ResourceSync, error) {
	sync := lockstep.ResourceSync{DesiredState: s.Desired}
	latest, ok, err := LatestAttempt(tx, s)
	if err != nil || !ok {
		return sync, err
	}
	if latest.Events, err = ResourceEvents(tx, latest.ID); err != nil {
		return sync, err
	}
	sync.LatestSync = &latest.ResourceSyncAttempt
	success, ok, err := LatestSuccess(tx, s)
	if err != nil || !ok {
		return sync, err
	}
	if success.Events, err = ResourceEvents(tx, success.ID); err != nil {
		return sync, err
	}
	sync.LatestSuccessfulSync = &success.ResourceSyncAttempt
	return sync, nil
}

// SaveDocument keeps the encoded answer to a status read with the resource.
func SaveDocument(tx *db.Tx, resourceID int64, document []byte) error {
	_, err := tx.Exec(`UPDATE resource SET document = $2 WHERE id = $1`, resourceID, string(document))
	return err
}

// StatusDocument gives the encoded answer to a status read. It is one SELECT,
// fit for [db.DB.Peek]. Before any attempt it is NotFound.
func StatusDocument(tx *db.Tx, r lockstep.Resource) ([]byte, error) {
	var document []byte // nil for NULL
	err := tx.QueryRow(`SELECT document FROM resource
		WHERE account = $1 AND region = $2 AND sync_type = $3 AND name = $4`,
		r.Account, r.Region, r.SyncType, r.Name).Scan(&document)
	if errors.Is(err, db.ErrNoRows) || err == nil && document == nil {
		return nil, lockstep.Errorf(lockstep.NotFound, "Could not find a sync status for resource: %s", r.Name)
	}
	if err != nil {
		return nil, err
	}
	return document, nil
}
