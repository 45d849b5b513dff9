package store

import "github.com/lockstephq/lockstep/internal/db"

// ProveWritable returns an error if the database cannot be written. It changes nothing.
func ProveWritable(tx *db.Tx) error {
	_, err := tx.Exec(`UPDATE installation SET created_at = created_at`)
	return err
}

// CountUnreachableLinks counts the repository links whose last poll failed.
func CountUnreachableLinks(tx *db.Tx) (int, error) {
	var n int
	err := tx.QueryRow(`SELECT count(*) FROM repository_link WHERE poll_error <> ''`).Scan(&n)
	return n, err
}

// CountFailedConnections counts the connections whose status is ERROR.
func CountFailedConnections(tx *db.Tx) (int, error) {
	var n int
	err := tx.QueryRow(`SELECT count(*) FROM connection WHERE status = 'ERROR'`).Scan(&n)
	return n, err
}
