package store

import (
	"github.com/lockstephq/lockstep"
	"github.com/lockstephq/lockstep/internal/db"
)

// A Followed is a configuration as a repository sync sees it. Version counts
// what always concerns it (being made, changed, retried), Handled is the last
// one that a repository sync has acted on.
type TrackedConfiguration struct {
	lockstep.SyncConfiguration
	Version         int64
	ObservedVersion int64
}

// ConfigurationsOfBranch reads all configurations that follow a branch, oldest first.
func ConfigurationsOfBranch(tx *db.Tx, linkID, branch string) ([]TrackedConfiguration, error) {
	return db.Select(tx, scanTracked, `SELECT version, observed_version, `+ConfigurationColumns+`
		WHERE c.link_id = $1 AND c.branch = $2 ORDER BY c.id`, linkID, branch)
}

// TrackedConfigurationByID reads one configuration. NotFound when it is not there.
func TrackedConfigurationByID(tx *db.Tx, id int64) (TrackedConfiguration, error) {
	cfg, err := scanTracked(tx.QueryRow(`SELECT version, observed_version, `+ConfigurationColumns+`WHERE c.id = $1`, id))
	return cfg, notFoundAs(err, noConfigurationID(id))
}

func scanTracked(row db.Scanner) (cfg TrackedConfiguration, err error) {
	cfg.SyncConfiguration, err = ScanConfiguration(row, &cfg.Version, &cfg.ObservedVersion)
	return cfg, err
}

// SetObservedVersion records that a repository sync has acted on a version of a
// configuration. False says that it was changed or deleted meanwhile: what was
// read of it no longer counts.
func SetObservedVersion(tx *db.Tx, f TrackedConfiguration) (bool, error) {
	n, err := tx.Exec(`UPDATE sync_configuration SET observed_version = version WHERE id = $1 AND version = $2`, f.ID, f.Version)
	return n == 1, err
}

// HasUnobservedChange says whether a configuration was made, changed or retried since a
// repository sync last acted on it. One that is gone was not.
func HasUnobservedChange(tx *db.Tx, id int64) (bool, error) {
	var n int64
	err := tx.QueryRow(`SELECT count(*) FROM sync_configuration WHERE id = $1 AND version > observed_version`, id).Scan(&n)
	return n > 0, err
}
