package gitwire

import (
	"encoding/base64"
	"fmt"
	"log/slog"
	"net/url"
	"strings"
)

// An Auth is a credential and the origin (scheme, host and port) that it is for.
// The zero Auth is none. It shows nothing of itself when printed or logged.
type Auth struct {
	origin string
	// header is a function because printing a struct that holds an Auth would
	// show a string, whatever methods Auth has.
	header func() string
}

// Basic is a user name and a password for the origin of a URL.
func Basic(origin, user, password string) Auth {
	header := "Basic " + base64.StdEncoding.EncodeToString([]byte(user+":"+password))
	return Auth{origin, func() string { return header }}
}

// Bearer is a token for the origin of a URL.
func Bearer(origin, token string) Auth {
	return Auth{origin, func() string { return "Bearer " + token }}
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

// origin names where a URL leads: scheme, host in lower case, port.
func origin(u *url.URL) string {
	scheme, port := strings.ToLower(u.Scheme), u.Port()
	if port == "" {
		port = map[string]string{"http": "80", "https": "443"}[scheme]
	}
	return scheme + "://" + strings.ToLower(u.Hostname()) + ":" + port
}
