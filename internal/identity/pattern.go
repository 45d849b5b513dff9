package identity

import (
	"slices"
	"strings"
)

// matchWildcard says whether text is as pattern demands: * stands for any text, also for
// none, and everything else for itself. Both ends are bound. It takes time in
// proportion to the lengths' product at the very most.
func matchWildcard(pattern, text string) bool {
	head, rest, starred := strings.Cut(pattern, "*")
	if !starred {
		return text == pattern
	}

	text, ok := strings.CutPrefix(text, head)
	if !ok {
		return false
	}

	parts := strings.Split(rest, "*")
	last := parts[len(parts)-1]
	for _, part := range parts[:len(parts)-1] {
		at := strings.Index(text, part)
		if at < 0 {
			return false
		}

		text = text[at+len(part):]
	}

	return strings.HasSuffix(text, last)
}

// A sharedIssuer gives tokens to strangers as well. Its subjects begin with begins
// and whose they are: an owner that ends with /. Where subjects can be made up of
// other claims, as at GitHub, one may instead name its owner by one of owners.
// Claims that strangers can have as well are not among these: of an environment,
// of a branch, of a workflow that everybody may call, of who pressed the button.
type sharedIssuer struct {
	issuer, subjectPrefix string
	ownerClaims           []string
}

func sharedIssuers() []sharedIssuer {
	return []sharedIssuer{
		{"https://token.actions.githubusercontent.com", "repo:", []string{
			"repo", "repository", "repository_id", "repository_owner", "repository_owner_id", "workflow_ref", "enterprise", "enterprise_id",
		}},
		{"https://gitlab.com", "project_path:", []string{"project_path", "project_id", "namespace_path", "namespace_id"}},
	}
}

// subjectProblem says why a subject's pattern would let in people whom nobody meant,
// or "". A * at the beginning leaves open who comes; at an issuer that serves
// everybody, so does one before the owner's name has ended, or no owner at all,
// unless one of the further claims that a token must have names it.
func subjectProblem(issuer, pattern string, claims map[string]string) string {
	literal, _, starred := strings.Cut(pattern, "*")
	if starred && literal == "" {
		return "it begins with *, and so does not say who may come"
	}

	for _, shared := range sharedIssuers() {
		if issuer != shared.issuer {
			continue
		}

		owner, usual := strings.CutPrefix(literal, shared.subjectPrefix)
		unnamed := starred && strings.HasPrefix(shared.subjectPrefix, literal) || usual && !strings.Contains(owner, "/")
		if unnamed || !usual && !shared.namesOwner(literal, !starred) && !shared.hasOwnerClaim(claims) {
			return "everybody can get a token of this issuer, so the owner must stand before the first *, as in " + shared.subjectPrefix + "OWNER/*"
		}
	}

	return ""
}

// namesOwner says whether a subject that is made up of claims, as in
// repository_owner_id:7:ref:…, has the owner in its literal part. whole is set
// where that is all of it.
func (s sharedIssuer) namesOwner(literal string, whole bool) bool {
	parts := strings.Split(literal, ":")
	for i, part := range parts[:len(parts)-1] {
		value := parts[i+1]
		ended := i+2 < len(parts) || whole || strings.Contains(value, "/")
		if value != "" && ended && slices.Contains(s.ownerClaims, part) {
			return true
		}
	}
	return false
}

func (s sharedIssuer) hasOwnerClaim(claims map[string]string) bool {
	return slices.ContainsFunc(s.ownerClaims, func(name string) bool {
		literal, _, starred := strings.Cut(claims[name], "*")
		return literal != "" && (!starred || strings.Contains(literal, "/"))
	})
}
