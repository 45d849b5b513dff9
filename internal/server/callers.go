package server

import (
	"log/slog"
	"net/http"

	"github.com/lockstephq/lockstep/internal/access"
	"github.com/lockstephq/lockstep/internal/identity"
	"github.com/lockstephq/lockstep/internal/sts"
)

// callers are what the administrator has decided of those who call. The zero
// value takes all keys, trusts no issuer, and limits nobody.
type callers struct {
	quotas       access.Quotas
	rates        access.Rates
	issuers      []string
	sessionsOnly bool
}

func callersOf(c Config) callers {
	all := callers{
		rates:        access.Rates{Read: c.ThrottleRead, Write: c.ThrottleWrite, Host: c.ThrottleHost},
		issuers:      c.WebIdentityIssuers,
		sessionsOnly: !c.LongLivedKeys,
	}
	if c.AWSQuotas {
		all.quotas = access.AWSQuotas()
	}
	return all
}

// directory says who has which key, and which policies.
func (p plan) directory() (*identity.Directory, error) {
	return identity.NewDirectory(identity.Options{DB: p.db, Key: p.key, SessionsOnly: p.callers.sessionsOnly,
		Log: p.log.With(slog.String("room", "identity"))})
}

// withSTS answers on the API's port those who come for a session: the SDKs ask
// STS in another protocol, by which it is told from the API.
func (s *server) withSTS(next http.Handler, directory *identity.Directory) http.Handler {
	tokens := sts.New(sts.Options{
		Directory: directory,
		WebIdentities: identity.NewTokenExchange(identity.TokenExchangeOptions{
			DB: s.db, Key: s.key, Issuers: s.callers.issuers, Log: s.log.With(slog.String("room", "identity")),
		}),
		Log: s.log.With(slog.String("room", "sts")), Observe: s.observe,
	})
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if sts.Wants(r) {
			tokens.ServeHTTP(w, r)
			return
		}
		next.ServeHTTP(w, r)
	})
}
