package template

import (
	"fmt"
	"maps"
	"strings"
)

// maxProduced bounds, in bytes, what one evaluation may compute: functions
// multiply text, and a template comes from anybody.
const maxProduced = 8 << 20

// Input is what a template's evaluation draws on from outside.
type Input struct {
	// Parameters holds a value for each declared parameter, as [Template.Bind] gives them.
	Parameters map[string]string
	// Pseudo holds AWS::Region and its sisters: strings, and one list of strings.
	Pseudo map[string]any
	// Import answers what other stacks export; false when nobody exports the name.
	Import func(name string) (string, bool)
	// Stored answers what the parameter store holds under a name; false when it
	// holds nothing. It may be nil when no parameter's type asks for it.
	Stored func(name string) (string, bool)
	// Place says what a Ref to a resource and its attributes are. It is called
	// once for each resource, in dependency order, the properties computed.
	Place func(Resource) (Placed, error)
}

// Placed is a resource as others in its template see it.
type Placed struct {
	Ref string
	// Attribute returns a string, or a list of strings as []any.
	Attribute func(name string) (any, error)
}

// A Resource is one with all its values computed.
type Resource struct {
	LogicalID, Type                     string
	Line                                int
	Properties, Metadata                map[string]any
	DeletionPolicy, UpdateReplacePolicy string            // "" when the template does not say
	DependsOn                           []string          // explicit and implied, in this template
	Attributes                          map[string]string // CreationPolicy and UpdatePolicy, in canonical text
	Sources                             map[string]Source
}

// A Source says where a property's value came from.
type Source struct {
	Text       string // canonical text of the property as the template has it
	References []Reference
}

// A Reference is one thing that a value refers to.
type Reference struct {
	Kind ReferenceKind `json:"kind"`
	Name string        `json:"name"` // parameter, resource, or resource.attribute
}

// A ReferenceKind says what is referred to.
type ReferenceKind string

const (
	ToParameter ReferenceKind = "ParameterReference"
	ToResource  ReferenceKind = "ResourceReference"
	ToAttribute ReferenceKind = "ResourceAttribute"
)

// An Output is one with its value computed.
type Output struct {
	Key, Value, Description, Export string
}

// An Evaluation is a template with values for everything.
type Evaluation struct {
	Resources []Resource // each after those it depends on
	Outputs   []Output
	Imports   []string // names of the exports used
}

// MissingExport is the error of importing what nobody exports.
type MissingExport struct {
	Name string
}

func (e *MissingExport) Error() string { return fmt.Sprintf("No export named %s found.", e.Name) }

// noValue is what AWS::NoValue yields; containers leave it out.
type noValue struct{}

// evaluator holds one evaluation. It is not safe for concurrent use.
type evaluator struct {
	t          *Template
	in         Input
	names      *checker
	conditions map[string]bool
	placed     map[string]Placed
	imports    []string
	produced   int
}

func newEvaluator(t *Template, in Input) *evaluator {
	return &evaluator{t: t, in: in, names: newChecker(t), conditions: map[string]bool{}, placed: map[string]Placed{}}
}

// Evaluate computes everything. Errors are *[Error], *[MissingExport] or what
// in.Place answered.
func (t *Template) Evaluate(in Input) (*Evaluation, error) {
	e := newEvaluator(t, in)
	if err := e.fetch(); err != nil {
		return nil, err
	}
	if err := e.assertRules(); err != nil {
		return nil, err
	}

	order, err := t.order(e)
	if err != nil {
		return nil, err
	}

	out := &Evaluation{}
	for _, st := range order {
		r, err := e.resource(st)
		if err != nil {
			return nil, err
		}

		placed, err := in.Place(r)
		if err != nil {
			return nil, err
		}

		e.placed[r.LogicalID] = placed
		out.Resources = append(out.Resources, r)
	}

	if out.Outputs, err = e.outputs(); err != nil {
		return nil, err
	}

	out.Imports = e.imports
	return out, nil
}

// fetch replaces the names of stored parameters by what is stored.
func (e *evaluator) fetch() error {
	values := maps.Clone(e.in.Parameters)
	var missing []string
	for _, p := range e.t.parameters {
		if !p.stored() {
			continue
		}

		v, ok := e.in.Stored(values[p.name])
		if !ok {
			missing = append(missing, clip(values[p.name]))
		}

		values[p.name] = v
	}

	e.in.Parameters = values
	if missing != nil {
		return errorf("Unable to fetch parameters [%s] from parameter store for this account.", strings.Join(missing, ","))
	}

	return nil
}

