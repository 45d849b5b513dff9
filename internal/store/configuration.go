package store

import (
	"errors"

	"github.com/lockstephq/lockstep"
	"github.com/lockstephq/lockstep/internal/db"
)

// ConfigurationColumns are the columns that [ScanConfiguration] reads, and the
// tables they are in: c is the configuration, l its link.
const ConfigurationColumns = `c.id, c.account, c.region, c.sync_type, c.resource_name, c.link_id, c.branch,
	c.config_file, c.role_arn, c.trigger_resource_update_on, c.publish_deployment_status, c.pull_request_comment,
	c.created_at, l.owner_id, l.repository_name, l.provider_type
	FROM sync_configuration c JOIN repository_link l ON l.id = c.link_id `

const selectConfiguration = `SELECT ` + ConfigurationColumns

// Configuration returns the caller's sync configuration of a resource. The error is
// NotFound if there is none.
func Configuration(
	tx *db.Tx, account lockstep.AccountID, region string, syncType lockstep.SyncType, name string,
) (lockstep.SyncConfiguration, error) {
	c, err := ScanConfiguration(tx.QueryRow(selectConfiguration+
		`WHERE c.account = $1 AND c.region = $2 AND c.sync_type = $3 AND c.resource_name = $4`,
		account, region, syncType, name))
	return c, notFoundAs(err, NoConfiguration(name))
}

// LockConfiguration is [Configuration] that locks the row until the transaction
// ends. Use it before a change or a deletion.
func LockConfiguration(
	tx *db.Tx, account lockstep.AccountID, region string, syncType lockstep.SyncType, name string,
) (lockstep.SyncConfiguration, error) {
	c, err := ScanConfiguration(tx.QueryRow(selectConfiguration+
		`WHERE c.account = $1 AND c.region = $2 AND c.sync_type = $3 AND c.resource_name = $4`+lockOnly(tx, "c"),
		account, region, syncType, name))
	return c, notFoundAs(err, NoConfiguration(name))
}

// lockOnly is [db.Tx.ForUpdate] for one table of a join.
func lockOnly(tx *db.Tx, alias string) string {
	if lock := tx.ForUpdate(); lock != "" {
		return lock + " OF " + alias
	}
	return ""
}

// ConfigurationByID returns a sync configuration of any account. The error is
// NotFound if there is none. Ids are never reused, so a configuration that was
// deleted and created again has another one.
func ConfigurationByID(tx *db.Tx, id int64) (lockstep.SyncConfiguration, error) {
	c, err := ScanConfiguration(tx.QueryRow(selectConfiguration+`WHERE c.id = $1`, id))
	return c, notFoundAs(err, noConfigurationID(id))
}

// A ConfigurationFilter selects the configurations of one sync type and link.
type ConfigurationFilter struct {
	SyncType lockstep.SyncType
	LinkID   string
}

// Configurations returns a page of the caller's sync configurations, oldest first.
func Configurations(
	tx *db.Tx, account lockstep.AccountID, region string, filter ConfigurationFilter, page db.Page,
) ([]lockstep.SyncConfiguration, db.Cursor, error) {
	return db.SelectPage(tx, page, scanConfiguration, func(c lockstep.SyncConfiguration) db.Cursor {
		return db.Cursor{Number: c.ID}
	}, selectConfiguration+
		`WHERE c.account = $1 AND c.region = $2 AND c.sync_type = $3 AND c.link_id = $4 AND c.id > $5
		ORDER BY c.id LIMIT $6`,
		account, region, filter.SyncType, filter.LinkID, page.After.Number)
}

