package client

import (
	"cmp"
	"context"
	"crypto/x509"
	"errors"
	"fmt"
	"net/url"
	"os"
	"strings"

	"github.com/lockstephq/lockstep/internal/netaddr"
)

// DefaultRegion is the region if no flag, variable or profile names one.
const DefaultRegion = "us-east-1"

// Options are the flags of a command. Empty members are not given.
type Options struct {
	EndpointURL string
	Profile     string // of the user's AWS files
	Data        string // data directory of `lockstep up`
	DefaultData string // default data directory of `lockstep up`
	Region      string
	// AllowHTTP allows plain HTTP to a host that is not loopback.
	AllowHTTP bool
	// Getenv reads the environment. It is required.
	Getenv func(string) string
}

// Settings are a server and a key for it, or a role to assume. They are printed
// without secrets.
type Settings struct {
	Endpoint    string
	Region      string
	AccessKeyID string // "" if a role is assumed
	RoleARN     string
	// EndpointFrom and KeyFrom describe where the server and the key or role were
	// found.
	EndpointFrom string
	KeyFrom      string

	secret, sessionToken string
	// caBundle is the file with the authorities to trust, "" for those of the system.
	caBundle string
	roots    *x509.CertPool
	// tokenFile is the file with the token that the role is assumed with.
	tokenFile string
}

// String returns the server and the key or role.
func (s Settings) String() string {
	return fmt.Sprintf("%s (%s) as %s", s.Endpoint, s.Region, cmp.Or(s.AccessKeyID, s.RoleARN))
}

// GoString returns String, so that no verb prints secrets.
func (s Settings) GoString() string { return s.String() }

// hasNoKey reports whether there is neither a key nor a role.
func (s Settings) hasNoKey() bool { return s.AccessKeyID == "" && s.RoleARN == "" }

// Find finds the server, in the order that the package comment describes. Its errors
// are *ConfigErrors.
func Find(ctx context.Context, options Options) (Settings, error) {
	settings, err := explicitSettings(options)
	if err != nil {
		return Settings{}, err
	}

	if settings.Endpoint == "" || settings.hasNoKey() {
		found, err := findProfile(ctx, options)
		if err != nil && !errors.Is(err, errNoProfile) {
			return Settings{}, err
		}

		settings.fill(found)
	}

	if settings.Region == "" {
		settings.Region = DefaultRegion
	}

	if err := settings.check(options); err != nil {
		return settings, err
	}
	return settings, settings.readRoots(options)
}

// readRoots reads the authorities that AWS_CA_BUNDLE or the profile names. They
// replace those of the system, as in the AWS CLI.
func (s *Settings) readRoots(options Options) error {
	from := "AWS_CA_BUNDLE"
	path := options.Getenv(from)
	if path == "" {
		path, from = s.caBundle, "ca_bundle of the profile"
	}
	if path == "" || !strings.HasPrefix(s.Endpoint, "https:") {
		return nil
	}

	pem, err := os.ReadFile(path)
	if err != nil {
		return &ConfigError{
			Problem: fmt.Sprintf("The certificates of %s cannot be read.", from),
			Hint:    "Correct it: " + err.Error(),
			Err:     err,
		}
	}

	s.roots = x509.NewCertPool()
	if !s.roots.AppendCertsFromPEM(pem) {
		return &ConfigError{
			Problem: fmt.Sprintf("The file %s of %s has no certificate.", path, from),
			Hint:    "Name a file with PEM certificates of the authorities to trust.",
		}
	}

	return nil
}

// endpointVariables name the server, the first before the others. All but the first
// are those of the AWS CLI.
var endpointVariables = []string{"LOCKSTEP_ENDPOINT_URL", "AWS_ENDPOINT_URL_LOCKSTEP",
	"AWS_ENDPOINT_URL_CODECONNECTIONS", "AWS_ENDPOINT_URL_CODESTAR_CONNECTIONS", "AWS_ENDPOINT_URL"}

// explicitSettings returns the settings of flags and, for what they leave out, of
// the environment. A profile or data directory that is named replaces the environment
// completely, so that the two are not mixed.
func explicitSettings(options Options) (Settings, error) {
	settings := Settings{Endpoint: options.EndpointURL, EndpointFrom: "--endpoint-url", Region: options.Region}
	if options.Profile != "" || options.Data != "" {
		return settings, nil
	}

	for _, name := range endpointVariables {
		if settings.Endpoint == "" {
			settings.Endpoint, settings.EndpointFrom = options.Getenv(name), name
		}
	}

	if settings.Region == "" {
		settings.Region = options.Getenv("LOCKSTEP_REGION")
	}

	var err error
	settings.AccessKeyID, settings.secret, err = envPair(options, "LOCKSTEP_ACCESS_KEY_ID",
		"LOCKSTEP_SECRET_ACCESS_KEY")
	if err != nil {
		return settings, err
	}

	if settings.AccessKeyID != "" {
		settings.sessionToken, settings.KeyFrom = options.Getenv("LOCKSTEP_SESSION_TOKEN"), "LOCKSTEP_ACCESS_KEY_ID"
		return settings, nil
	}

	settings.RoleARN, settings.tokenFile, err = envPair(options, "LOCKSTEP_ROLE_ARN",
		"LOCKSTEP_WEB_IDENTITY_TOKEN_FILE")
	settings.KeyFrom = "LOCKSTEP_ROLE_ARN"
	return settings, err
}

