package iam

import (
	"github.com/lockstephq/lockstep/internal/access"
	"github.com/lockstephq/lockstep/internal/db"
	"github.com/lockstephq/lockstep/internal/identity"
	"github.com/lockstephq/lockstep/internal/seal"
	"github.com/lockstephq/lockstep/internal/store"
)

// Options are what a Service needs. Fields without a default are required.
type Options struct {
	DB *db.DB
	// Directory caches keys and policies. Its cached policies are invalidated when they change.
	Directory *identity.Directory
	// Seal encrypts secrets and page tokens.
	Seal *seal.Key
	// WebIdentityIssuers are the issuers of tokens that roles may trust without
	// holding their keys. Defaults to none.
	WebIdentityIssuers []string
	// Quotas bound the access keys of an account. Defaults to
	// [access.SafetyQuotas].
	Quotas access.Quotas
}

// A Service performs operations. It is safe for concurrent use.
type Service struct {
	options Options
}

// New returns a Service.
func New(options Options) *Service {
	if options.Quotas == (access.Quotas{}) {
		options.Quotas = access.SafetyQuotas()
	}
	return &Service{options}
}

// checkKeyQuota returns Limit if the account can have no more access keys.
func (s *Service) checkKeyQuota(tx *db.Tx, caller access.Caller) error {
	return access.CheckQuota(tx, store.CountKeys, caller.Scope(), s.options.Quotas.Keys, "access keys")
}

func (s *Service) list(caller access.Caller, name string) access.List {
	return access.NewList(s.options.Seal, caller, name)
}
