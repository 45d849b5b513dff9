package store

import (
	"github.com/lockstephq/lockstep"
	"github.com/lockstephq/lockstep/internal/db"
)

// A Followed is a configuration as a repository sync sees it. Version counts
// what always concerns it (being made, changed, retried), Handled is the last
// one that a repository sync has acted on.
type Followed struct {
	lockstep.SyncConfiguration
	Version int64
	Handled int64
}

// FollowedOf reads all configurations that follow a branch, oldest first.
func FollowedOf(tx *db.Tx, linkID, branch string) ([]Followed, error) {
	rows, err := tx.Query(`SELECT version, handled_version, `+configurationColumns+`
		WHERE c.link_id = $1 AND c.branch = $2 ORDER BY c.id`, linkID, branch)
	if err != nil {
		return nil, err
	}
	defer rows.Close()

	var list []Followed
	for rows.Next() {
		var f Followed
		f.SyncConfiguration, err = scanConfiguration(after{rows, []any{&f.Version, &f.Handled}})
		if err != nil {
			return nil, err
		}

		list = append(list, f)
	}

	return list, rows.Err()
}

// FollowedByID reads one configuration. NotFound when it is not there.
func FollowedByID(tx *db.Tx, id int64) (f Followed, err error) {
	row := tx.QueryRow(`SELECT version, handled_version, `+configurationColumns+`WHERE c.id = $1`, id)
	f.SyncConfiguration, err = scanConfiguration(after{row, []any{&f.Version, &f.Handled}})
	return f, orMissing(err, noConfigurationID(id))
}

// after scans the first columns of a row into dst and the others as asked.
type after struct {
	row scanner
	dst []any
}

func (a after) Scan(dst ...any) error { return a.row.Scan(append(a.dst, dst...)...) }

// MarkHandled records that a repository sync has acted on a version of a
// configuration. False says that it was changed or deleted meanwhile: what was
// read of it no longer counts.
func MarkHandled(tx *db.Tx, f Followed) (bool, error) {
	n, err := tx.Exec(`UPDATE sync_configuration SET handled_version = version WHERE id = $1 AND version = $2`, f.ID, f.Version)
	return n == 1, err
}

// Unhandled says whether a configuration was made, changed or retried since a
// repository sync last acted on it. One that is gone was not.
func Unhandled(tx *db.Tx, id int64) (bool, error) {
	var n int64
	err := tx.QueryRow(`SELECT count(*) FROM sync_configuration WHERE id = $1 AND version > handled_version`, id).Scan(&n)
	return n > 0, err
}
