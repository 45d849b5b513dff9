package gitwire

import (
	"encoding/base64"
	"fmt"
	"log/slog"
	"net/url"
	"strconv"
	"strings"
)

// An Auth is a credential and the origin (scheme, host and port) that it is for.
// The zero Auth is none. It shows nothing of itself when printed or logged.
type Auth struct {
	origin string
	// header is a function because printing a struct that holds an Auth would
	// show a string, whatever methods Auth has.
	header func() string
	// secrets are the texts by which somebody who repeats the credential would do
	// so, for the same reason in a function.
	secrets func() []string
}

// Basic is a user name and a password for the origin of a URL.
func Basic(origin, user, password string) Auth {
	pair := base64.StdEncoding.EncodeToString([]byte(user + ":" + password))
	// A token may be given as the user, with anything for a password.
	return Auth{origin, func() string { return "Basic " + pair }, func() []string { return []string{pair, password, user} }}
}

// Bearer is a token for the origin of a URL.
func Bearer(origin, token string) Auth {
	return Auth{origin, func() string { return "Bearer " + token }, func() []string { return []string{token} }}
}

// String hides the credential.
func (a Auth) String() string {
	if a.header == nil {
		return "none"
	}
	return "hidden"
}

// GoString hides the credential.
func (a Auth) GoString() string { return "gitwire.Auth(" + a.String() + ")" }

// LogValue hides the credential.
func (a Auth) LogValue() slog.Value { return slog.StringValue(a.String()) }

// check says whether the credential may be sent to a URL's origin.
func (a Auth) check(u *url.URL) error {
	if a.header == nil {
		return nil
	}
	own, err := url.Parse(a.origin)
	if err != nil || origin(own) != origin(u) {
		return fmt.Errorf("%w: the credential is for another scheme, host or port", ErrURL)
	}
	if strings.ContainsFunc(a.header(), func(r rune) bool { return r < ' ' || r == 0x7f }) {
		return fmt.Errorf("%w: the credential holds control characters", ErrURL)
	}
	return nil
}

// minSecret is the shortest text that is hidden: what is shorter stands in every
// text by chance.
const minSecret = 8

// hide takes the credential out of what a server says, which may repeat what it
// was sent. A server that means to give it away cannot be kept from it.
func (a Auth) hide(said string) string {
	if a.secrets == nil {
		return said
	}
	for _, secret := range a.secrets() {
		quoted := strconv.Quote(secret)
		for _, s := range []string{quoted[1 : len(quoted)-1], secret} {
			if len(s) < minSecret {
				continue
			}
			said = strings.ReplaceAll(said, s, "****")
			for n := len(s) - 1; n >= minSecret; n-- { // where a quotation was cut
				said = strings.ReplaceAll(said, s[:n]+"…", "****…")
			}
		}
	}
	return said
}

// origin names where a URL leads: scheme, host in lower case, port.
func origin(u *url.URL) string {
	scheme, port := strings.ToLower(u.Scheme), u.Port()
	if port == "" {
		port = map[string]string{"http": "80", "https": "443"}[scheme]
	}
	return scheme + "://" + strings.ToLower(u.Hostname()) + ":" + port
}
