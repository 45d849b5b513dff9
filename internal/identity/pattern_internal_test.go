package identity

import (
	"regexp"
	"strings"
	"testing"
)

// The reference is the regular expression that says the same.
func FuzzLike(f *testing.F) {
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
		if got, want := like(pattern, text), expression.MatchString(text); got != want {
			t.Errorf("like(%q, %q) = %v", pattern, text, got)
		}
	})
}

func TestPatternThatLetsInStrangersIsTooOpen(t *testing.T) {
	const github, gitlab, own = "https://token.actions.githubusercontent.com", "https://gitlab.com", "https://id.example"
	for _, c := range []struct {
		issuer, pattern string
		open            bool
	}{
		{own, "*", true}, {own, "**", true}, {own, "*:ref:refs/heads/main", true}, {own, "a*", false}, {own, "a", false},
		{own, "repo:*", false},
		{github, "repo:acme/infra:*", false}, {github, "repo:acme/*", false}, {github, "repo:acme/infra:ref:refs/heads/main", false},
		{github, "repo:*", true}, {github, "repo:acme*", true}, {github, "r*", true}, {github, "repo*", true}, {github, "repo:*/infra:x", true},
		{github, "repository_owner_id:7:*", false},
		{gitlab, "project_path:acme/infra:*", false}, {gitlab, "project_path:acme*", true}, {gitlab, "project*", true},
	} {
		if got := tooOpen(c.issuer, c.pattern) != ""; got != c.open {
			t.Errorf("%s at %s: too open is %v", c.pattern, c.issuer, got)
		}
	}
}