// envPair returns two variables that must be set together.
func envPair(o Options, one, other string) (string, string, error) {
	first, b := o.Getenv(one), o.Getenv(other)
	if (first == "") != (b == "") {
		return first, b, &ConfigError{
			Problem: fmt.Sprintf("Only one of %s and %s is set.", one, other),
			Hint:    "Set both, or neither.",
		}
	}
	return first, b, nil
}

// fill sets what is missing from a profile.
func (s *Settings) fill(from profile) {
	if s.Endpoint == "" {
		s.Endpoint, s.EndpointFrom = from.endpoint, from.from
	}

	if s.hasNoKey() {
		s.AccessKeyID, s.secret, s.sessionToken, s.KeyFrom = from.keyID, from.secret, from.sessionToken, from.from
		if from.keyID == "" {
			s.RoleARN, s.tokenFile = from.roleARN, from.tokenFile
		}
	}

	if s.Region == "" {
		s.Region = from.region
	}

	s.caBundle = from.caBundle
}

func (s Settings) check(options Options) error {
	if s.Endpoint == "" {
		return errNoServer(options)
	}
	if s.hasNoKey() {
		return &ConfigError{
			Problem: fmt.Sprintf("There is no access key for %s.", s.Endpoint),
			Hint: "Set LOCKSTEP_ACCESS_KEY_ID and LOCKSTEP_SECRET_ACCESS_KEY, or put the key into profile " +
				"lockstep of your AWS credentials file. `lockstep key create` creates one.",
		}
	}
	if isAWSKey(s.AccessKeyID) {
		return awsKeyError(s.KeyFrom, s.AccessKeyID)
	}

	return checkEndpoint(s, options.AllowHTTP || options.Getenv("LOCKSTEP_ALLOW_HTTP") == "true")
}

func awsKeyError(from, id string) error {
	return &ConfigError{
		Problem: fmt.Sprintf("The key from %s (%.8s…) is a key of AWS. Lockstep never signs with these.", from, id),
		Hint: "Use a key of the Lockstep server, whose ID begins with LSAK: from `lockstep key create` or " +
			"`lockstep up`.",
	}
}

// isAWSKey reports whether an access key ID is one of AWS.
func isAWSKey(id string) bool {
	id = strings.ToUpper(strings.TrimSpace(id))
	return strings.HasPrefix(id, "AKIA") || strings.HasPrefix(id, "ASIA")
}

func checkEndpoint(settings Settings, allowHTTP bool) error {
	parsed, err := url.Parse(settings.Endpoint)
	if err != nil || parsed.Scheme != "http" && parsed.Scheme != "https" || parsed.Hostname() == "" ||
		parsed.User != nil || parsed.RawQuery != "" || parsed.Fragment != "" {
		return &ConfigError{
			Problem: fmt.Sprintf("The endpoint from %s is not the URL of a server.", settings.EndpointFrom),
			Hint:    "Write it like https://lockstep.example.com or http://127.0.0.1:4747.",
		}
	}
	if parsed.Scheme == "http" && !allowHTTP && !isLocal(parsed.Hostname()) {
		return &ConfigError{
			Problem: fmt.Sprintf("The endpoint %s (from %s) is plain http to another machine.",
				settings.Endpoint, settings.EndpointFrom),
			Hint: "Use https, or --allow-http (LOCKSTEP_ALLOW_HTTP=true) if you trust the network.",
		}
	}

	return nil
}

// isLocal reports whether a host is this machine. It accepts names below .localhost,
// which browsers and most resolvers resolve to loopback.
func isLocal(host string) bool {
	return netaddr.IsLoopback(host) || strings.HasSuffix(host, ".localhost")
}

func errNoServer(options Options) error {
	name, from := options.Profile, "--profile"
	if name == "" && options.Data == "" {
		name, from = options.Getenv("AWS_PROFILE"), "AWS_PROFILE"
	}
	if name != "" {
		return &ConfigError{
			Problem: fmt.Sprintf("Profile %s (from %s) names no Lockstep server: it has no endpoint_url.", name, from),
			Hint:    "Add the endpoint_url, or name a server with --endpoint-url, --profile or --data.",
		}
	}

	return &ConfigError{
		Problem: fmt.Sprintf("No Lockstep server is known: there is no --endpoint-url, no LOCKSTEP_ENDPOINT_URL, "+
			"no profile lockstep with an endpoint_url, and no data directory of `lockstep up` in %s.",
			cmp.Or(options.Data, options.DefaultData)),
		Hint: "Start one with `lockstep up`, or name one with --endpoint-url, --profile or --data.",
	}
}
