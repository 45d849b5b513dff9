package policy

import (
	"maps"
	"slices"
	"strings"

	"github.com/cedar-policy/cedar-go"

	"github.com/lockstephq/lockstep"
)

// A literal is an entity as a text names it, such as User::"ada".
type literal struct {
	token // its first
	kind  string
	id    string
	// before are the tokens in front of it, as far as they matter.
	equal, in bool
}

// checkNames finds what is not there: types, actions, ids that can be nobody's.
// The validator would find most of them too, but not where they are.
func checkNames(tokens []token) *SyntaxError {
	var inList bool
	for i := 0; i < len(tokens); i++ {
		t := tokens[i]
		before := token{}
		if i > 0 {
			before = tokens[i-1]
		}

		switch {
		case t.text == "[" && before.text == "in" && before.kind == identToken:
			inList = true
		case t.text == "]" || t.text == ";":
			inList = false
		}

		if t.kind != identToken {
			continue
		}

		kind, n := path(tokens[i:])
		last := tokens[i+n-1]
		switch {
		case last.kind == stringToken:
			l := literal{t, kind, unquote(last), before.text == "==" || before.text == "!=", inList || before.text == "in"}
			if err := l.check(last); err != nil {
				return err
			}
			if next := tokens[i+n]; next.text == "." || next.text == "[" || next.text == "has" {
				return l.errorf("Nothing is known of %s::%s here but its name: attributes and tags are those of principal, resource and context.",
					kind, last.found())
			}
		case n > 1 || before.text == "is" && before.kind == identToken:
			if !slices.Contains(entityTypes(), kind) || kind == string(actionType) {
				return unknownType(t, kind)
			}
		}

		i += n - 1
	}

	return nil
}

// path reads a type, or a type and an id, and says how many tokens it has.
func path(tokens []token) (kind string, n int) {
	kind, n = tokens[0].text, 1
	for n+1 < len(tokens) && tokens[n].text == "::" {
		if tokens[n+1].kind == stringToken {
			return kind, n + 2
		}
		kind += "::" + tokens[n+1].text
		n += 2
	}
	return kind, n
}

// unquote gives the value of a string that the parser has taken.
func unquote(t token) string {
	if !strings.Contains(t.text, `\`) {
		return strings.Trim(t.text, `"`)
	}
	var p cedar.Policy
	if err := p.UnmarshalCedar([]byte("@value(" + t.text + ") permit(principal, action, resource);")); err != nil {
		return t.text
	}
	return string(p.Annotations()["value"])
}

// entityTypes are the types whose entities a text may name.
func entityTypes() []string {
	return []string{
		string(userType), string(sessionType), string(roleType), string(actionType),
		string(Account), string(Host), string(Connection), string(RepositoryLink), string(SyncConfiguration), string(IAMRole),
	}
}

func unknownType(t token, kind string) *SyntaxError {
	for _, known := range entityTypes() {
		if strings.EqualFold(known, kind) {
			return t.errorf("There is no type %q: write %s.", kind, known)
		}
	}
	return t.errorf("There is no type %q: there are %s.", kind, strings.Join(entityTypes(), ", "))
}

// check says what is wrong with a literal, whose id is the token at.
func (l literal) check(at token) *SyntaxError {
	if !slices.Contains(entityTypes(), l.kind) {
		return unknownType(l.token, l.kind)
	}
	if l.kind == string(actionType) {
		return l.checkAction(at)
	}

	if want := ids()[l.kind]; !want.fits(l.id) {
		if strings.Contains(l.id, "*") {
			return at.errorf("An id has no wildcards: compare an attribute, as in resource.arn like %s.", at.found())
		}
		return at.errorf("%s is not the id of a %s: that is %s.", at.found(), l.kind, want.told)
	}

	if l.kind == string(roleType) {
		return l.checkRole(at)
	}

	if l.in && !slices.Contains([]string{string(Account), string(Connection), string(RepositoryLink)}, l.kind) {
		if l.kind == string(Host) {
			return l.errorf("Nothing is in a Host: write ==, or compare resource.hostArn of a connection.")
		}
		return l.errorf("Nothing is in a %s: write ==.", l.kind)
	}

	return nil
}

