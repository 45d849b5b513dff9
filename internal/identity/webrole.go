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

// The lengths of a session.
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

// A WebIdentityRole may be assumed by whoever holds a token of Issuer that fits:
// its audience is one of Audiences, its subject is like one of Subjects, and each
// claim that Claims names is there and like its pattern. In a pattern * stands
// for any text.
type WebIdentityRole struct {
	Name      string
	Issuer    string // exactly as in the token's iss
	Audiences []string
	Subjects  []string
	// Claims are further claims, by name, that a token must have: texts, numbers
	// or booleans.
	Claims map[string]string
	// Grants is the built-in role that its sessions are in; None leaves them to
	// policies, which know them as in Role::"NAME".
	Grants Role
	// MaxSession is the longest that a session may be. Defaults to an hour.
	MaxSession time.Duration
	// JWKS are the issuer's public keys, a JSON Web Key Set, where the issuer
	// cannot be asked for them: a Kubernetes cluster that is not reached from here.
	JWKS                 string
	CreatedAt, UpdatedAt time.Time
}

// ARN is what a client must ask for to assume the role.
func (r WebIdentityRole) ARN(account string) string {
	return "arn:aws:iam::" + account + ":role/" + r.Name
}

// rules are what is sealed of a role.
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
	return rules{Issuer: r.Issuer, Audiences: r.Audiences, Subjects: r.Subjects, Claims: r.Claims,
		Grants: r.Grants, MaxSession: int64(r.MaxSession / time.Second), JWKS: r.JWKS}
}

func (r *WebIdentityRole) setRules(s rules) {
	r.Issuer, r.Audiences, r.Subjects, r.Claims = s.Issuer, s.Audiences, s.Subjects, s.Claims
	r.Grants, r.MaxSession, r.JWKS = s.Grants, time.Duration(s.MaxSession)*time.Second, s.JWKS
}

// accepts says whether a token, already proven to be its issuer's, may assume the
// role, and as which of its audiences.
func (r WebIdentityRole) accepts(t idToken) (audience string, ok bool) {
	if t.issuer != r.Issuer || t.subject == "" {
		return "", false
	}

	at := slices.IndexFunc(t.audiences, func(a string) bool { return a != "" && slices.Contains(r.Audiences, a) })
	if at < 0 || !slices.ContainsFunc(r.Subjects, func(pattern string) bool { return matchWildcard(pattern, t.subject) }) {
		return "", false
	}

	for name, pattern := range r.Claims {
		text, there := t.text(name)
		if !there || !matchWildcard(pattern, text) {
			return "", false
		}
	}

	return t.audiences[at], true
}

// validate refuses a role that could not be meant. asked are the issuers whom
// this server asks for their keys.
func (r WebIdentityRole) validate(asked []string) error {
	refuse := func(format string, args ...any) error {
		return lockstep.Errorf(lockstep.Invalid, "Web identity role %q: "+format, append([]any{r.Name}, args...)...)
	}
	switch {
	case !matchesPattern(namePattern, r.Name) || isReservedName(r.Name):
		return refuse("the name is not one of 1 to 64 letters, digits and +=,.@_- characters that does not begin with %q.", reservedPrefix)
	case isBuiltInRoleName(r.Name):
		return refuse("the name is that of a built-in role.")
	case !r.Grants.valid():
		return refuse("it grants %q, which is not one of admin, operator, reader, none.", string(r.Grants))
	case r.MaxSession < MinSession || r.MaxSession > MaxSession || r.MaxSession%time.Second != 0:
		return refuse("sessions last %v; they must last from %v to %v, in whole seconds.", r.MaxSession, MinSession, MaxSession)
	}

	for _, check := range []func([]string) string{r.issuerProblem, r.patternProblem} {
		if why := check(asked); why != "" {
			return refuse("%s", why)
		}
	}

	return nil
}

func isBuiltInRoleName(name string) bool {
	return policy.IsBuiltInRole(strings.ToLower(name)) || strings.EqualFold(name, string(None))
}

func (r WebIdentityRole) issuerProblem(asked []string) string {
	u, err := url.Parse(r.Issuer)
	known := slices.Contains(asked, r.Issuer)
	switch {
	case err != nil || u.Host == "" || len(r.Issuer) > maxIssuer || u.Scheme != "https" && u.Scheme != "http":
		return fmt.Sprintf("the issuer %q is not a URL.", r.Issuer)
	case known && r.JWKS != "":
		return fmt.Sprintf("the issuer %s is asked for its keys, so leave the key set out.", r.Issuer)
	case known:
		return ""
	case r.JWKS == "":
		return fmt.Sprintf("the issuer %s is not among those that whoever runs this server allows, and no key set is given.", r.Issuer)
	case len(r.JWKS) > maxJWKS:
		return fmt.Sprintf("the key set has %d bytes, and may have %d.", len(r.JWKS), maxJWKS)
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
		return fmt.Sprintf("it has %d claims, and may have %d.", len(r.Claims), maxClaims)
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
		if why := subjectProblem(r.Issuer, s, r.Claims); why != "" {
			return fmt.Sprintf("the subject %q is too open: %s.", s, why)
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
