package config

import (
	"errors"
	"fmt"
	"net"
	"net/url"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/lockstephq/lockstep/internal/db"
	"github.com/lockstephq/lockstep/internal/gitwire/transport"
	"github.com/lockstephq/lockstep/internal/netaddr"
)

// problems are what is wrong with settings.
type problems []error

func (p *problems) add(name, format string, args ...any) {
	*p = append(*p, fmt.Errorf("--"+name+": "+format, args...))
}

// complete checks every setting and fills in those that follow from others.
func (s Settings) complete() (Settings, error) {
	var found problems
	s.completeDatabase(&found)
	s.checkListeners(&found)
	s.checkCallers(&found)
	s.completeTarget(&found)
	s.checkGit(&found)

	if s.PollInterval < time.Second {
		found.add("poll-interval", "%s is less than a second", s.PollInterval)
	}
	if s.KeepFor < 0 {
		found.add("keep-for", "%s is negative", s.KeepFor)
	}
	if s.KeepAttempts < 0 {
		found.add("keep-attempts", "%d is negative", s.KeepAttempts)
	}
	if s.Workers < 1 || s.Workers > 10000 {
		found.add("workers", "%d is not between 1 and 10000", s.Workers)
	}
	if !slices.Contains([]string{"json", "text"}, s.LogFormat) {
		found.add("log-format", "%q is neither json nor text", s.LogFormat)
	}

	return s, errors.Join(found...)
}

// completeDatabase checks the database and fills in the files that go with it.
func (s *Settings) completeDatabase(found *problems) {
	sqlite, isSQLite := strings.CutPrefix(s.DB, "sqlite:")
	switch {
	case s.DB == "":
		found.add("db", "a database is required: sqlite:PATH or postgres://…")
	case isSQLite && sqlite == "":
		found.add("db", "sqlite: needs a path after it")
	case !isSQLite && !strings.HasPrefix(s.DB, "postgres://") && !strings.HasPrefix(s.DB, "postgresql://"):
		found.add("db", "%s begins with neither sqlite: nor postgres://", db.Redact(s.DB))
	}

	if isSQLite && s.SandboxFile == "" {
		s.SandboxFile = sqlite + ".sandbox"
	}

	source := s.SealKeySource()
	if err := source.Complete(); err != nil {
		*found = append(*found, err)
	}
	s.SealKeyFile = source.File
}

// SealKeySource returns where the seal key of the database is.
func (s *Settings) SealKeySource() SealKeySource {
	return SealKeySource{DB: s.DB, File: s.SealKeyFile, KMS: s.SealKeyKMS, Text: s.SealKey}
}

// completeTarget checks the target and normalizes it: the database is bound to the endpoint, not to
// the way it was written.
func (s *Settings) completeTarget(found *problems) {
	endpoint, err := TargetEndpoint(s.Target)
	switch {
	case err != nil:
		found.add("target", "%s", err)
	case endpoint != "":
		s.Target = endpoint
	case s.Target == "sandbox" && s.SandboxFile == "":
		found.add("sandbox-file", "the file must be named with PostgreSQL and target sandbox")
	}
}

func (s *Settings) checkGit(found *problems) {
	for _, root := range s.GitRoots {
		if !filepath.IsAbs(root) {
			found.add("git-roots", "%s is not an absolute path", root)
		}
	}

	if _, err := s.Proxy(); err != nil {
		found.add("git-proxy", "%s", err)
	}
}

// Proxy returns the proxy for HTTP to Git hosts, or nil if there is none. Its error does not repeat
// the setting, which may hold a password.
func (s *Settings) Proxy() (*url.URL, error) {
	if s.GitProxy == "" {
		return nil, nil
	}
	return transport.ParseProxy(s.GitProxy)
}

