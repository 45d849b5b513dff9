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

// room says whether there is room for one more; Limit where there is none.
func (c Caller) room(tx *db.Tx, what store.Countable, limit int, noun string) error {
	return roomIn(tx, what, store.Scope{Account: c.Account, Region: c.Region}, limit, noun)
}

func roomIn(tx *db.Tx, what store.Countable, in store.Scope, limit int, noun string) error {
	if limit == 0 {
		return nil
	}
	reached, err := store.Reached(tx, what, in, limit)
	if err == nil && reached {
		return lockstep.Errorf(lockstep.Limit, "There are %d %s already, which is the limit.", limit, noun)
	}
	return err
}

// roomForConfiguration asks all three limits of sync configurations.
func (s *Service) roomForConfiguration(tx *db.Tx, cfg lockstep.SyncConfiguration) error {
	in := store.Scope{Account: cfg.Account, Region: cfg.Region}
	if err := roomIn(tx, store.CountConfigurations, in, s.o.Quotas.Configurations, "sync configurations"); err != nil {
		return err
	}
	return s.roomToMove(tx, lockstep.SyncConfiguration{}, cfg)
}

// roomToMove asks the limits of the link and of the branch that a configuration
// comes to. Where it has been already there is room for it.
func (s *Service) roomToMove(tx *db.Tx, from, to lockstep.SyncConfiguration) error {
	in := store.Scope{Account: to.Account, Region: to.Region, LinkID: to.LinkID, Branch: to.Branch}
	if from.LinkID != to.LinkID {
		err := roomIn(tx, store.CountConfigurationsOfLink, in, s.o.Quotas.ConfigurationsOfLink, "sync configurations of this repository link")
		if err != nil {
			return err
		}
	}
	if from.LinkID == to.LinkID && from.Branch == to.Branch {
		return nil
	}
	return roomIn(tx, store.CountConfigurationsOfBranch, in, s.o.Quotas.ConfigurationsOfBranch, "sync configurations of this branch")
}
