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

// Schema returns the Cedar schema of all policies, for their authors and editors.
func Schema() string { return schemaText }

// A validator validates statements against the schema and finds the positions of
// errors, which Cedar's validator does not report.
type validator struct {
	schema *resolved.Schema
	strict *validate.Validator
}

func newValidator() (*validator, error) {
	var parsed schema.Schema
	if err := parsed.UnmarshalCedar([]byte(schemaText)); err != nil {
		return nil, fmt.Errorf("read the schema of policies: %w", err)
	}
	resolved, err := parsed.Resolve()
	if err != nil {
		return nil, fmt.Errorf("read the schema of policies: %w", err)
	}
	return &validator{schema: resolved, strict: validate.New(resolved)}, nil
}

// checkStatement validates one permit or forbid with the given tokens.
func (v *validator) checkStatement(statement *ast.Policy, tokens []token) error {
	scope := tree.Policy(*statement)
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
	v, scope = v.restrict(scope, bodies)
	for i, condition := range statement.Conditions {
		only := scope
		only.Conditions = []tree.ConditionType{condition}
		wrong := v.errors(&only)
		if len(wrong) == 0 {
			continue
		}

		node := v.smallestInvalid(scope, condition.Body, wrong[0], maxTries/len(tokens))
		return locateNode(bodies[i], node).errorf("%s", v.explain(wrong[0]))
	}

	return nil
}

// errors returns the messages for a statement in a fixed order: the library's order
// varies.
func (v *validator) errors(statement *tree.Policy) []string {
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
	if err := v.strict.Policy("", statement); err != nil {
		flatten(err)
	}

	slices.Sort(messages)
	return slices.Compact(messages)
}

// restrict removes actions that make no difference to the conditions of a
// statement. The library validates them for each combination of action, principal
// type and resource type; conditions that do not mention actions need only one
// action for each resource type.
func (v *validator) restrict(scope tree.Policy, bodies [][]token) (*validator, tree.Policy) {
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

// maxTries bounds the search for the smallest invalid expression of a policy: an
// exact position is not worth unbounded time.
const maxTries = 4000

// smallestInvalid returns the smallest part of an expression that causes a message.
func (v *validator) smallestInvalid(scope tree.Policy, node tree.IsNode, message string, tries int) tree.IsNode {
	for {
		var next tree.IsNode
		for _, part := range children(node) {
			if tries--; tries < 0 {
				return node
			}

			only := scope
			// A comparison of the part with itself is a condition, whatever its
			// type.
			only.Conditions = []tree.ConditionType{{
				Condition: tree.ConditionWhen,
				Body:      tree.NewNode(part).Equal(tree.NewNode(part)).AsIsNode(),
			}}
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

func children(node tree.IsNode) []tree.IsNode {
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

// conditions returns the tokens within the braces of each when and unless.
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

// locateNode returns the first token of an expression. It formats the expression
// and searches for its tokens. One that was written differently, such as ["name"]
// for .name, is not found; the position is then the beginning of the condition.
func locateNode(body []token, node tree.IsNode) token {
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
			return have[i+len(want)-1] // the attribute, not the entity before it
		}

		return have[i]
	}

	return body[0]
}

func (v *validator) explainScope(p *tree.Policy, message string) string {
	if scope, ok := p.Action.(tree.ScopeTypeEq); ok {
		if action, ok := v.schema.Actions[scope.Entity]; ok && action.AppliesTo != nil {
			return fmt.Sprintf("%s applies to a User or Session principal and to resources of type %s.",
				scope.Entity.ID, joinTypes(action.AppliesTo.Resources))
		}
	}
	if strings.HasPrefix(message, "unable to find an applicable action") {
		return "No action of this statement applies to such a principal and resource."
	}
	return asSentence(message)
}

var (
	noAttribute = regexp.MustCompile("^attribute `(.*)` on entity type `(.*)` not found$")
	noContext   = regexp.MustCompile("^attribute `(.*)` in context for .* not found$")
	unsafeTag   = regexp.MustCompile("(?s)^unable to guarantee safety of access to tag `(.*?)`( on entity type .*)?$")
)

func (v *validator) explain(message string) string {
	if groups := noAttribute.FindStringSubmatch(message); groups != nil {
		return v.explainAttribute(groups[1], groups[2])
	}
	if groups := noContext.FindStringSubmatch(message); groups != nil {
		return fmt.Sprintf("The context has no %q: it has region, requestTags, tagKeys.", groups[1])
	}
	if groups := unsafeTag.FindStringSubmatch(message); groups != nil {
		return fmt.Sprintf("Test hasTag(%s) first, as in resource.hasTag(%[1]s) && resource.getTag(%[1]s) == "+
			"\"x\": not every resource has that tag.", groups[1])
	}
	return asSentence(message)
}

func (v *validator) explainAttribute(name, entityType string) string {
	var with []types.EntityType
	for kind, entity := range v.schema.Entities {
		if _, ok := entity.Shape[types.String(name)]; ok {
			with = append(with, kind)
		}
	}
	if len(with) == 0 {
		return fmt.Sprintf("There is no attribute %q. %s has %s.", name, withArticle(entityType),
			strings.Join(slices.Sorted(stringsOf(maps.Keys(v.schema.Entities[types.EntityType(entityType)].Shape))),
				", "))
	}
	return fmt.Sprintf("%s has no %q; %s has. Restrict the scope with \"is\", or test \"has\" first.",
		withArticle(entityType), name, joinTypes(with))
}

func withArticle(kind string) string {
	if strings.Contains("AEIO", kind[:1]) { // but "A User"
		return "An " + kind
	}
	return "A " + kind
}

func joinTypes(kinds []types.EntityType) string {
	return strings.Join(slices.Sorted(stringsOf(slices.Values(kinds))), ", ")
}

func stringsOf[T ~string](all func(func(T) bool)) func(func(string) bool) {
	return func(yield func(string) bool) {
		all(func(s T) bool { return yield(string(s)) })
	}
}

// asSentence converts a message of the library to a sentence.
func asSentence(message string) string {
	message = strings.NewReplacer("__cedar::internal::True", "Bool", "__cedar::internal::False", "Bool",
		"__cedar::internal::", "", "`", `"`).Replace(message)
	if message == "" {
		return message
	}
	return strings.ToUpper(message[:1]) + message[1:] + "."
}
