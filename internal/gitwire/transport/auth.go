package transport

import (
	"context"
	"encoding/base64"
	"fmt"
	"log/slog"
	"net/url"
	"strconv"
	"strings"
	"sync/atomic"

	"github.com/lockstephq/lockstep/internal/gitwire/giterr"
	"github.com/lockstephq/lockstep/internal/gitwire/sshpool"
)

// An Auth is a credential and the origin (scheme, host and port) that it is for. The zero Auth
// is none. It shows nothing of itself when it is printed or logged.
type Auth struct {
	origin string
	// header is a function because printing a struct that contains an Auth would show a string,
	// whatever methods Auth has.
	header func(context.Context) (string, error)
	// basicHeader returns the header for a server that asks for Basic authentication alone, nil
	// if there is no other than that of header. It is a function for the same reason.
	basicHeader func(context.Context) (string, error)
	// isFixed is true if header always returns the same, without delay.
	isFixed bool
	// key returns the private key for SSH. It is a function for the same reason.
	key func() *sshpool.Key
	// secrets returns the texts by which a server may repeat the credential. It is a function
	// for the same reason.
	secrets func() []string
}

// Basic is a user name and a password for the origin of a URL.
func Basic(origin, user, password string) Auth {
	both := encodeBasic(user, password)
	// A token may be the user name, with any password.
	return Auth{
		origin: origin, header: fixedHeader("Basic " + both), isFixed: true,
		secrets: func() []string { return []string{both, password, user} },
	}
}

// Bearer is a token for the origin of a URL.
func Bearer(origin, token string) Auth {
	return Auth{
		origin: origin, header: fixedHeader("Bearer " + token), isFixed: true,
		secrets: func() []string { return []string{token} },
	}
}

// tokenUser is the user name that is sent with a token as password. Git hosts that take tokens so
// accept any name or, like GitHub for its applications, this one.
const tokenUser = "x-access-token"

// Token is a token for the origin of a URL. It is sent as bearer token and, to a server that
// refuses that and asks for Basic authentication alone, as password.
func Token(origin, token string) Auth {
	encoded := encodeBasic(tokenUser, token)
	return Auth{
		origin: origin, header: fixedHeader("Bearer " + token), isFixed: true,
		basicHeader: fixedHeader("Basic " + encoded),
		secrets:     func() []string { return []string{token, encoded} },
	}
}

func fixedHeader(header string) func(context.Context) (string, error) {
	return func(context.Context) (string, error) { return header, nil }
}

// BasicFunc is a user name and a password that expires, for the origin of a URL. password is
// called before each request for the current one; its error is the error of the request.
func BasicFunc(origin, user string, password func(context.Context) (string, error)) Auth {
	var last atomic.Pointer[string]
	return Auth{
		origin: origin,
		header: func(ctx context.Context) (string, error) {
			now, err := password(ctx)
			if err != nil {
				return "", err
			}

			last.Store(&now)
			return "Basic " + encodeBasic(user, now), nil
		},
		secrets: func() []string {
			if now := last.Load(); now != nil {
				return []string{encodeBasic(user, *now), *now}
			}
			return nil
		},
	}
}

// encodeBasic returns user and password as basic authentication sends them.
func encodeBasic(user, password string) string {
	return base64.StdEncoding.EncodeToString([]byte(user + ":" + password))
}

// SSHKey is a private key in PEM, in OpenSSH's form or an older one, for the host and port of
// an ssh:// URL. It must have no passphrase. The error is ErrURL, and repeats nothing of the
// key.
func SSHKey(origin, private string) (Auth, error) {
	key, err := sshpool.ParseKey(private)
	return Auth{origin: origin, key: func() *sshpool.Key { return key }}, err
}

// String hides the credential.
func (a Auth) String() string {
	if a.header == nil && a.key == nil {
		return "none"
	}
	return "hidden"
}

// GoString hides the credential.
func (a Auth) GoString() string { return "transport.Auth(" + a.String() + ")" }

// LogValue hides the credential.
func (a Auth) LogValue() slog.Value { return slog.StringValue(a.String()) }

// check returns an error if the credential may not be sent to a URL's origin.
func (a Auth) check(address *url.URL) error {
	if a.header == nil && a.key == nil {
		return nil
	}

	own, err := url.Parse(a.origin)
	if err != nil || origin(own) != origin(address) {
		return fmt.Errorf("%w: the credential is for another scheme, host or port", giterr.ErrURL)
	}
	if over := address.Scheme == "ssh"; over != (a.key != nil) {
		return fmt.Errorf("%w: ssh:// needs a private key, and only ssh:// takes one", giterr.ErrURL)
	}

	if !a.isFixed {
		return nil // a key, or a header that net/http checks later
	}

	header, err := a.header(context.Background())
	if err == nil && strings.ContainsFunc(header, func(r rune) bool { return r < ' ' || r == 0x7f }) {
		return fmt.Errorf("%w: the credential holds control characters", giterr.ErrURL)
	}

	return err
}

// minSecret is the length of the shortest text that is redacted: shorter ones occur by chance.
const minSecret = 8

// Redact removes the credential from a server's message, which may repeat what was sent. It
// cannot stop a server that gives it away on purpose.
func (a Auth) Redact(text string) string {
	if a.secrets == nil {
		return text
	}

	for _, secret := range a.secrets() {
		quoted := strconv.Quote(secret)
		for _, form := range []string{quoted[1 : len(quoted)-1], secret} {
			if len(form) < minSecret {
				continue
			}

			text = strings.ReplaceAll(text, form, "****")
			for n := len(form) - 1; n >= minSecret; n-- { // where a quotation was truncated
				text = strings.ReplaceAll(text, form[:n]+"…", "****…")
			}
		}
	}

	return text
}

// origin returns the scheme, the host in lower case, and the port of a URL.
func origin(address *url.URL) string {
	scheme, port := strings.ToLower(address.Scheme), address.Port()
	if port == "" {
		port = map[string]string{"http": "80", "https": "443", "ssh": sshPort}[scheme]
	}
	return scheme + "://" + strings.ToLower(address.Hostname()) + ":" + port
}
