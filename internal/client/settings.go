package client

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"net/url"
	"strings"

	"github.com/lockstephq/lockstep/internal/netaddr"
)

// DefaultRegion is the region where neither a flag nor the environment nor a
// profile names one.
const DefaultRegion = "us-east-1"

// Options are what a caller of the program said. The empty value of each means
// that nothing was said.
type Options struct {
	EndpointURL string
	Profile     string // of the user's AWS files
	Data        string // the data directory of an `up`
	DefaultData string // the data directory that an `up` has unless told otherwise
	Region      string
	// AllowHTTP permits plain http to a host that is not loopback.
	AllowHTTP bool
	// Getenv reads the environment. It is needed.
	Getenv func(string) string
}

// Settings are a server and a key for it, or a role to assume there. They print
// without the secret.
type Settings struct {
	Endpoint    string
	Region      string
	AccessKeyID string // "" where a role is assumed
	RoleARN     string
	// EndpointFrom and KeyFrom say in words where the server and the key, or the
	// role, were found.
	EndpointFrom string
	KeyFrom      string

	secret, sessionToken string
	// tokenFile holds the token by which the role is assumed.
	tokenFile string
}

// String names the server and the key or role.
func (s Settings) String() string {
	return fmt.Sprintf("%s (%s) as %s", s.Endpoint, s.Region, cmp.Or(s.AccessKeyID, s.RoleARN))
}

// GoString is String: the secret shows in no verb.
func (s Settings) GoString() string { return s.String() }

// anonymous says that neither a key nor a role is known.
func (s Settings) anonymous() bool { return s.AccessKeyID == "" && s.RoleARN == "" }

// Find finds the server. Its errors are a *ConfigError, which says what is
// missing or wrong and what to do.
func Find(ctx context.Context, o Options) (Settings, error) {
	s, err := spoken(o)
	if err != nil {
		return Settings{}, err
	}

	if s.Endpoint == "" || s.anonymous() {
		p, err := lookUp(ctx, o)
		if err != nil && !errors.Is(err, errNothing) {
			return Settings{}, err
		}

		s.fill(p)
	}

	if s.Region == "" {
		s.Region = DefaultRegion
	}

	return s, s.check(o)
}

// spoken takes what flags and environment say. A place that was named by a flag
// beats the environment whole, so that no half of each is mixed.
func spoken(o Options) (Settings, error) {
	s := Settings{Endpoint: o.EndpointURL, EndpointFrom: "--endpoint-url", Region: o.Region}
	if o.Profile != "" || o.Data != "" {
		return s, nil
	}

	if s.Endpoint == "" {
		s.Endpoint, s.EndpointFrom = o.Getenv("LOCKSTEP_ENDPOINT_URL"), "LOCKSTEP_ENDPOINT_URL"
	}

	if s.Region == "" {
		s.Region = o.Getenv("LOCKSTEP_REGION")
	}

	var err error
	if s.AccessKeyID, s.secret, err = both(o, "LOCKSTEP_ACCESS_KEY_ID", "LOCKSTEP_SECRET_ACCESS_KEY"); err != nil {
		return s, err
	}

	if s.AccessKeyID != "" {
		s.sessionToken, s.KeyFrom = o.Getenv("LOCKSTEP_SESSION_TOKEN"), "LOCKSTEP_ACCESS_KEY_ID"
		return s, nil
	}

	s.RoleARN, s.tokenFile, err = both(o, "LOCKSTEP_ROLE_ARN", "LOCKSTEP_WEB_IDENTITY_TOKEN_FILE")
	s.KeyFrom = "LOCKSTEP_ROLE_ARN"
	return s, err
}

// both reads two variables of which neither means anything without the other.
func both(o Options, one, other string) (string, string, error) {
	a, b := o.Getenv(one), o.Getenv(other)
	if (a == "") != (b == "") {
		return a, b, &ConfigError{
			Problem: fmt.Sprintf("Only one of %s and %s is set.", one, other),
			Remedy:  "Set both, or neither.",
		}
	}
	return a, b, nil
}

// fill completes what was said with what a profile holds.
func (s *Settings) fill(p profile) {
	if s.Endpoint == "" {
		s.Endpoint, s.EndpointFrom = p.endpoint, p.from
	}

	if s.anonymous() {
		s.AccessKeyID, s.secret, s.sessionToken, s.KeyFrom = p.keyID, p.secret, p.sessionToken, p.from
		if p.keyID == "" {
			s.RoleARN, s.tokenFile = p.roleARN, p.tokenFile
		}
	}

	if s.Region == "" {
		s.Region = p.region
	}
}

func (s Settings) check(o Options) error {
	if s.Endpoint == "" {
		return nowhere(o)
	}
	if s.anonymous() {
		return &ConfigError{
			Problem: fmt.Sprintf("There is no access key for %s.", s.Endpoint),
			Remedy: "Set LOCKSTEP_ACCESS_KEY_ID and LOCKSTEP_SECRET_ACCESS_KEY, or put the key into profile lockstep of " +
				"your AWS credentials file. `lockstep key create` makes one.",
		}
	}
	if looksLikeAWS(s.AccessKeyID) {
		return refuseAWS(s.KeyFrom, s.AccessKeyID)
	}

	return checkEndpoint(s, o.AllowHTTP || o.Getenv("LOCKSTEP_ALLOW_HTTP") == "true")
}

func refuseAWS(from, id string) error {
	return &ConfigError{
		Problem: fmt.Sprintf("The key from %s (%.8s…) is one of AWS itself: Lockstep never signs with these.", from, id),
		Remedy:  "Use a key of the Lockstep server, whose id begins with LSAK. `lockstep key create` makes one, `lockstep up` writes one.",
	}
}

// looksLikeAWS says whether a key id is one that AWS gives out.
func looksLikeAWS(id string) bool {
	id = strings.ToUpper(strings.TrimSpace(id))
	return strings.HasPrefix(id, "AKIA") || strings.HasPrefix(id, "ASIA")
}

func checkEndpoint(s Settings, allowHTTP bool) error {
	u, err := url.Parse(s.Endpoint)
	if err != nil || u.Scheme != "http" && u.Scheme != "https" || u.Hostname() == "" || u.User != nil || u.RawQuery != "" || u.Fragment != "" {
		return &ConfigError{
			Problem: fmt.Sprintf("The endpoint from %s is not the URL of a server.", s.EndpointFrom),
			Remedy:  "Write it like https://lockstep.example.com or http://127.0.0.1:4747.",
		}
	}
	if u.Scheme == "http" && !allowHTTP && !isLocal(u.Hostname()) {
		return &ConfigError{
			Problem: fmt.Sprintf("The endpoint %s (from %s) is plain http and not on this machine.", s.Endpoint, s.EndpointFrom),
			Remedy:  "Use https, or say --allow-http (LOCKSTEP_ALLOW_HTTP=true) where the network in between is trusted.",
		}
	}

	return nil
}

// isLocal also accepts names within .localhost, which browsers and most resolvers
// lead to this machine: a developer's own server often has one.
func isLocal(host string) bool {
	return netaddr.IsLoopback(host) || strings.HasSuffix(host, ".localhost")
}

func nowhere(o Options) error {
	return &ConfigError{
		Problem: fmt.Sprintf("No Lockstep server is known: there is no --endpoint-url, no LOCKSTEP_ENDPOINT_URL, no profile "+
			"lockstep with an endpoint_url, and no data directory of a `lockstep up` in %s.", cmp.Or(o.Data, o.DefaultData)),
		Remedy: "Start one with `lockstep up`, or name one with --endpoint-url, --profile or --data.",
	}
}
