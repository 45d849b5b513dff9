package server

import (
	"github.com/lockstephq/lockstep/internal/access"
	"github.com/lockstephq/lockstep/internal/config"
	"github.com/lockstephq/lockstep/internal/identity"
)

// Callers limit what callers may do. The zero value accepts all access keys, trusts no issuer and
// limits no rate.
type Callers struct {
	Quotas       access.Quotas
	Rates        access.Rates
	Issuers      []string // of web identity tokens
	SessionsOnly bool     // access keys sign no calls
}

func callersOf(settings config.Settings) Callers {
	callers := Callers{
		Rates: access.Rates{
			Read:  settings.ThrottleRead,
			Write: settings.ThrottleWrite,
			Host:  settings.ThrottleHost,
		},
		Issuers:      settings.WebIdentityIssuers,
		SessionsOnly: !settings.LongLivedKeys,
	}
	if settings.AWSQuotas {
		callers.Quotas = access.AWSQuotas()
	}
	return callers
}

// openDirectory opens the directory of access keys and policies.
func (s *Server) openDirectory() (*identity.Directory, error) {
	return identity.NewDirectory(identity.Options{
		DB:           s.options.DB,
		Key:          s.options.SealKey,
		SessionsOnly: s.options.Callers.SessionsOnly,
		Log:          s.logOf("identity"),
	})
}
