package identity

import (
	"regexp"
	"strings"
	"testing"
)

// The reference is the equivalent regular expression.
func FuzzMatchWildcard(f *testing.F) {
	for _, c := range [][2]string{
		{"repo:acme/infra:*", "repo:acme/infra:ref:refs/heads/main"}, {"repo:acme/infra:*", "repo:acme/infra-evil:x"}, {"*", ""}, {"", ""},
		{"a*b*c", "abc"}, {"a*b*c", "aXbXc"}, {"a*ab", "ab"}, {"a*a", "a"}, {"**", "x"}, {"a**b", "ab"}, {"*b*", "abc"}, {"a*", "b"}, {"a", "ab"},
	} {
		f.Add(c[0], c[1])
	}

	f.Fuzz(func(t *testing.T, pattern, text string) {
		expression, err := regexp.Compile(`(?s)\A` + strings.ReplaceAll(regexp.QuoteMeta(pattern), `\*`, `.*`) + `\z`)
		if err != nil || strings.ToValidUTF8(text, "") != text {
			return // no reference
		}

		if got, want := matchWildcard(pattern, text), expression.MatchString(text); got != want {
			t.Errorf("like(%q, %q) = %v", pattern, text, got)
		}
	})
}

func TestPatternThatAdmitsStrangersIsTooBroad(t *testing.T) {
	const github, gitlab, own = "https://token.actions.githubusercontent.com", "https://gitlab.com", "https://id.example"
	owned, vague := map[string]string{"repository_owner_id": "7"}, map[string]string{"repository": "acme*", "repository_owner": "*", "actor": "ada"}
	for _, test := range []struct {
		issuer, pattern string
		claims          map[string]string
		open            bool
	}{
		{own, "*", nil, true}, {own, "**", nil, true}, {own, "*:ref:refs/heads/main", nil, true}, {own, "a*", nil, false}, {own, "a", nil, false},
		{own, "repo:*", nil, false}, {own, "environment:prod", nil, false}, {own, "*", owned, true},
		{github, "repo:acme/infra:*", nil, false}, {github, "repo:acme/*", nil, false}, {github, "repo:acme/infra:ref:refs/heads/main", nil, false},
		{github, "repo:*", nil, true}, {github, "repo:acme*", nil, true}, {github, "r*", nil, true}, {github, "repo*", nil, true},
		{github, "repo:*/infra:x", nil, true}, {github, "repo:*", owned, true},
		// A GitHub repository owner chooses of which claims its subjects are
		// composed.
		{github, "repository_owner_id:7:*", nil, false}, {github, "repository_owner_id:7*", nil, true}, {github, "repository_owner_id:*", nil, true},
		{github, "repository:acme/*", nil, false}, {github, "repository:acme*", nil, true}, {github, "environment:prod:repository_owner:acme", nil, false},
		{github, "environment:prod", nil, true}, {github, "ref:refs/heads/main", nil, true}, {github, "ref:*", nil, true},
		{github, "job_workflow_ref:acme/infra/*", nil, true}, {github, "repository_owner", nil, true}, {github, "my_repository_owner:acme", nil, true},
		{github, "environment:prod:repo:acme/infra", nil, false}, {github, "environment:prod", owned, false}, {github, "ref:*", owned, false}, {github, "environment:prod", vague, true},
		{github, "environment:prod", map[string]string{"repository": "acme/*"}, false},
		{gitlab, "project_path:acme/infra:*", nil, false}, {gitlab, "project_path:acme*", nil, true}, {gitlab, "project*", nil, true},
		{gitlab, "ref:main", nil, true},
	} {
		if got := subjectProblem(test.issuer, test.pattern, test.claims) != ""; got != test.open {
			t.Errorf("%s at %s with %v: too open is %v", test.pattern, test.issuer, test.claims, got)
		}
	}
}
