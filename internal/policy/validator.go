package policy

import (
	_ "embed"
	"fmt"
	"maps"
	"regexp"
	"slices"
	"strings"

	"github.com/cedar-policy/cedar-go"
	"github.com/cedar-policy/cedar-go/ast"
	"github.com/cedar-policy/cedar-go/types"
	tree "github.com/cedar-policy/cedar-go/x/exp/ast"
	"github.com/cedar-policy/cedar-go/x/exp/schema"
	"github.com/cedar-policy/cedar-go/x/exp/schema/resolved"
	"github.com/cedar-policy/cedar-go/x/exp/schema/validate"
)

//go:embed schema.cedarschema
var schemaText string

// Schema gives what policies may speak of, as a Cedar schema: for those who
// write them, and for their editors.
func Schema() string { return schemaText }

// A validator compares policies with the schema, and finds the place of what is
// wrong: the library tells none.
type validator struct {
	schema *resolved.Schema
	strict *validate.Validator
}

func newValidator() (*validator, error) {
	var s schema.Schema
	if err := s.UnmarshalCedar([]byte(schemaText)); err != nil {
		return nil, fmt.Errorf("read the schema of policies: %w", err)
	}
	r, err := s.Resolve()
	if err != nil {
		return nil, fmt.Errorf("read the schema of policies: %w", err)
	}
	return &validator{schema: r, strict: validate.New(r)}, nil
}

// statement checks one permit or forbid, whose tokens these are.
func (v *validator) statement(p *ast.Policy, tokens []token) error {
	scope := tree.Policy(*p)
	scope.Conditions = nil
	if wrong := v.errors(&scope); len(wrong) > 0 {
		place := tokens[0]
		for _, t := range tokens {
			if t.text == "resource" {
				place = t
				break
			}
		}

		return place.errorf("%s", v.explainScope(&scope, wrong[0]))
	}

	bodies := conditions(tokens)
	v, scope = v.narrow(scope, bodies)
	for i, condition := range p.Conditions {
		only := scope
		only.Conditions = []tree.ConditionType{condition}
		wrong := v.errors(&only)
		if len(wrong) == 0 {
			continue
		}

		node := v.smallest(scope, condition.Body, wrong[0], maxTries/len(tokens))
		return place(bodies[i], node).errorf("%s", v.explain(wrong[0]))
	}

	return nil
}

// errors gives the messages for a policy, in an order of ours: the library's is
// another each time.
func (v *validator) errors(p *tree.Policy) []string {
	var messages []string
	var flatten func(error)
	flatten = func(err error) {
		if joined, ok := err.(interface{ Unwrap() []error }); ok {
			for _, e := range joined.Unwrap() {
				flatten(e)
			}
			return
		}

		messages = append(messages, err.Error())
	}
	if err := v.strict.Policy("", p); err != nil {
		flatten(err)
	}

	slices.Sort(messages)
	return slices.Compact(messages)
}

// narrow leaves out what makes no difference to the conditions of a policy. The
// library walks them for each action, kind of principal and kind of resource;
// where they do not speak of actions, one action for each kind of resource does.
func (v *validator) narrow(scope tree.Policy, bodies [][]token) (*validator, tree.Policy) {
	for _, body := range bodies {
		if slices.ContainsFunc(body, func(t token) bool { return strings.EqualFold(t.text, string(actionType)) }) {
			return v, scope
		}
	}

	narrow := &resolved.Schema{Entities: v.schema.Entities, Actions: map[types.EntityUID]resolved.Action{}}
	there := map[string]bool{}
	for _, a := range Actions() {
		if kinds := fmt.Sprint(a.ResourceTypes); a.matches(scope.Action) && !there[kinds] {
			there[kinds] = true
			narrow.Actions[actionUID(a.Name)] = v.schema.Actions[actionUID(a.Name)]
		}
	}

	scope.Action = tree.ScopeTypeAll{}
	return &validator{schema: v.schema, strict: validate.New(narrow)}, scope
}

// maxTries bounds the search for the smallest expression, shared among the
// tokens of a policy: a place that is less exact is worth less than time that
// anybody may use up.
const maxTries = 4000

// smallest gives the smallest part of an expression that is wrong in a way.
func (v *validator) smallest(scope tree.Policy, node tree.IsNode, message string, tries int) tree.IsNode {
	for {
		var next tree.IsNode
		for _, part := range parts(node) {
			if tries--; tries < 0 {
				return node
			}

			only := scope
			// Whatever type the part has, a comparison with itself is a condition.
			only.Conditions = []tree.ConditionType{{Condition: tree.ConditionWhen, Body: tree.NewNode(part).Equal(tree.NewNode(part)).AsIsNode()}}
			if slices.Contains(v.errors(&only), message) {
				next = part
				break
			}
		}

		if next == nil {
			return node
		}

		node = next
	}
}

