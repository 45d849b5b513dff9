package api

import (
	"github.com/lockstephq/lockstep"
	"github.com/lockstephq/lockstep/internal/db"
	"github.com/lockstephq/lockstep/internal/store"
)

// Quotas are how many things an account may have in a region.
type Quotas struct {
	Keys                   int // access keys of the account, disabled ones included
	Hosts                  int
	Connections            int
	Links                  int
	Configurations         int // 0 is as many as the links allow
	ConfigurationsOfLink   int
	ConfigurationsOfBranch int // of one link
}

// SafetyQuotas keep a script that runs wild from filling the database. Nobody
// should ever meet them.
func SafetyQuotas() Quotas {
	return Quotas{Keys: maxKeys, Hosts: 1_000, Connections: 10_000, Links: 100_000, ConfigurationsOfLink: 10_000, ConfigurationsOfBranch: 10_000}
}

// AWSQuotas are those that AWS has for an account and region
// (https://docs.aws.amazon.com/dtconsole/latest/userguide/limits-connections.html).
func AWSQuotas() Quotas {
	return Quotas{Keys: maxKeys, Hosts: 50, Connections: 250, Links: 100, Configurations: 100, ConfigurationsOfLink: 100, ConfigurationsOfBranch: 50}
}

// maxKeys keeps a job that makes a key each day, and deletes none, from going on
// for ever. AWS has two for a user; here users are names.
const maxKeys = 1_000

// maxTags is how many tags a thing may have, as everywhere at AWS.
const maxTags = 50

// CheckQuota says whether there is room for one more; Limit where there is none.
func (c Caller) CheckQuota(tx *db.Tx, what store.Countable, limit int, noun string) error {
	return CheckQuotaIn(tx, what, store.Scope{Account: c.Account, Region: c.Region}, limit, noun)
}

func CheckQuotaIn(tx *db.Tx, what store.Countable, scope store.Scope, limit int, noun string) error {
	if limit == 0 {
		return nil
	}
	reached, err := store.IsQuotaReached(tx, what, scope, limit)
	if err == nil && reached {
		return lockstep.Errorf(lockstep.Limit, "There are %d %s already, which is the limit.", limit, noun)
	}
	return err
}

// checkConfigurationQuota asks all three limits of sync configurations.
func (s *Service) checkConfigurationQuota(tx *db.Tx, cfg lockstep.SyncConfiguration) error {
	in := store.Scope{Account: cfg.Account, Region: cfg.Region}
	if err := CheckQuotaIn(tx, store.CountConfigurations, in, s.o.Quotas.Configurations, "sync configurations"); err != nil {
		return err
	}
	return s.checkMoveQuota(tx, lockstep.SyncConfiguration{}, cfg)
}

// checkMoveQuota asks the limits of the link and of the branch that a configuration
// comes to. Where it has been already there is room for it.
func (s *Service) checkMoveQuota(tx *db.Tx, from, cfg lockstep.SyncConfiguration) error {
	scope := store.Scope{Account: cfg.Account, Region: cfg.Region, LinkID: cfg.LinkID, Branch: cfg.Branch}
	if from.LinkID != cfg.LinkID {
		err := CheckQuotaIn(tx, store.CountConfigurationsOfLink, scope, s.o.Quotas.ConfigurationsOfLink, "sync configurations of this repository link")
		if err != nil {
			return err
		}
	}
	if from.LinkID == cfg.LinkID && from.Branch == cfg.Branch {
		return nil
	}
	return CheckQuotaIn(tx, store.CountConfigurationsOfBranch, scope, s.o.Quotas.ConfigurationsOfBranch, "sync configurations of this branch")
}