// InsertConfiguration creates a sync configuration and sets its ID, CreatedAt, and
// the owner, name and provider type of its link. The error is NotFound if the caller
// has no such link, and Exists if the resource has a configuration.
func InsertConfiguration(tx *db.Tx, cfg *lockstep.SyncConfiguration) error {
	if err := fillFromLink(tx, cfg); err != nil {
		return err
	}

	cfg.CreatedAt = tx.Now
	err := tx.QueryRow(`INSERT INTO sync_configuration (account, region, sync_type, resource_name, link_id, branch,
		config_file, role_arn, trigger_resource_update_on, publish_deployment_status, pull_request_comment, created_at)
		VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12)
		ON CONFLICT (account, region, sync_type, resource_name) DO NOTHING RETURNING id`,
		cfg.Account, cfg.Region, cfg.SyncType, cfg.ResourceName, cfg.LinkID, cfg.Branch, cfg.ConfigFile, cfg.RoleARN,
		cfg.TriggerResourceUpdateOn, cfg.PublishDeploymentStatus, cfg.PullRequestComment,
		db.Millis(cfg.CreatedAt)).Scan(&cfg.ID)
	if errors.Is(err, db.ErrNoRows) {
		return lockstep.Errorf(lockstep.Exists, "A sync configuration already exists for resource: %s",
			cfg.ResourceName)
	}

	return err
}

// UpdateConfiguration writes a sync configuration, except its account, region, sync
// type and resource name. It adds a version, so that the next repository sync
// examines it. The error is NotFound if the configuration or the caller's link does
// not exist.
func UpdateConfiguration(tx *db.Tx, cfg *lockstep.SyncConfiguration) error {
	if err := fillFromLink(tx, cfg); err != nil {
		return err
	}

	changed, err := tx.Exec(`UPDATE sync_configuration SET link_id = $2, branch = $3, config_file = $4, role_arn = $5,
		trigger_resource_update_on = $6, publish_deployment_status = $7, pull_request_comment = $8,
		version = version + 1 WHERE id = $1`,
		cfg.ID, cfg.LinkID, cfg.Branch, cfg.ConfigFile, cfg.RoleARN,
		cfg.TriggerResourceUpdateOn, cfg.PublishDeploymentStatus, cfg.PullRequestComment)
	if err == nil && changed == 0 {
		return NoConfiguration(cfg.ResourceName)
	}

	return err
}

// TouchConfiguration adds a version to a configuration without changing it, so that
// the next repository sync examines it: a retry. The error is NotFound if it does
// not exist.
func TouchConfiguration(tx *db.Tx, id int64) error {
	changed, err := tx.Exec(`UPDATE sync_configuration SET version = version + 1 WHERE id = $1`, id)
	if err == nil && changed == 0 {
		return noConfigurationID(id)
	}
	return err
}

// DeleteConfiguration deletes a sync configuration, if it exists. Its resource and
// the attempts remain.
func DeleteConfiguration(tx *db.Tx, id int64) error {
	_, err := tx.Exec(`DELETE FROM sync_configuration WHERE id = $1`, id)
	return err
}

func fillFromLink(tx *db.Tx, cfg *lockstep.SyncConfiguration) error {
	link, err := linkRow(tx.QueryRow(`SELECT `+linkColumns+` FROM repository_link
		WHERE id = $1 AND account = $2 AND region = $3`+forKeyShare(tx), cfg.LinkID, cfg.Account, cfg.Region),
		cfg.LinkID)
	if err != nil {
		return err
	}
	cfg.OwnerID, cfg.RepositoryName, cfg.ProviderType = link.OwnerID, link.RepositoryName, link.ProviderType
	return nil
}

// forKeyShare prevents the deletion of a row until the transaction ends. Other
// transactions may update it.
func forKeyShare(tx *db.Tx) string {
	if tx.Dialect == db.Postgres {
		return " FOR KEY SHARE"
	}
	return ""
}

// ScanConfiguration scans ConfigurationColumns, after the columns that the
// statement selects before them.
func ScanConfiguration(row db.Scanner, before ...any) (lockstep.SyncConfiguration, error) {
	var cfg lockstep.SyncConfiguration
	var created int64
	err := row.Scan(append(before,
		&cfg.ID, &cfg.Account, &cfg.Region, &cfg.SyncType, &cfg.ResourceName, &cfg.LinkID, &cfg.Branch,
		&cfg.ConfigFile, &cfg.RoleARN, &cfg.TriggerResourceUpdateOn, &cfg.PublishDeploymentStatus,
		&cfg.PullRequestComment, &created, &cfg.OwnerID, &cfg.RepositoryName, &cfg.ProviderType)...)
	cfg.CreatedAt = db.Time(created)
	return cfg, err
}

func scanConfiguration(row db.Scanner) (lockstep.SyncConfiguration, error) {
	return ScanConfiguration(row)
}
