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

// Configuration reads the caller's sync configuration of a resource. NotFound
// when there is none.
func Configuration(tx *db.Tx, account lockstep.AccountID, region string, t lockstep.SyncType, name string) (lockstep.SyncConfiguration, error) {
	c, err := ScanConfiguration(tx.QueryRow(selectConfiguration+
		`WHERE c.account = $1 AND c.region = $2 AND c.sync_type = $3 AND c.resource_name = $4`,
		account, region, t, name))
	return c, notFoundAs(err, NoConfiguration(name))
}

// LockConfiguration is Configuration that keeps the row locked until the
// transaction ends, for whoever is about to change or delete it.
func LockConfiguration(tx *db.Tx, account lockstep.AccountID, region string, t lockstep.SyncType, name string) (lockstep.SyncConfiguration, error) {
	c, err := ScanConfiguration(tx.QueryRow(selectConfiguration+
		`WHERE c.account = $1 AND c.region = $2 AND c.sync_type = $3 AND c.resource_name = $4`+lockOnly(tx, "c"),
		account, region, t, name))
	return c, notFoundAs(err, NoConfiguration(name))
}

// lockOnly is tx.ForUpdate for one table of a join.
func lockOnly(tx *db.Tx, alias string) string {
	if lock := tx.ForUpdate(); lock != "" {
		return lock + " OF " + alias
	}
	return ""
}

// ConfigurationByID reads a sync configuration whoever it belongs to. NotFound
// when there is none, also when it was deleted and made again: an id is never
// used twice.
func ConfigurationByID(tx *db.Tx, id int64) (lockstep.SyncConfiguration, error) {
	c, err := ScanConfiguration(tx.QueryRow(selectConfiguration+`WHERE c.id = $1`, id))
	return c, notFoundAs(err, noConfigurationID(id))
}

// ConfigurationsOf reads all sync configurations that follow a branch of a
// link, oldest first: what a repository sync has to look at.
func ConfigurationsOf(tx *db.Tx, linkID, branch string) ([]lockstep.SyncConfiguration, error) {
	return db.Select(tx, scanConfiguration, selectConfiguration+
		`WHERE c.link_id = $1 AND c.branch = $2 ORDER BY c.id`, linkID, branch)
}

// A ConfigurationFilter names the list that is read: the configurations of one
// type that use one link.
type ConfigurationFilter struct {
	SyncType lockstep.SyncType
	LinkID   string
}

// Configurations reads a page of the caller's sync configurations, oldest
// first.
func Configurations(tx *db.Tx, account lockstep.AccountID, region string, filter ConfigurationFilter, page db.Page) ([]lockstep.SyncConfiguration, db.Cursor, error) {
	return db.SelectPage(tx, page, scanConfiguration, func(c lockstep.SyncConfiguration) db.Cursor {
		return db.Cursor{Number: c.ID}
	}, selectConfiguration+
		`WHERE c.account = $1 AND c.region = $2 AND c.sync_type = $3 AND c.link_id = $4 AND c.id > $5
		ORDER BY c.id LIMIT $6`,
		account, region, filter.SyncType, filter.LinkID, page.After.Number)
}

// InsertConfiguration makes a sync configuration and fills what the database
// knows: ID, CreatedAt, and the link's owner, name and provider type. NotFound
// when the caller has no such link, Exists when the resource has a
// configuration.
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
		cfg.TriggerResourceUpdateOn, cfg.PublishDeploymentStatus, cfg.PullRequestComment, db.Millis(cfg.CreatedAt)).Scan(&cfg.ID)
	if errors.Is(err, db.ErrNoRows) {
		return lockstep.Errorf(lockstep.Exists, "A sync configuration already exists for resource: %s", cfg.ResourceName)
	}

	return err
}

// UpdateConfiguration writes everything of a sync configuration but what it is
// known by (account, region, sync type, resource name), and makes the next
// repository sync look at it whatever has changed. NotFound when it, or the
// caller's link, is not there.
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

// TouchConfiguration makes the next repository sync look at a configuration
// although nothing of it has changed: a retry. NotFound when it is not there.
func TouchConfiguration(tx *db.Tx, id int64) error {
	n, err := tx.Exec(`UPDATE sync_configuration SET version = version + 1 WHERE id = $1`, id)
	if err == nil && n == 0 {
		return noConfigurationID(id)
	}
	return err
}

// DeleteConfiguration removes a sync configuration. That it is gone already is
// no error. The resource and its attempts stay.
func DeleteConfiguration(tx *db.Tx, id int64) error {
	_, err := tx.Exec(`DELETE FROM sync_configuration WHERE id = $1`, id)
	return err
}

func fillFromLink(tx *db.Tx, cfg *lockstep.SyncConfiguration) error {
	link, err := linkRow(tx.QueryRow(`SELECT `+linkColumns+` FROM repository_link
		WHERE id = $1 AND account = $2 AND region = $3`+forKeyShare(tx), cfg.LinkID, cfg.Account, cfg.Region), cfg.LinkID)
	if err != nil {
		return err
	}
	cfg.OwnerID, cfg.RepositoryName, cfg.ProviderType = link.OwnerID, link.RepositoryName, link.ProviderType
	return nil
}

// forKeyShare keeps a row from being deleted until the transaction ends, and
// lets others write its columns.
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
	err := row.Scan(append(before, &cfg.ID, &cfg.Account, &cfg.Region, &cfg.SyncType, &cfg.ResourceName, &cfg.LinkID, &cfg.Branch,
		&cfg.ConfigFile, &cfg.RoleARN, &cfg.TriggerResourceUpdateOn, &cfg.PublishDeploymentStatus, &cfg.PullRequestComment,
		&created, &cfg.OwnerID, &cfg.RepositoryName, &cfg.ProviderType)...)
	cfg.CreatedAt = db.Time(created)
	return cfg, err
}

func scanConfiguration(row db.Scanner) (lockstep.SyncConfiguration, error) {
	return ScanConfiguration(row)
}
