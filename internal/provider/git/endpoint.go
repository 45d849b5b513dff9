package git

import (
	"net/url"
	"strings"

	"github.com/lockstephq/lockstep"
)

// ValidEndpoint gives the check of a host's endpoint: https://, http://, ssh://,
// or, where roots are allowed, file://. Whether a host may be reached is decided
// when it is dialled, and whether a folder may be read when it is opened.
func ValidEndpoint(roots []string) func(endpoint string) error {
	return func(endpoint string) error {
		u, err := url.Parse(endpoint)
		switch {
		case err != nil:
			return lockstep.Errorf(lockstep.Invalid, "The endpoint is not a URL.")
		case u.User != nil:
			return lockstep.Errorf(lockstep.Invalid, "The endpoint has a user name or password. Credentials belong to a connection.")
		case u.RawQuery != "" || u.Fragment != "":
			return lockstep.Errorf(lockstep.Invalid, "The endpoint %s has more than scheme, host and path.", endpoint)
		case u.Scheme == "file" && len(roots) > 0 && u.Host == "" && strings.HasPrefix(u.Path, "/"):
			return nil
		case u.Scheme == "file":
			return lockstep.Errorf(lockstep.Invalid, "The endpoint %s is a local folder, and this server is allowed to read none (--git-roots).", endpoint)
		case (u.Scheme == "https" || u.Scheme == "http" || u.Scheme == "ssh") && u.Host != "":
			return nil
		}

		return lockstep.Errorf(lockstep.Invalid, "The endpoint %s is not https://HOST, http://HOST or ssh://HOST.", endpoint)
	}
}