func (e *evaluator) resource(st stop) (Resource, error) {
	r := st.resource
	out := Resource{
		LogicalID: r.id, Type: r.typ, Line: r.line, DependsOn: st.needs, Attributes: map[string]string{},
		DeletionPolicy: r.policies["DeletionPolicy"], UpdateReplacePolicy: r.policies["UpdateReplacePolicy"],
		Sources: map[string]Source{},
	}
	for _, f := range r.attributes.fields {
		out.Attributes[f.name] = f.value.canonical()
	}

	var err error
	if out.Properties, err = e.object(r.properties); err != nil {
		return out, err
	}
	if out.Metadata, err = e.object(r.metadata); err != nil {
		return out, err
	}

	if found := dynamicIn(out.Properties); found != "" {
		return out, unexpanded(lineOf(r.properties, found, r.line), found)
	}

	if r.properties != nil {
		for _, f := range r.properties.fields {
			src := Source{Text: f.value.canonical()}
			err := e.references(f.value, func(ref Reference) { src.References = append(src.References, ref) })
			if err != nil {
				return out, err
			}

			out.Sources[f.name] = src
		}
	}

	return out, nil
}

// object evaluates a node that is an object, or is not there.
func (e *evaluator) object(n *node) (map[string]any, error) {
	if n == nil {
		return map[string]any{}, nil
	}

	v, err := e.value(n)
	if err != nil {
		return nil, err
	}

	m, ok := v.(map[string]any)
	if !ok {
		return nil, faultf(n.line, "Template format error: Properties and Metadata must be objects")
	}

	return m, nil
}

// value evaluates a node: a string, []any, map[string]any or noValue.
func (e *evaluator) value(n *node) (any, error) {
	switch n.kind {
	case list:
		out := make([]any, 0, len(n.items))
		for _, it := range n.items {
			v, err := e.value(it)
			if err != nil {
				return nil, err
			}

			if _, nothing := v.(noValue); !nothing {
				out = append(out, v)
			}
		}

		return out, nil
	case object:
		if name, arg, ok := n.function(); ok {
			v, err := e.call(n, name, arg)
			if err != nil {
				return nil, err
			}
			return v, e.spend(n, v)
		}

		out := make(map[string]any, len(n.fields))
		for _, f := range n.fields {
			v, err := e.value(f.value)
			if err != nil {
				return nil, err
			}

			if _, nothing := v.(noValue); !nothing {
				out[f.name] = v
			}
		}

		return out, nil
	}

	return n.text, nil
}

// spend counts a computed value against the budget.
func (e *evaluator) spend(n *node, v any) error {
	e.produced += weight(v)
	if e.produced > maxProduced {
		return faultf(n.line, "Template error: the evaluated template is larger than %d bytes", maxProduced)
	}
	return nil
}

func weight(v any) int {
	const each = 16
	sum := each
	switch v := v.(type) {
	case string:
		sum += len(v)
	case []any:
		for _, it := range v {
			sum += weight(it)
		}
	case map[string]any:
		for k, it := range v {
			sum += len(k) + weight(it)
		}
	}

	return sum
}

func (e *evaluator) outputs() ([]Output, error) {
	var out []Output
	exported := map[string]bool{}
	for _, o := range e.t.outputs {
		if active, err := e.active(o.condition); err != nil || !active {
			if err != nil {
				return nil, err
			}
			continue
		}

		v, err := e.value(o.value)
		if err != nil {
			return nil, err
		}

		text, ok := v.(string)
		if !ok {
			return nil, faultf(o.line, "Template format error: The Value field of every Outputs member must evaluate to a String.")
		}
		if found := dynamic(text); found != "" {
			return nil, unexpanded(lineOf(o.value, found, o.line), found)
		}

		export, err := e.export(o)
		if err != nil {
			return nil, err
		}
		if export != "" && exported[export] {
			return nil, faultf(o.line, "Template format error: Export with name %s is declared more than once", export)
		}

		exported[export] = true
		out = append(out, Output{Key: o.id, Value: text, Description: o.description, Export: export})
	}

	return out, nil
}

func (e *evaluator) export(o *output) (string, error) {
	if o.export == nil {
		return "", nil
	}

	v, err := e.value(o.export)
	if err != nil {
		return "", err
	}

	name, ok := v.(string)
	if !ok || !exportPattern.MatchString(name) {
		return "", malformedExport(field{name: o.id, line: o.line})
	}

	return name, nil
}

// dynamicIn returns the first dynamic reference below a value.
func dynamicIn(v any) string {
	switch v := v.(type) {
	case string:
		return dynamic(v)
	case []any:
		for _, it := range v {
			if found := dynamicIn(it); found != "" {
				return found
			}
		}
	case map[string]any:
		for _, it := range v {
			if found := dynamicIn(it); found != "" {
				return found
			}
		}
	}

	return ""
}

// lineOf finds the line of the text that holds a dynamic reference.
func lineOf(n *node, found string, otherwise int) int {
	line := otherwise
	head, _, _ := strings.Cut(strings.TrimPrefix(found, "{{resolve:"), ":")
	stop := errorf("found")
	_ = n.each(func(n *node) error { // the error only ends the walk
		if n.kind == scalar && strings.Contains(n.text, "{{resolve:"+head) {
			line = n.line
			return stop
		}
		return nil
	})
	return line
}
