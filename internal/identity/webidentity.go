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

// TokenExchangeOptions say whose tokens are taken.
type TokenExchangeOptions struct {
	DB  *db.DB
	Key *seal.Key
	// Issuers are asked for their keys, each exactly as it stands in the iss of its
	// tokens. No other is: to others only roles that hold a key set listen.
	Issuers []string
	// Client asks them. It should know whom it may reach; it is made to give up on
	// answers that are long or late, and follows no redirect unless it says so
	// itself. Defaults to one on http.DefaultTransport.
	Client *http.Client
	// Log is told of stored roles that cannot be used. Defaults to nothing.
	Log *slog.Logger
}

// TokenExchange turns tokens of other issuers into sessions. It may be used
// concurrently.
type TokenExchange struct {
	db      *db.DB
	key     *seal.Key
	log     *slog.Logger
	issuers map[string]*issuer
}

// NewTokenExchange makes one of its options. It asks nobody yet.
func NewTokenExchange(options TokenExchangeOptions) *TokenExchange {
	if options.Log == nil {
		options.Log = slog.New(slog.DiscardHandler)
	}
	w := &TokenExchange{db: options.DB, key: options.Key, log: options.Log, issuers: map[string]*issuer{}}
	client := boundedClient(options.Client)
	for _, url := range options.Issuers {
		w.issuers[url] = newIssuer(url, client)
	}
	return w
}

// An AssumeRequest asks for a session.
type AssumeRoleInput struct {
	Account     string
	Role        string
	SessionName string
	Token       string
	// Duration is how long the session is to last; 0 is as long as it may.
	Duration time.Duration
}

// An Assumed is a session and what the token said.
type AssumeRoleOutput struct {
	Session
	Subject  string
	Audience string
	Issuer   string
}

// IsValidSessionName says whether a session may have that name, which becomes part
// of an ARN.
func IsValidSessionName(name string) bool { return len(name) >= 2 && matchesPattern(namePattern, name) }

// AssumeRole gives a session to the holder of a token that a role takes. The error
// is Invalid for a token that nobody's role could take, Stale for one whose time
// is over, Unavailable where its issuer cannot be asked, Limit for a duration
// beyond the role's, and Denied for all else: from that nobody can tell whether
// the account has the role.
func (w *TokenExchange) AssumeRole(ctx context.Context, input AssumeRoleInput) (AssumeRoleOutput, error) {
	if !IsValidSessionName(input.SessionName) {
		return AssumeRoleOutput{}, fmt.Errorf("assume role: %q is no name of a session", input.SessionName)
	}

	t, err := parseToken(input.Token, time.Now())
	if err != nil {
		return AssumeRoleOutput{}, err
	}

	role, there, err := w.role(ctx, input.Account, input.Role)
	if err != nil {
		return AssumeRoleOutput{}, err
	}

	keys, err := w.keys(ctx, t, role)
	if err != nil {
		return AssumeRoleOutput{}, err
	}
	if err := verifySignature(ctx, t, keys); err != nil {
		return AssumeRoleOutput{}, w.verificationError(t, err)
	}

	audience, fits := role.accepts(t)
	if !there || !fits {
		return AssumeRoleOutput{}, lockstep.Errorf(lockstep.Denied, "Not authorized to perform sts:AssumeRoleWithWebIdentity")
	}
	if input.Duration > role.MaxSession {
		return AssumeRoleOutput{}, lockstep.Errorf(lockstep.Limit, "The requested DurationSeconds exceeds the MaxSessionDuration set for this role.")
	}

	if input.Duration == 0 {
		input.Duration = role.MaxSession
	}

	now := time.Now().UTC().Truncate(time.Second)
	s, err := newSession(w.key, Principal{Account: input.Account, Name: input.SessionName, Role: role.Grants, AssumedRole: role.Name, Expires: now.Add(input.Duration)}, role.box, now)
	return AssumeRoleOutput{Session: s, Subject: t.subject, Audience: audience, Issuer: t.issuer}, err
}

// role gives a role, or false where there is none that can be used.
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
		w.log.LogAttrs(ctx, slog.LevelError, "a stored web identity role cannot be used", slog.Any("err", err))
		return roleRow{}, false, nil
	}

	return row, true, nil
}

// keys gives the keys of a token's issuer: those that it is asked for, else
// those that the role holds. That a role holds some must not show, so that there
// are none is said only when the token could not be verified either.
func (w *TokenExchange) keys(ctx context.Context, t idToken, role roleRow) ([]jose.JSONWebKey, error) {
	if i, ok := w.issuers[t.issuer]; ok {
		return i.keysFor(ctx, t)
	}
	if role.JWKS == "" || role.Issuer != t.issuer {
		return nil, nil
	}

	keys, err := parseProvidedKeys(role.JWKS)
	if err != nil {
		w.log.LogAttrs(ctx, slog.LevelError, "the key set of a stored web identity role cannot be used",
			slog.String("role", role.Name), slog.Any("err", err))
	}

	return keys, nil
}

// verificationError is the answer to a token that was not verified.
func (w *TokenExchange) verificationError(t idToken, cause error) error {
	if _, asked := w.issuers[t.issuer]; asked {
		return lockstep.Wrapf(lockstep.Invalid, cause, "The web identity token that was passed could not be validated: its signature is none of its issuer's.")
	}
	return lockstep.Wrapf(lockstep.Invalid, cause, "No OpenIDConnect provider found in your account for %.512s", t.issuer)
}

// verifySignature says whether one of keys has signed a token.
func verifySignature(ctx context.Context, t idToken, keys []jose.JSONWebKey) error {
	var algorithms []string
	for _, a := range allowedAlgorithms() {
		algorithms = append(algorithms, string(a))
	}
	// What else the library looks at, readToken has looked at: with one leeway for
	// all times, and without taking a claim of another name for one it knows.
	_, err := oidc.NewVerifier(t.issuer, &oidc.StaticKeySet{PublicKeys: keysFor(keys, t)}, &oidc.Config{
		SkipClientIDCheck: true, SkipExpiryCheck: true, SupportedSigningAlgs: algorithms,
	}).Verify(ctx, t.raw)
	return err
}
