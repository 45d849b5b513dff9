package identity

import (
	"context"
	"fmt"
	"log/slog"
	"net/http"
	"time"

	"github.com/coreos/go-oidc/v3/oidc"
	jose "github.com/go-jose/go-jose/v4"

	"github.com/lockstephq/lockstep"
	"github.com/lockstephq/lockstep/internal/db"
	"github.com/lockstephq/lockstep/internal/seal"
)

// TokenExchangeOptions configure a TokenExchange.
type TokenExchangeOptions struct {
	DB  *db.DB
	Key *seal.Key
	// Issuers are those whose keys are fetched, exactly as in the iss of their
	// tokens. Tokens of other issuers are accepted only by roles that have a key
	// set.
	Issuers []string
	// Client fetches the keys. It should restrict which addresses it reaches; the
	// size and time of responses are limited, and redirects are not followed unless
	// it has a policy of its own. Defaults to http.DefaultTransport.
	Client *http.Client
	// Log receives errors about unusable stored roles. Defaults to discarding them.
	Log *slog.Logger
}

// A TokenExchange exchanges tokens of other issuers for sessions. It may be used
// concurrently.
type TokenExchange struct {
	db      *db.DB
	key     *seal.Key
	log     *slog.Logger
	issuers map[string]*issuer
}

// NewTokenExchange returns a TokenExchange. It makes no requests yet.
func NewTokenExchange(options TokenExchangeOptions) *TokenExchange {
	if options.Log == nil {
		options.Log = slog.New(slog.DiscardHandler)
	}
	w := &TokenExchange{
		db:      options.DB,
		key:     options.Key,
		log:     options.Log,
		issuers: map[string]*issuer{},
	}
	client := boundedClient(options.Client)
	for _, url := range options.Issuers {
		w.issuers[url] = newIssuer(url, client)
	}
	return w
}

// An AssumeRoleInput is a request for a session.
type AssumeRoleInput struct {
	Account     string
	Role        string
	SessionName string
	Token       string
	// Duration is the duration of the session; 0 is the role's maximum.
	Duration time.Duration
}

// An AssumeRoleOutput is a session and the token's claims.
type AssumeRoleOutput struct {
	Session
	Subject  string
	Audience string
	Issuer   string
}

// IsValidSessionName reports whether a session may have a name, which becomes part
// of an ARN.
func IsValidSessionName(name string) bool { return len(name) >= 2 && matchesPattern(namePattern, name) }

// AssumeRole returns a session for a token that the role accepts. The error is
// Invalid for a token that no role accepts, Stale for an expired one, Unavailable
// if its issuer cannot be reached, Limit for a duration above the role's maximum,
// and Denied otherwise, so that a caller cannot learn whether the account has the
// role.
func (w *TokenExchange) AssumeRole(ctx context.Context, input AssumeRoleInput) (AssumeRoleOutput, error) {
	if !IsValidSessionName(input.SessionName) {
		return AssumeRoleOutput{}, fmt.Errorf("assume role: %q is not a session name", input.SessionName)
	}

	token, err := parseToken(input.Token, time.Now())
	if err != nil {
		return AssumeRoleOutput{}, err
	}

	role, exists, err := w.role(ctx, input.Account, input.Role)
	if err != nil {
		return AssumeRoleOutput{}, err
	}

	keys, err := w.keys(ctx, token, role)
	if err != nil {
		return AssumeRoleOutput{}, err
	}
	if err := verifySignature(ctx, token, keys); err != nil {
		return AssumeRoleOutput{}, w.verificationError(token, err)
	}

	audience, accepted := role.accepts(token)
	if !exists || !accepted {
		return AssumeRoleOutput{}, lockstep.Errorf(lockstep.Denied,
			"Not authorized to perform sts:AssumeRoleWithWebIdentity")
	}
	if input.Duration > role.MaxSession {
		return AssumeRoleOutput{}, lockstep.Errorf(lockstep.Limit,
			"The requested DurationSeconds exceeds the MaxSessionDuration set for this role.")
	}

	if input.Duration == 0 {
		input.Duration = role.MaxSession
	}

	now := time.Now().UTC().Truncate(time.Second)
	session, err := newSession(w.key, Principal{
		Account:     input.Account,
		Name:        input.SessionName,
		Role:        role.Grants,
		AssumedRole: role.Name,
		Expires:     now.Add(input.Duration),
	}, role.box, now)
	return AssumeRoleOutput{
		Session:  session,
		Subject:  token.subject,
		Audience: audience,
		Issuer:   token.issuer,
	}, err
}

// role reads a role. It reports false if there is none that can be used.
func (w *TokenExchange) role(ctx context.Context, account, name string) (roleRow, bool, error) {
	var row roleRow
	err := w.db.ViewOnce(ctx, func(tx *db.Tx) (err error) {
		row, err = readRole(tx, account, name)
		return err
	})
	if lockstep.KindOf(err) == lockstep.NotFound {
		return roleRow{}, false, nil
	}

	if err != nil {
		return roleRow{}, false, err
	}

	if err := row.open(w.key, account); err != nil {
		w.log.LogAttrs(ctx, slog.LevelError, "stored web identity role cannot be used", slog.Any("err", err))
		return roleRow{}, false, nil
	}

	return row, true, nil
}

// keys returns the keys of a token's issuer: fetched, or else those of the role. If
// there are none, the error comes only from the failed verification, so that a
// caller cannot learn whether the role has a key set.
func (w *TokenExchange) keys(ctx context.Context, t idToken, role roleRow) ([]jose.JSONWebKey, error) {
	if i, ok := w.issuers[t.issuer]; ok {
		return i.keysFor(ctx, t)
	}
	if role.JWKS == "" || role.Issuer != t.issuer {
		return nil, nil
	}

	keys, err := parseProvidedKeys(role.JWKS)
	if err != nil {
		w.log.LogAttrs(ctx, slog.LevelError, "the key set of stored web identity role cannot be used",
			slog.String("role", role.Name), slog.Any("err", err))
	}

	return keys, nil
}

// verificationError is the error for a token whose signature was not verified.
func (w *TokenExchange) verificationError(t idToken, cause error) error {
	if _, asked := w.issuers[t.issuer]; asked {
		return lockstep.Wrapf(lockstep.Invalid, cause,
			"The web identity token that was passed could not be validated: its signature does not match its "+
				"issuer's keys.")
	}
	return lockstep.Wrapf(lockstep.Invalid, cause, "No OpenIDConnect provider found in your account for %.512s",
		t.issuer)
}

// verifySignature returns an error unless one of keys has signed a token.
func verifySignature(ctx context.Context, t idToken, keys []jose.JSONWebKey) error {
	var algorithms []string
	for _, a := range allowedAlgorithms() {
		algorithms = append(algorithms, string(a))
	}
	// parseToken has checked the other claims, with one leeway for all times and by
	// exact names.
	_, err := oidc.NewVerifier(t.issuer, &oidc.StaticKeySet{PublicKeys: keysFor(keys, t)}, &oidc.Config{
		SkipClientIDCheck:    true,
		SkipExpiryCheck:      true,
		SupportedSigningAlgs: algorithms,
	}).Verify(ctx, t.raw)
	return err
}
