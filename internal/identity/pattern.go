package identity

import "strings"

// like says whether text is as pattern demands: * stands for any text, also for
// none, and everything else for itself. Both ends are bound. It takes time in
// proportion to the lengths' product at the very most.
func like(pattern, text string) bool {
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

// sharedIssuer is an issuer that gives tokens to strangers as well, and how its
// subjects begin before they name whose they are: an owner that ends with /.
type sharedIssuer struct{ issuer, begins string }

func sharedIssuers() []sharedIssuer {
	return []sharedIssuer{
		{"https://token.actions.githubusercontent.com", "repo:"},
		{"https://gitlab.com", "project_path:"},
	}
}

// tooOpen says why a subject's pattern would let in people whom nobody meant,
// or "". A * at the beginning leaves open who comes; at an issuer that serves
// everybody, so does one before the owner's name has ended.
func tooOpen(issuer, pattern string) string {
	literal, _, starred := strings.Cut(pattern, "*")
	if !starred {
		return ""
	}
	if literal == "" {
		return "it begins with *, and so does not say who may come"
	}
	for _, s := range sharedIssuers() {
		owner, named := strings.CutPrefix(literal, s.begins)
		unnamed := strings.HasPrefix(s.begins, literal)
		if issuer == s.issuer && (unnamed || named && !strings.Contains(owner, "/")) {
			return "everybody can get a token of this issuer, so the owner must stand before the first *, as in " + s.begins + "OWNER/*"
		}
	}
	return ""
}
