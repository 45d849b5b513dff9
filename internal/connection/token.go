package connection

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

// maxTokenLength is the longest token that is taken, as long as any credential may be.
const maxTokenLength = 16384

// requestToken asks a host for a token. shown are secrets, beside the client's, that the
// request holds. Errors are *lockstep.Error, or that of a cancelled context: Denied
// where the host refuses, Unavailable where it may give one later.
func (h *Controller) requestToken(ctx context.Context, a provider.Access, c OAuthClient, shown []string,
	fetch func(context.Context, *oauth2.Config) (*oauth2.Token, error)) (lockstep.Credential, error) {
	config, err := h.oauthConfig(a, c)
	if err != nil {
		return lockstep.Credential{}, err
	}

	transport, err := h.options.Transport(a.Host.Certificate())
	if err != nil {
		return lockstep.Credential{}, lockstep.Wrapf(lockstep.Invalid, err, "The host's TLS certificate cannot be read.")
	}

	asking, cancel := context.WithTimeout(ctx, probeTimeout)
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
		return lockstep.Credential{}, tokenError(config.Endpoint.TokenURL, err, append(shown, c.Secret))
	}

	return credentialOf(t, c, config.Endpoint.TokenURL)
}

// credentialOf makes a credential of what a host gave.
func credentialOf(t *oauth2.Token, c OAuthClient, where string) (lockstep.Credential, error) {
	if !isTokenText(t.AccessToken) || t.RefreshToken != "" && !isTokenText(t.RefreshToken) || !strings.EqualFold(t.Type(), "bearer") {
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

// isTokenText says whether a text can be a token: what may stand in a header.
func isTokenText(token string) bool {
	return token != "" && len(token) <= maxTokenLength && !strings.ContainsFunc(token, func(r rune) bool { return r <= ' ' || r > '~' })
}

// errorCode is what RFC 6749 lets a code of an error be, and shorter.
var errorCode = regexp.MustCompile(`^[a-z_]{1,40}$`)

// transientCodes are the codes of errors that time heals.
var transientCodes = []string{"temporarily_unavailable", "server_error", "slow_down"}

// tokenError says why a host gave none. The library's own error is not kept: it
// repeats the host's whole answer.
func tokenError(where string, err error, shown []string) error {
	if ours, ok := errors.AsType[*lockstep.Error](err); ok {
		return ours
	}

	refused, ok := errors.AsType[*oauth2.RetrieveError](err)
	if !ok {
		return transportError(where, err, shown)
	}

	status := refused.Response.StatusCode
	text := where + " answers " + strconv.Itoa(status) + " " + http.StatusText(status)
	code := ""
	if errorCode.MatchString(refused.ErrorCode) {
		code = refused.ErrorCode
		text += ", " + code
	}

	if words := redact(refused.ErrorDescription, shown...); words != "" {
		text += ", and says " + strconv.Quote(lockstep.Truncate(words, maxReason/2))
	}

	fault := &lockstep.Error{Kind: tokenErrorKind(status, code), Message: text + "."}
	if seconds, err := strconv.ParseUint(refused.Response.Header.Get("Retry-After"), 10, 12); err == nil && fault.Kind == lockstep.Unavailable {
		fault.Err = &provider.Later{Wait: time.Duration(seconds) * time.Second}
	}

	return fault
}

// tokenErrorKind says who has to act on an answer without a token.
func tokenErrorKind(status int, code string) lockstep.Kind {
	switch {
	case slices.Contains(transientCodes, code), status == http.StatusTooManyRequests, status == http.StatusRequestTimeout, status >= 500:
		return lockstep.Unavailable
	case status/100 == 3:
		return lockstep.Invalid
	}
	return lockstep.Denied
}

// transportError is for a host that gave no answer, or one that could not be read.
func transportError(where string, err error, shown []string) error {
	var wire *url.Error
	if errors.As(err, &wire) {
		return lockstep.Errorf(lockstep.Unavailable, "%s cannot be reached: %s", where, redact(wire.Err.Error(), shown...))
	}
	return lockstep.Errorf(lockstep.Unavailable, "%s answers with something that is no token.", where)
}
