package identity

import (
	"regexp"
	"strings"
	"testing"
)

// The reference is the equivalent regular expression.
func FuzzMatchWildcard(f *testing.F) {
	for _, pair := range [][2]string{
		{"repo:acme/infra:*", "repo:acme/infra:ref:refs/heads/main"},
		{"repo:acme/infra:*", "repo:acme/infra-evil:x"},
		{"*", ""},
		{"", ""},
		{"a*b*c", "abc"},
		{"a*b*c", "aXbXc"},
		{"a*ab", "ab"},
		{"a*a", "a"},
		{"**", "x"},
		{"a**b", "ab"},
		{"*b*", "abc"},
		{"a*", "b"},
		{"a", "ab"},
	} {
		f.Add(pair[0], pair[1])
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
	const (
		github = "https://token.actions.githubusercontent.com"
		gitlab = "https://gitlab.com"
		own    = "https://id.example"
	)
	owned := map[string]string{"repository_owner_id": "7"}
	vague := map[string]string{"repository": "acme*", "repository_owner": "*", "actor": "ada"}
	for _, test := range []struct {
		issuer, pattern string
		claims          map[string]string
		open            bool
	}{
		{issuer: own, pattern: "*", claims: nil, open: true},
		{issuer: own, pattern: "**", claims: nil, open: true},
		{issuer: own, pattern: "*:ref:refs/heads/main", claims: nil, open: true},
		{issuer: own, pattern: "a*", claims: nil, open: false},
		{issuer: own, pattern: "a", claims: nil, open: false},
		{issuer: own, pattern: "repo:*", claims: nil, open: false},
		{issuer: own, pattern: "environment:prod", claims: nil, open: false},
		{issuer: own, pattern: "*", claims: owned, open: true},
		{issuer: github, pattern: "repo:acme/infra:*", claims: nil, open: false},
		{issuer: github, pattern: "repo:acme/*", claims: nil, open: false},
		{issuer: github, pattern: "repo:acme/infra:ref:refs/heads/main", claims: nil, open: false},
		{issuer: github, pattern: "repo:*", claims: nil, open: true},
		{issuer: github, pattern: "repo:acme*", claims: nil, open: true},
		{issuer: github, pattern: "r*", claims: nil, open: true},
		{issuer: github, pattern: "repo*", claims: nil, open: true},
		{issuer: github, pattern: "repo:*/infra:x", claims: nil, open: true},
		{issuer: github, pattern: "repo:*", claims: owned, open: true},
		// A GitHub repository owner chooses of which claims its subjects are
		// composed.
		{issuer: github, pattern: "repository_owner_id:7:*", claims: nil, open: false},
		{issuer: github, pattern: "repository_owner_id:7*", claims: nil, open: true},
		{issuer: github, pattern: "repository_owner_id:*", claims: nil, open: true},
		{issuer: github, pattern: "repository:acme/*", claims: nil, open: false},
		{issuer: github, pattern: "repository:acme*", claims: nil, open: true},
		{issuer: github, pattern: "environment:prod:repository_owner:acme", claims: nil, open: false},
		{issuer: github, pattern: "environment:prod", claims: nil, open: true},
		{issuer: github, pattern: "ref:refs/heads/main", claims: nil, open: true},
		{issuer: github, pattern: "ref:*", claims: nil, open: true},
		{issuer: github, pattern: "job_workflow_ref:acme/infra/*", claims: nil, open: true},
		{issuer: github, pattern: "repository_owner", claims: nil, open: true},
		{issuer: github, pattern: "my_repository_owner:acme", claims: nil, open: true},
		{issuer: github, pattern: "environment:prod:repo:acme/infra", claims: nil, open: false},
		{issuer: github, pattern: "environment:prod", claims: owned, open: false},
		{issuer: github, pattern: "ref:*", claims: owned, open: false},
		{issuer: github, pattern: "environment:prod", claims: vague, open: true},
		{issuer: github, pattern: "environment:prod", claims: map[string]string{"repository": "acme/*"}, open: false},
		{issuer: gitlab, pattern: "project_path:acme/infra:*", claims: nil, open: false},
		{issuer: gitlab, pattern: "project_path:acme*", claims: nil, open: true},
		{issuer: gitlab, pattern: "project*", claims: nil, open: true},
		{issuer: gitlab, pattern: "ref:main", claims: nil, open: true},
	} {
		if got := subjectProblem(test.issuer, test.pattern, test.claims) != ""; got != test.open {
			t.Errorf("%s at %s with %v: too open is %v", test.pattern, test.issuer, test.claims, got)
		}
	}
}