// checkRole refuses what no role can be called: the name of a ready-made one in
// other letters, as the API writes it, and the word for having none. A forbid
// that names such a role would forbid nothing.
func (l literal) checkRole(at token) *SyntaxError {
	switch name := strings.ToLower(l.id); {
	case name == "none":
		return at.errorf(`Nobody is in Role::%s: name who is meant, as in User::"ada".`, at.found())
	case IsBuiltInRole(name) && name != l.id:
		return at.errorf("No role is called %s: write Role::%q.", at.found(), name)
	}
	return nil
}

func (l literal) checkAction(at token) *SyntaxError {
	names := map[string]bool{}
	for _, a := range Actions() {
		names[a.Name] = true
	}

	group := slices.Contains(ActionGroups(), ActionGroup(l.id))
	short := l.id[strings.Index(l.id, ":")+1:]
	switch {
	case group && l.equal:
		return at.errorf("%s is a group of actions, and no request asks for a group: write action in Action::%s.", l.id, at.found())
	case group || names[l.id]:
		return nil
	case strings.HasPrefix(l.id, "codestar-connections:") && names["codeconnections:"+short]:
		return at.errorf("Action %s is not known: write codeconnections:%s, which covers both services.", at.found(), short)
	case strings.Contains(l.id, "*"):
		return at.errorf("Actions have no wildcards: name a group, as in action in Action::%q, or write action for all.", Read)
	}

	for _, known := range slices.Sorted(maps.Keys(names)) {
		if strings.EqualFold(known[strings.Index(known, ":")+1:], short) {
			return at.errorf("Action %s is not known: write %s.", at.found(), known)
		}
	}

	for _, g := range ActionGroups() {
		if strings.EqualFold(string(g), l.id) {
			return at.errorf("Action %s is not known: write %s.", at.found(), g)
		}
	}

	return at.errorf("Action %s is not known.", at.found())
}

// An id is what the ids of a type look like.
type id struct {
	told string
	fits func(string) bool
}

func ids() map[string]id {
	named := id{"a name", func(s string) bool { return s != "" }}
	two := func(s string) bool {
		first, rest, ok := strings.Cut(s, "/")
		return ok && first != "" && rest != ""
	}
	return map[string]id{
		string(userType):          named,
		string(roleType):          {"a name, without slashes", func(s string) bool { return s != "" && !strings.Contains(s, "/") }},
		string(sessionType):       {"ROLE/NAME", two},
		string(Account):           {"an account's twelve digits", func(s string) bool { return lockstep.AccountID(s).Valid() }},
		string(Host):              arnOf("host"),
		string(Connection):        arnOf("connection"),
		string(RepositoryLink):    arnOf("repository-link"),
		string(SyncConfiguration): {"SYNC_TYPE/NAME, as in CFN_STACK_SYNC/web", two},
		string(IAMRole): {"an ARN, as in arn:aws:iam::111122223333:role/deploy", func(s string) bool {
			return strings.HasPrefix(s, "arn:") && lockstep.ARN(s).Service() == "iam" && strings.HasPrefix(lockstep.ARN(s).Resource(), "role/")
		}},
	}
}

func arnOf(kind string) id {
	return id{"its ARN, arn:PARTITION:SERVICE:REGION:ACCOUNT:" + kind + "/ID", func(s string) bool {
		arn := lockstep.ARN(s)
		return strings.HasPrefix(s, "arn:") && slices.Contains([]string{"codeconnections", "codestar-connections"}, arn.Service()) &&
			strings.HasPrefix(arn.Resource(), kind+"/")
	}}
}
