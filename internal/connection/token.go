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

// maxTokenLength is the longest token accepted, in bytes: the limit of any
// credential.
const maxTokenLength = 16384

// requestToken requests a token from a host. secrets are those in the request, in
// addition to the client's. The error is a *lockstep.Error or that of a cancelled
// context: Denied if the host refuses, Unavailable if it may grant the token later.
func (c *Controller) requestToken(
	ctx context.Context,
	access provider.Access,
	client OAuthClient,
	secrets []string,
	fetch func(context.Context, *oauth2.Config) (*oauth2.Token, error),
) (lockstep.Credential, error) {
	config, err := c.oauthConfig(access, client)
	if err != nil {
		return lockstep.Credential{}, err
	}

	transport, err := c.options.Transport(access.Host.Certificate())
	if err != nil {
		return lockstep.Credential{}, lockstep.Wrapf(lockstep.Invalid, err,
			"The host's TLS certificate could not be read.")
	}

	requestCtx, cancel := context.WithTimeout(ctx, probeTimeout)
	defer cancel()

	requestCtx = context.WithValue(requestCtx, oauth2.HTTPClient, &http.Client{
		Transport: transport,
		// The request's secrets are meant for this address only.
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	})

	token, err := fetch(requestCtx, config)
	if errors.Is(ctx.Err(), context.Canceled) {
		return lockstep.Credential{}, ctx.Err()
	}
	if err != nil {
		return lockstep.Credential{}, tokenError(config.Endpoint.TokenURL, err, append(secrets, client.Secret))
	}

	return credentialOf(token, client, config.Endpoint.TokenURL)
}

// credentialOf converts a token response to a credential.
func credentialOf(token *oauth2.Token, client OAuthClient, tokenURL string) (lockstep.Credential, error) {
	isBearer := isTokenText(token.AccessToken) && strings.EqualFold(token.Type(), "bearer")
	if !isBearer || token.RefreshToken != "" && !isTokenText(token.RefreshToken) {
		return lockstep.Credential{}, lockstep.Errorf(lockstep.Invalid, "%s did not return a bearer token.", tokenURL)
	}

	credential := lockstep.Credential{
		Kind:         lockstep.OAuthCredential,
		Secret:       token.AccessToken,
		ClientID:     client.ID,
		ClientSecret: client.Secret,
	}
	if !token.Expiry.IsZero() { // a token that does not expire is not renewed
		credential.RefreshToken = token.RefreshToken
		credential.ExpiresAt = token.Expiry.UTC().Truncate(time.Millisecond)
	}

	return credential, credential.Validate()
}

// isTokenText reports whether a text can be a token in an HTTP header.
func isTokenText(token string) bool {
	isForbidden := func(r rune) bool { return r <= ' ' || r > '~' }
	return token != "" && len(token) <= maxTokenLength && !strings.ContainsFunc(token, isForbidden)
}

// errorCode matches the error codes of RFC 6749, up to 40 characters.
var errorCode = regexp.MustCompile(`^[a-z_]{1,40}$`)

// transientCodes are the error codes after which a retry may succeed.
var transientCodes = []string{"temporarily_unavailable", "server_error", "slow_down"}

// tokenError returns the error for a failed token request. It does not wrap the
// library's error, which contains the host's whole response.
func tokenError(tokenURL string, err error, secrets []string) error {
	if ours, ok := errors.AsType[*lockstep.Error](err); ok {
		return ours
	}

	refused, ok := errors.AsType[*oauth2.RetrieveError](err)
	if !ok {
		return transportError(tokenURL, err, secrets)
	}

	status := refused.Response.StatusCode
	message := tokenURL + " returned " + strconv.Itoa(status) + " " + http.StatusText(status)
	code := ""
	if errorCode.MatchString(refused.ErrorCode) {
		code = refused.ErrorCode
		message += ", " + code
	}

	if description := redact(refused.ErrorDescription, secrets...); description != "" {
		message += ", with the message " + strconv.Quote(lockstep.Truncate(description, maxReason/2))
	}

	result := &lockstep.Error{Kind: tokenErrorKind(status, code), Message: message + "."}
	seconds, err := strconv.ParseUint(refused.Response.Header.Get("Retry-After"), 10, 12)
	if err == nil && result.Kind == lockstep.Unavailable {
		result.Err = &provider.RetryAfterError{Wait: time.Duration(seconds) * time.Second}
	}

	return result
}

// tokenErrorKind returns who has to act on a refusal.
func tokenErrorKind(status int, code string) lockstep.Kind {
	switch {
	case slices.Contains(transientCodes, code),
		status == http.StatusTooManyRequests, status == http.StatusRequestTimeout, status >= 500:
		return lockstep.Unavailable
	case status/100 == 3:
		return lockstep.Invalid
	}
	return lockstep.Denied
}

// transportError is the error for a host that did not answer, or whose response is
// not a token.
func transportError(tokenURL string, err error, secrets []string) error {
	if urlError, ok := errors.AsType[*url.Error](err); ok {
		return lockstep.Errorf(lockstep.Unavailable, "%s could not be reached: %s", tokenURL,
			redact(urlError.Err.Error(), secrets...))
	}
	return lockstep.Errorf(lockstep.Unavailable, "%s did not return a token.", tokenURL)
}