func (s *Settings) checkListeners(found *problems) {
	if err := checkListen(s.Listen); err != nil {
		found.add("listen", "%s", err)
	}
	if err := checkListen(s.MetricsListen); s.MetricsListen != "" && err != nil {
		found.add("metrics-listen", "%s", err)
	}
	if err := checkListen(s.WebhookListen); s.WebhookListen != "" && err != nil {
		found.add("webhook-listen", "%s", err)
	}

	if s.PublicURL != "" && !isPublicURL(s.PublicURL) { // it may hold a password: not repeated
		found.add("public-url", "it is not https://HOST or http://HOST, optionally with a path, and nothing more")
	}

	switch {
	case s.TLSCert != "" && s.TLSKey == "":
		found.add("tls-key", "the file with the private key of %s is missing", s.TLSCert)
	case s.TLSCert == "" && s.TLSKey != "":
		found.add("tls-cert", "the file with the certificate of %s is missing", s.TLSKey)
	case s.TLSCert != "" && s.PlainHTTP:
		found.add("plain-http", "with a certificate nothing is served in plain HTTP: leave out one of the two")
	}

	if s.MaxConnections < 1 || s.MaxConnections > 1_000_000 {
		found.add("max-connections", "%d is not between 1 and 1000000", s.MaxConnections)
	}
	if s.MaxPerAddress < 0 || s.MaxPerAddress > s.MaxConnections {
		found.add("max-connections-per-address", "%d is not between 0 and max-connections, %d", s.MaxPerAddress,
			s.MaxConnections)
	}
}

func isPublicURL(text string) bool {
	u, err := url.Parse(text)
	return err == nil && isHTTP(u) && u.User == nil && u.RawQuery == "" && u.Fragment == ""
}

// isHTTP reports whether u is http:// or https:// with a host.
func isHTTP(u *url.URL) bool {
	return (u.Scheme == "http" || u.Scheme == "https") && u.Host != ""
}

// checkCallers checks the settings that limit callers.
func (s *Settings) checkCallers(found *problems) {
	for _, issuer := range s.WebIdentityIssuers {
		if err := checkIssuer(issuer); err != nil {
			found.add("web-identity-issuers", "%s", err)
		}
	}

	rates := map[string]float64{
		"throttle-read":  s.ThrottleRead,
		"throttle-write": s.ThrottleWrite,
		"throttle-host":  s.ThrottleHost,
	}
	for name, rate := range rates {
		if !(rate >= 0 && rate <= 1e6) { // false for NaN too
			found.add(name, "%v is not between 0 and 1000000", rate)
		}
	}
}

func checkListen(addr string) error {
	_, port, err := net.SplitHostPort(addr)
	if err != nil {
		return fmt.Errorf("%q is not HOST:PORT", addr)
	}
	if number, err := strconv.Atoi(port); err != nil || number < 0 || number > 65535 {
		return fmt.Errorf("%q is not a port", port)
	}
	return nil
}

// checkIssuer checks what OpenID Connect requires of an issuer: https, and nothing after the path.
// Keys that were read over plain HTTP could be an attacker's.
func checkIssuer(issuer string) error {
	if strings.Contains(issuer, "@") { // it may hold a password: not repeated
		return errors.New("an issuer's URL has no user name or password")
	}

	parsed, err := url.Parse(issuer)
	if err != nil || !isHTTP(parsed) || strings.ContainsAny(issuer, "?#") {
		return fmt.Errorf("%q is not https://HOST or https://HOST/PATH", issuer)
	}
	if parsed.Scheme == "http" && !netaddr.IsLoopbackURL(issuer) {
		return fmt.Errorf("%s: an issuer on another machine needs https://", issuer)
	}

	return nil
}

// TargetEndpoint returns the endpoint that a target names: "" for aws and sandbox.
func TargetEndpoint(target string) (endpoint string, err error) {
	if target == "aws" || target == "sandbox" {
		return "", nil
	}
	if strings.Contains(target, "@") { // it may hold a password: not repeated
		return "", errors.New("a target's URL has no user name or password; use AWS credentials")
	}

	u, err := url.Parse(target)
	if err != nil || !isHTTP(u) {
		return "", fmt.Errorf("%q is none of sandbox, aws, http(s)://…", target)
	}

	return strings.TrimRight(target, "/"), nil
}
