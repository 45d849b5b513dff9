package store

import (
	"github.com/lockstephq/lockstep"
	"github.com/lockstephq/lockstep/internal/db"
)

// A TrackedConfiguration is a configuration as a repository sync sees it. Version
// counts its creation, changes and retries. ObservedVersion is the last version that
// a repository sync has acted on.
type TrackedConfiguration struct {
	lockstep.SyncConfiguration
	Version         int64
	ObservedVersion int64
}

// ConfigurationsOfBranch returns all configurations of a branch, oldest first.
func ConfigurationsOfBranch(tx *db.Tx, linkID, branch string) ([]TrackedConfiguration, error) {
	return db.Select(tx, scanTracked, `SELECT version, observed_version, `+ConfigurationColumns+`
		WHERE c.link_id = $1 AND c.branch = $2 ORDER BY c.id`, linkID, branch)
}

// TrackedConfigurationByID returns a configuration by its id. The error is NotFound if
// there is none.
func TrackedConfigurationByID(tx *db.Tx, id int64) (TrackedConfiguration, error) {
	cfg, err := scanTracked(tx.QueryRow(`SELECT version, observed_version, `+ConfigurationColumns+
		`WHERE c.id = $1`, id))
	return cfg, notFoundAs(err, noConfigurationID(id))
}

func scanTracked(row db.Scanner) (cfg TrackedConfiguration, err error) {
	cfg.SyncConfiguration, err = ScanConfiguration(row, &cfg.Version, &cfg.ObservedVersion)
	return cfg, err
}

// SetObservedVersion records that a repository sync has acted on the version of cfg. It
// returns false, and records nothing, if the configuration was changed or deleted
// since cfg was read.
func SetObservedVersion(tx *db.Tx, cfg TrackedConfiguration) (bool, error) {
	changed, err := tx.Exec(`UPDATE sync_configuration SET observed_version = version WHERE id = $1 AND version = $2`,
		cfg.ID, cfg.Version)
	return changed == 1, err
}

// HasUnobservedChange reports whether a configuration exists and was created, changed
// or retried since a repository sync last acted on it.
func HasUnobservedChange(tx *db.Tx, id int64) (bool, error) {
	var count int64
	err := tx.QueryRow(`SELECT count(*) FROM sync_configuration WHERE id = $1 AND version > observed_version`, id).
		Scan(&count)
	return count > 0, err
}
