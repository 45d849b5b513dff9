package access

import (
	"github.com/lockstephq/lockstep"
	"github.com/lockstephq/lockstep/internal/db"
	"github.com/lockstephq/lockstep/internal/store"
)

// Quotas are how many resources an account may have in a region. Zero is no limit.
type Quotas struct {
	Keys                   int // access keys of the account, disabled ones included
	Hosts                  int
	Connections            int
	Links                  int
	Configurations         int
	ConfigurationsOfLink   int
	ConfigurationsOfBranch int // of one link
}

// maxKeys stops a job that creates a key each day and deletes none. AWS allows
// two keys a user, but Lockstep's users are only names.
const maxKeys = 1_000

// SafetyQuotas are the defaults. They are far above normal use and keep a faulty
// script from filling the database.
func SafetyQuotas() Quotas {
	return Quotas{
		Keys:                   maxKeys,
		Hosts:                  1_000,
		Connections:            10_000,
		Links:                  100_000,
		ConfigurationsOfLink:   10_000,
		ConfigurationsOfBranch: 10_000,
	}
}

// AWSQuotas are the quotas of AWS
// (https://docs.aws.amazon.com/dtconsole/latest/userguide/limits-connections.html).
func AWSQuotas() Quotas {
	return Quotas{
		Keys:                   maxKeys,
		Hosts:                  50,
		Connections:            250,
		Links:                  100,
		Configurations:         100,
		ConfigurationsOfLink:   100,
		ConfigurationsOfBranch: 50,
	}
}

// CheckQuota returns Limit if limit resources exist in scope already. The noun
// names them in the message.
func CheckQuota(tx *db.Tx, resources store.Countable, scope store.Scope, limit int, noun string) error {
	if limit == 0 {
		return nil
	}
	reached, err := store.IsQuotaReached(tx, resources, scope, limit)
	if err == nil && reached {
		return lockstep.Errorf(lockstep.Limit, "There are %d %s already, which is the limit.", limit, noun)
	}
	return err
}

// CheckNewConfiguration returns Limit if the account, the link or the branch can
// have no more sync configurations.
func (q Quotas) CheckNewConfiguration(tx *db.Tx, cfg lockstep.SyncConfiguration) error {
	scope := store.Scope{Account: cfg.Account, Region: cfg.Region}
	if err := CheckQuota(tx, store.CountConfigurations, scope, q.Configurations, "sync configurations"); err != nil {
		return err
	}
	return q.CheckMove(tx, lockstep.SyncConfiguration{}, cfg)
}

// CheckMove returns Limit if a sync configuration moves to a link or a branch that
// can have no more.
func (q Quotas) CheckMove(tx *db.Tx, from, target lockstep.SyncConfiguration) error {
	scope := store.Scope{
		Account: target.Account,
		Region:  target.Region,
		LinkID:  target.LinkID,
		Branch:  target.Branch,
	}
	if from.LinkID != target.LinkID {
		err := CheckQuota(tx, store.CountConfigurationsOfLink, scope, q.ConfigurationsOfLink,
			"sync configurations of this repository link")
		if err != nil {
			return err
		}
	}

	if from.LinkID == target.LinkID && from.Branch == target.Branch {
		return nil
	}

	return CheckQuota(tx, store.CountConfigurationsOfBranch, scope, q.ConfigurationsOfBranch,
		"sync configurations of this branch")
}
