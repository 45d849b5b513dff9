package identity

import (
	"slices"
	"strings"
)

// matchWildcard reports whether text matches pattern, in which * matches any text,
// including none. The whole text must match. It takes time proportional at most to
// the product of the lengths.
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

// A sharedIssuer issues tokens to the public. Its subjects begin with subjectPrefix
// and an owner that ends with /. If subjects can be composed of other claims, as at
// GitHub, they may instead name the owner by one of ownerClaims. These exclude
// claims that any owner can have, such as an environment, a branch, a reusable
// workflow or an actor.
type sharedIssuer struct {
	issuer, subjectPrefix string
	ownerClaims           []string
}

func sharedIssuers() []sharedIssuer {
	return []sharedIssuer{
		{"https://token.actions.githubusercontent.com", "repo:", []string{
			"repo", "repository", "repository_id", "repository_owner", "repository_owner_id", "workflow_ref",
			"enterprise", "enterprise_id",
		}},
		{
			"https://gitlab.com",
			"project_path:",
			[]string{"project_path", "project_id", "namespace_path", "namespace_id"},
		},
	}
}

// subjectProblem returns why a subject pattern admits too many callers, or "". A
// pattern must not begin with *. For a shared issuer, the owner must be complete
// before the first *, unless one of the other required claims names it.
func subjectProblem(issuer, pattern string, claims map[string]string) string {
	literal, _, starred := strings.Cut(pattern, "*")
	if starred && literal == "" {
		return "it begins with *, which admits any caller"
	}

	for _, shared := range sharedIssuers() {
		if issuer != shared.issuer {
			continue
		}

		owner, usual := strings.CutPrefix(literal, shared.subjectPrefix)
		unnamed := starred && strings.HasPrefix(shared.subjectPrefix,
			literal) || usual && !strings.Contains(owner, "/")
		if unnamed || !usual && !shared.namesOwner(literal, !starred) && !shared.hasOwnerClaim(claims) {
			return "anyone can get a token of this issuer, so the owner must precede the first *, " +
				"as in " + shared.subjectPrefix + "OWNER/*"
		}
	}

	return ""
}

// namesOwner reports whether a subject composed of claims, as in
// repository_owner_id:7:ref:…, has the owner in its literal part. whole is set if
// the literal is the whole pattern.
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
