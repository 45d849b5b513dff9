package identity

import (
	"fmt"
	"maps"
	"net/url"
	"slices"
	"strings"
	"time"

	"github.com/lockstephq/lockstep"
	"github.com/lockstephq/lockstep/internal/policy"
)

// The bounds of a session's duration.
const (
	MinSession = 15 * time.Minute
	MaxSession = time.Hour
)

const (
	maxIssuer    = 512
	maxAudiences = 20
	maxSubjects  = 100
	maxClaims    = 20
	maxClaimName = 128
	maxClaimText = 1024
	maxJWKS      = 64 * 1024
)

// A WebIdentityRole may be assumed with a token of Issuer whose audience is one of
// Audiences, whose subject matches one of Subjects, and which has every claim of
// Claims with a matching value. In patterns * matches any text.
type WebIdentityRole struct {
	Name      string
	Issuer    string // exactly as in the token's iss claim
	Audiences []string
	Subjects  []string
	// Claims are further required claims, by name: strings, numbers or booleans.
	Claims map[string]string
	// Grants is the built-in role of its sessions. With None only policies apply,
	// which name the role as Role::"NAME".
	Grants Role
	// MaxSession is the maximum duration of a session. Defaults to an hour.
	MaxSession time.Duration
	// JWKS is the issuer's JSON Web Key Set, for an issuer that this server cannot
	// reach, such as a private Kubernetes cluster.
	JWKS                 string
	CreatedAt, UpdatedAt time.Time
}

// ARN returns the role's ARN.
func (r WebIdentityRole) ARN(account string) string {
	return "arn:aws:iam::" + account + ":role/" + r.Name
}

// rules are the sealed part of a role.
type rules struct {
	Issuer     string
	Audiences  []string
	Subjects   []string
	Claims     map[string]string `json:",omitempty"`
	Grants     Role
	MaxSession int64  // seconds
	JWKS       string `json:",omitempty"`
}

func (r WebIdentityRole) rules() rules {
	return rules{
		Issuer:     r.Issuer,
		Audiences:  r.Audiences,
		Subjects:   r.Subjects,
		Claims:     r.Claims,
		Grants:     r.Grants,
		MaxSession: int64(r.MaxSession / time.Second),
		JWKS:       r.JWKS,
	}
}

func (r *WebIdentityRole) setRules(s rules) {
	r.Issuer, r.Audiences, r.Subjects, r.Claims = s.Issuer, s.Audiences, s.Subjects, s.Claims
	r.Grants, r.MaxSession, r.JWKS = s.Grants, time.Duration(s.MaxSession)*time.Second, s.JWKS
}

// accepts reports whether a verified token may assume the role, and returns the
// matching audience.
func (r WebIdentityRole) accepts(t idToken) (audience string, ok bool) {
	if t.issuer != r.Issuer || t.subject == "" {
		return "", false
	}

	at := slices.IndexFunc(t.audiences, func(a string) bool { return a != "" && slices.Contains(r.Audiences, a) })
	if at < 0 || !slices.ContainsFunc(r.Subjects, func(pattern string) bool {
		return matchWildcard(pattern,
			t.subject)
	}) {
		return "", false
	}

	for name, pattern := range r.Claims {
		value, exists := t.text(name)
		if !exists || !matchWildcard(pattern, value) {
			return "", false
		}
	}

	return t.audiences[at], true
}

// validate returns an error for an invalid role. asked are the issuers whose keys
// this server fetches.
func (r WebIdentityRole) validate(fetchedIssuers []string) error {
	refuse := func(format string, args ...any) error {
		return lockstep.Errorf(lockstep.Invalid, "Web identity role %q: "+format, append([]any{r.Name}, args...)...)
	}
	switch {
	case !matchesPattern(namePattern, r.Name) || isReservedName(r.Name):
		return refuse("the name is not one of 1 to 64 letters, digits and +=,.@_- characters that does not "+
			"begin with %q.", reservedPrefix)
	case isBuiltInRoleName(r.Name):
		return refuse("the name is reserved for a built-in role.")
	case !r.Grants.valid():
		return refuse("it grants %q, which is not one of admin, operator, reader, none.", string(r.Grants))
	case r.MaxSession < MinSession || r.MaxSession > MaxSession || r.MaxSession%time.Second != 0:
		return refuse("sessions last %v; they must last from %v to %v, in whole seconds.", r.MaxSession,
			MinSession, MaxSession)
	}

	for _, check := range []func([]string) string{r.issuerProblem, r.patternProblem} {
		if problem := check(fetchedIssuers); problem != "" {
			return refuse("%s", problem)
		}
	}

	return nil
}

func isBuiltInRoleName(name string) bool {
	return policy.IsBuiltInRole(strings.ToLower(name)) || strings.EqualFold(name, string(None))
}

func (r WebIdentityRole) issuerProblem(fetchedIssuers []string) string {
	u, err := url.Parse(r.Issuer)
	known := slices.Contains(fetchedIssuers, r.Issuer)
	switch {
	case err != nil || u.Host == "" || len(r.Issuer) > maxIssuer || u.Scheme != "https" && u.Scheme != "http":
		return fmt.Sprintf("the issuer %q is not a URL.", r.Issuer)
	case known && r.JWKS != "":
		return fmt.Sprintf("the server fetches the keys of issuer %s: omit the key set.", r.Issuer)
	case known:
		return ""
	case r.JWKS == "":
		return fmt.Sprintf("issuer %s is not configured on this server; provide its key set.", r.Issuer)
	case len(r.JWKS) > maxJWKS:
		return fmt.Sprintf("the key set has %d bytes; the maximum is %d.", len(r.JWKS), maxJWKS)
	}

	if _, err := parseProvidedKeys(r.JWKS); err != nil {
		return fmt.Sprintf("the key set cannot be used: %s.", err)
	}

	return ""
}

func (r WebIdentityRole) patternProblem([]string) string {
	switch {
	case len(r.Audiences) == 0 || len(r.Audiences) > maxAudiences:
		return fmt.Sprintf("it has %d audiences; it must have 1 to %d.", len(r.Audiences), maxAudiences)
	case len(r.Subjects) == 0 || len(r.Subjects) > maxSubjects:
		return fmt.Sprintf("it has %d subjects; it must have 1 to %d.", len(r.Subjects), maxSubjects)
	case len(r.Claims) > maxClaims:
		return fmt.Sprintf("it has %d claims; the maximum is %d.", len(r.Claims), maxClaims)
	}

	for _, a := range r.Audiences {
		if a == "" || len(a) > maxClaimText {
			return fmt.Sprintf("the audience %q is empty or too long.", a)
		}
	}

	for _, s := range r.Subjects {
		if s == "" || len(s) > maxClaimText {
			return fmt.Sprintf("the subject %q is empty or too long.", s)
		}
		if problem := subjectProblem(r.Issuer, s, r.Claims); problem != "" {
			return fmt.Sprintf("the subject %q is too broad: %s.", s, problem)
		}
	}

	for _, name := range slices.Sorted(maps.Keys(r.Claims)) {
		pattern := r.Claims[name]
		if name == "" || len(name) > maxClaimName || pattern == "" || len(pattern) > maxClaimText {
			return fmt.Sprintf("the claim %q or its pattern is empty or too long.", name)
		}
	}

	return ""
}
