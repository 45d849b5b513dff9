package policy

import (
	"maps"
	"slices"
	"strings"

	"github.com/cedar-policy/cedar-go"

	"github.com/lockstephq/lockstep"
)

// A literal is an entity as a policy names it, such as User::"ada".
type literal struct {
	token // its first token
	kind  string
	id    string
	// These report whether == or !=, or in, precedes it.
	afterEquals, afterIn bool
}

// checkEntityNames reports unknown types and actions and malformed ids. The
// validator finds most of them too, but not their positions.
func checkEntityNames(tokens []token) *SyntaxError {
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

		kind, n := parsePath(tokens[i:])
		last := tokens[i+n-1]
		switch {
		case last.kind == stringToken:
			literal := literal{
				token:       t,
				kind:        kind,
				id:          unquote(last),
				afterEquals: before.text == "==" || before.text == "!=",
				afterIn:     inList || before.text == "in",
			}
			if err := literal.check(last); err != nil {
				return err
			}
			if next := tokens[i+n]; next.text == "." || next.text == "[" || next.text == "has" {
				return literal.errorf(
					"%s::%s has no attributes or tags here: only principal, resource and context have.",
					kind, last.quoted())
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

// parsePath returns a type, or the type of an id, and its number of tokens.
func parsePath(tokens []token) (kind string, n int) {
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

// unquote returns the value of a string literal that the parser has accepted.
func unquote(t token) string {
	if !strings.Contains(t.text, `\`) {
		return strings.Trim(t.text, `"`)
	}
	var annotated cedar.Policy
	statement := "@value(" + t.text + ") permit(principal, action, resource);"
	if err := annotated.UnmarshalCedar([]byte(statement)); err != nil {
		return t.text
	}
	return string(annotated.Annotations()["value"])
}

// entityTypes returns the types whose entities a policy may name.
func entityTypes() []string {
	return []string{
		string(userType), string(sessionType), string(roleType), string(actionType),
		string(Account), string(Host), string(Connection), string(RepositoryLink), string(SyncConfiguration),
		string(IAMRole),
	}
}

func unknownType(t token, kind string) *SyntaxError {
	for _, known := range entityTypes() {
		if strings.EqualFold(known, kind) {
			return t.errorf("There is no type %q: write %s.", kind, known)
		}
	}
	return t.errorf("There is no type %q: the types are %s.", kind, strings.Join(entityTypes(), ", "))
}

// check checks a literal whose id is the token at.
func (l literal) check(at token) *SyntaxError {
	if !slices.Contains(entityTypes(), l.kind) {
		return unknownType(l.token, l.kind)
	}
	if l.kind == string(actionType) {
		return l.checkAction(at)
	}

	if want := idFormats()[l.kind]; !want.matches(l.id) {
		if strings.Contains(l.id, "*") {
			return at.errorf("An id cannot contain wildcards: compare an attribute, as in resource.arn like %s.",
				at.quoted())
		}
		return at.errorf("%s is not a valid id of a %s: use %s.", at.quoted(), l.kind, want.description)
	}

	if l.kind == string(roleType) {
		return l.checkRole(at)
	}

	if l.afterIn && !slices.Contains([]string{string(Account), string(Connection), string(RepositoryLink)}, l.kind) {
		if l.kind == string(Host) {
			return l.errorf("A Host has no children: write ==, or compare resource.hostArn of a connection.")
		}
		return l.errorf("A %s has no children: write ==.", l.kind)
	}

	return nil
}

// checkRole refuses the name of a built-in role in another case, as the API writes
// it, and the word for having none. A forbid with such a role would forbid nothing.
func (l literal) checkRole(at token) *SyntaxError {
	switch name := strings.ToLower(l.id); {
	case name == "none":
		return at.errorf(`No principal is in Role::%s: name the principal, as in User::"ada".`, at.quoted())
	case IsBuiltInRole(name) && name != l.id:
		return at.errorf("There is no role %s: write Role::%q.", at.quoted(), name)
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
	case group && l.afterEquals:
		return at.errorf("%s is a group of actions: write action in Action::%s.", l.id, at.quoted())
	case group || names[l.id]:
		return nil
	case strings.HasPrefix(l.id, "codestar-connections:") && names["codeconnections:"+short]:
		return at.errorf("There is no action %s: write codeconnections:%s, which covers both services.",
			at.quoted(), short)
	case strings.Contains(l.id, "*"):
		return at.errorf(
			"Actions cannot contain wildcards: name a group, as in action in Action::%q, or write action for all.",
			Read)
	}

	for _, known := range slices.Sorted(maps.Keys(names)) {
		if strings.EqualFold(known[strings.Index(known, ":")+1:], short) {
			return at.errorf("There is no action %s: write %s.", at.quoted(), known)
		}
	}

	for _, g := range ActionGroups() {
		if strings.EqualFold(string(g), l.id) {
			return at.errorf("There is no action %s: write %s.", at.quoted(), g)
		}
	}

	return at.errorf("There is no action %s.", at.quoted())
}

// An idFormat describes the ids of a type.
type idFormat struct {
	description string
	matches     func(string) bool
}

func idFormats() map[string]idFormat {
	named := idFormat{"a name", func(id string) bool { return id != "" }}
	two := func(id string) bool {
		first, rest, ok := strings.Cut(id, "/")
		return ok && first != "" && rest != ""
	}
	return map[string]idFormat{
		string(userType): named,
		string(roleType): {"a name without slashes", func(id string) bool {
			return id != "" && !strings.Contains(id, "/")
		}},
		string(sessionType): {"ROLE/NAME", two},
		string(Account): {"the account's twelve digits", func(id string) bool {
			return lockstep.AccountID(id).Valid()
		}},
		string(Host):              arnFormat("host"),
		string(Connection):        arnFormat("connection"),
		string(RepositoryLink):    arnFormat("repository-link"),
		string(SyncConfiguration): {"SYNC_TYPE/NAME, as in CFN_STACK_SYNC/web", two},
		string(IAMRole): {"an ARN, as in arn:aws:iam::111122223333:role/deploy", func(id string) bool {
			return strings.HasPrefix(id, "arn:") && lockstep.ARN(id).Service() == "iam" &&
				strings.HasPrefix(lockstep.ARN(id).Resource(), "role/")
		}},
	}
}

func arnFormat(kind string) idFormat {
	return idFormat{"its ARN, arn:PARTITION:SERVICE:REGION:ACCOUNT:" + kind + "/ID", func(id string) bool {
		arn := lockstep.ARN(id)
		return strings.HasPrefix(id, "arn:") &&
			slices.Contains([]string{"codeconnections", "codestar-connections"}, arn.Service()) &&
			strings.HasPrefix(arn.Resource(), kind+"/")
	}}
}
