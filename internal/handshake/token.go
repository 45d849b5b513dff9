package handshake

import (
	"context"
	"errors"
	"net/http"
	"net/url"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"

	"golang.org/x/oauth2"

	"github.com/lockstephq/lockstep"
	"github.com/lockstephq/lockstep/internal/provider"
)

// maxToken is the longest token that is taken, as long as any credential may be.
const maxToken = 16384

// token asks a host for a token. shown are secrets, beside the client's, that the
// request holds. Errors are *lockstep.Error, or that of a cancelled context: Denied
// where the host refuses, Unavailable where it may give one later.
func (h *Handshake) token(ctx context.Context, a provider.Access, c Client, shown []string,
	fetch func(context.Context, *oauth2.Config) (*oauth2.Token, error)) (lockstep.Credential, error) {
	config, err := h.config(a, c)
	if err != nil {
		return lockstep.Credential{}, err
	}

	transport, err := h.o.Transport(a.Host.Certificate())
	if err != nil {
		return lockstep.Credential{}, lockstep.Wrapf(lockstep.Invalid, err, "The host's TLS certificate cannot be read.")
	}

	asking, cancel := context.WithTimeout(ctx, askTimeout)
	defer cancel()

	asking = context.WithValue(asking, oauth2.HTTPClient, &http.Client{
		Transport: transport,
		// What is shown is for this address alone.
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	})

	t, err := fetch(asking, config)
	if errors.Is(ctx.Err(), context.Canceled) {
		return lockstep.Credential{}, ctx.Err()
	}
	if err != nil {
		return lockstep.Credential{}, noToken(config.Endpoint.TokenURL, err, append(shown, c.Secret))
	}

	return credentialOf(t, c, config.Endpoint.TokenURL)
}

// credentialOf makes a credential of what a host gave.
func credentialOf(t *oauth2.Token, c Client, where string) (lockstep.Credential, error) {
	if !plausible(t.AccessToken) || t.RefreshToken != "" && !plausible(t.RefreshToken) || !strings.EqualFold(t.Type(), "bearer") {
		return lockstep.Credential{}, lockstep.Errorf(lockstep.Invalid, "%s answers with something that is no bearer token.", where)
	}
	held := lockstep.Credential{
		Kind: lockstep.OAuthCredential, Secret: t.AccessToken, RefreshToken: t.RefreshToken,
		ClientID: c.ID, ClientSecret: c.Secret, ExpiresAt: t.Expiry.UTC().Truncate(time.Millisecond),
	}
	if t.Expiry.IsZero() { // it never ends, so nothing renews it
		held.RefreshToken, held.ExpiresAt = "", time.Time{}
	}
	return held, held.Validate()
}

// plausible says whether a text can be a token: what may stand in a header.
func plausible(token string) bool {
	return token != "" && len(token) <= maxToken && !strings.ContainsFunc(token, func(r rune) bool { return r <= ' ' || r > '~' })
}

// errorCode is what RFC 6749 lets a code of an error be, and shorter.
var errorCode = regexp.MustCompile(`^[a-z_]{1,40}$`)

// passing are the codes of errors that time heals.
var passing = []string{"temporarily_unavailable", "server_error", "slow_down"}

// noToken says why a host gave none. The library's own error is not kept: it
// repeats the host's whole answer.
func noToken(where string, err error, shown []string) error {
	if ours, ok := errors.AsType[*lockstep.Error](err); ok {
		return ours
	}

	refused, ok := errors.AsType[*oauth2.RetrieveError](err)
	if !ok {
		return notReached(where, err, shown)
	}

	status := refused.Response.StatusCode
	text := where + " answers " + strconv.Itoa(status) + " " + http.StatusText(status)
	code := ""
	if errorCode.MatchString(refused.ErrorCode) {
		code = refused.ErrorCode
		text += ", " + code
	}

	if words := repeat(refused.ErrorDescription, shown...); words != "" {
		text += ", and says " + strconv.Quote(lockstep.Truncate(words, maxReason/2))
	}

	fault := &lockstep.Error{Kind: kindOf(status, code), Message: text + "."}
	if seconds, err := strconv.ParseUint(refused.Response.Header.Get("Retry-After"), 10, 12); err == nil && fault.Kind == lockstep.Unavailable {
		fault.Err = &provider.Later{Wait: time.Duration(seconds) * time.Second}
	}

	return fault
}

// kindOf says who has to act on an answer without a token.
func kindOf(status int, code string) lockstep.Kind {
	switch {
	case slices.Contains(passing, code), status == http.StatusTooManyRequests, status == http.StatusRequestTimeout, status >= 500:
		return lockstep.Unavailable
	case status/100 == 3:
		return lockstep.Invalid
	}
	return lockstep.Denied
}

// notReached is for a host that gave no answer, or one that could not be read.
func notReached(where string, err error, shown []string) error {
	var wire *url.Error
	if errors.As(err, &wire) {
		return lockstep.Errorf(lockstep.Unavailable, "%s cannot be reached: %s", where, repeat(wire.Err.Error(), shown...))
	}
	return lockstep.Errorf(lockstep.Unavailable, "%s answers with something that is no token.", where)
}