func parts(node tree.IsNode) []tree.IsNode {
	var all []tree.IsNode
	root := true
	tree.Inspect(tree.NewNode(node), func(n tree.IsNode) bool {
		if root {
			root = false
			return true
		}
		all = append(all, n)
		return false
	})
	return all
}

// conditions gives the tokens within the braces of each when and unless.
func conditions(tokens []token) [][]token {
	var all [][]token
	depth, begin := 0, 0
	for i, t := range tokens {
		switch t.text {
		case "(", "[", "{":
			if depth == 0 {
				begin = i + 1
			}
			depth++
		case ")", "]", "}":
			depth--
			if depth == 0 && t.text == "}" {
				all = append(all, tokens[begin:i])
			}
		}
	}

	return all
}

// place finds an expression in a condition: it is written out, and its tokens
// are looked for. One that was written otherwise, such as with ["name"] for
// .name, is not found, and then the place is where the condition begins.
func place(body []token, node tree.IsNode) token {
	p := tree.Permit().When(tree.NewNode(node))
	written, err := scan(string(cedar.NewPolicyFromAST((*ast.Policy)(p)).MarshalCedar()))
	if err != nil {
		return body[0]
	}

	bodies := conditions(written)
	plain := func(t token) bool { return t.text == "(" || t.text == ")" }
	want, have := slices.DeleteFunc(bodies[len(bodies)-1], plain), slices.DeleteFunc(slices.Clone(body), plain)
	same := func(a, b token) bool { return a.text == b.text }
	for i := 0; len(want) > 0 && i+len(want) <= len(have); i++ {
		if !slices.EqualFunc(have[i:i+len(want)], want, same) {
			continue
		}
		if _, ok := node.(tree.NodeTypeAccess); ok {
			return have[i+len(want)-1] // the attribute, not whose it is
		}

		return have[i]
	}

	return body[0]
}

func (v *validator) explainScope(p *tree.Policy, message string) string {
	if scope, ok := p.Action.(tree.ScopeTypeEq); ok {
		if action, ok := v.schema.Actions[scope.Entity]; ok && action.AppliesTo != nil {
			return fmt.Sprintf("%s is asked for by a User or a Session, on %s.", scope.Entity.ID, list(action.AppliesTo.Resources))
		}
	}
	if strings.HasPrefix(message, "unable to find an applicable action") {
		return "No action of this policy can be asked for by such a principal on such a resource."
	}
	return sentence(message)
}

var (
	noAttribute = regexp.MustCompile("^attribute `(.*)` on entity type `(.*)` not found$")
	noContext   = regexp.MustCompile("^attribute `(.*)` in context for .* not found$")
	unsafeTag   = regexp.MustCompile("(?s)^unable to guarantee safety of access to tag `(.*?)`( on entity type .*)?$")
)

func (v *validator) explain(message string) string {
	if m := noAttribute.FindStringSubmatch(message); m != nil {
		return v.explainAttribute(m[1], m[2])
	}
	if m := noContext.FindStringSubmatch(message); m != nil {
		return fmt.Sprintf("The context has no %q: it has region, requestTags, tagKeys.", m[1])
	}
	if m := unsafeTag.FindStringSubmatch(message); m != nil {
		return fmt.Sprintf("Ask hasTag(%s) first, as in resource.hasTag(%[1]s) && resource.getTag(%[1]s) == \"x\": not every thing has that tag.", m[1])
	}
	return sentence(message)
}

func (v *validator) explainAttribute(name, of string) string {
	var with []types.EntityType
	for kind, entity := range v.schema.Entities {
		if _, ok := entity.Shape[types.String(name)]; ok {
			with = append(with, kind)
		}
	}
	if len(with) == 0 {
		return fmt.Sprintf("Nothing has an attribute %q. %s has %s.", name, one(of),
			strings.Join(slices.Sorted(stringsOf(maps.Keys(v.schema.Entities[types.EntityType(of)].Shape))), ", "))
	}
	return fmt.Sprintf("%s has no %q: %s has. Say which are meant with \"is\" in the scope, or ask \"has\" first.", one(of), name, list(with))
}

func one(kind string) string {
	if strings.Contains("AEIO", kind[:1]) { // but a User
		return "An " + kind
	}
	return "A " + kind
}

func list(kinds []types.EntityType) string {
	return strings.Join(slices.Sorted(stringsOf(slices.Values(kinds))), ", ")
}

func stringsOf[T ~string](all func(func(T) bool)) func(func(string) bool) {
	return func(yield func(string) bool) {
		all(func(s T) bool { return yield(string(s)) })
	}
}

// sentence makes one of the library's message.
func sentence(message string) string {
	message = strings.NewReplacer("__cedar::internal::True", "Bool", "__cedar::internal::False", "Bool",
		"__cedar::internal::", "", "`", `"`).Replace(message)
	if message == "" {
		return message
	}
	return strings.ToUpper(message[:1]) + message[1:] + "."
}
