package template

import (
	"fmt"
	"maps"
	"strings"

	"github.com/lockstephq/lockstep/internal/cfn/syntax"
)

// The limits of one evaluation. CloudFormation publishes none.
const (
	// maxEvaluatedSize bounds the bytes that functions compute, since they multiply text.
	maxEvaluatedSize = 1 << 20
	// maxVisits bounds the nodes that are evaluated. A function that discards most of its
	// argument, such as Fn::Select, computes little and may still visit a long list each
	// time it is called.
	maxVisits = 500_000
)

// An Input has the values of an evaluation that come from outside.
type Input struct {
	// Parameters has a value for each declared parameter, as [Template.BindParameters]
	// returns them.
	Parameters map[string]string
	// Pseudo has the values of pseudo parameters such as AWS::Region: strings, and
	// one list of strings.
	Pseudo map[string]any
	// Import returns the value of an export of another stack, and whether there is one.
	Import func(name string) (string, bool)
	// StoredParameter returns a value of the parameter store, and whether there is one.
	// It may be nil if no parameter has a type that needs it.
	StoredParameter func(name string) (string, bool)
	// ResolveResource returns the values of Ref and GetAtt of a resource. It is called
	// once for each resource, in dependency order, with the computed properties.
	ResolveResource func(Resource) (ResourceValues, error)
}

// ResourceValues are the values of a resource that other resources refer to.
type ResourceValues struct {
	Ref string
	// Attribute returns the value of GetAtt: a string, or a list of strings as []any.
	Attribute func(name string) (any, error)
}

// A Resource is an evaluated resource.
type Resource struct {
	LogicalID, Type                     string
	Line                                int
	Properties, Metadata                map[string]any
	DeletionPolicy, UpdateReplacePolicy string            // "" if absent
	DependsOn                           []string          // explicit and implied, in this template
	Attributes                          map[string]string // CreationPolicy and UpdatePolicy, in canonical text
	Sources                             map[string]Source
}

// A Source is the unevaluated property, and what it refers to.
type Source struct {
	Text       string // canonical text of the property as the template has it
	References []Reference
}

// A Reference is a parameter, a resource or an attribute that a value refers to.
type Reference struct {
	Kind ReferenceKind `json:"kind"`
	Name string        `json:"name"` // parameter, resource, or resource.attribute
}

// A ReferenceKind is the kind of a reference, in the words of change sets.
type ReferenceKind string

// The kinds of references.
const (
	ToParameter ReferenceKind = "ParameterReference"
	ToResource  ReferenceKind = "ResourceReference"
	ToAttribute ReferenceKind = "ResourceAttribute"
)

// An Output is an evaluated output.
type Output struct {
	Key         string
	Value       string
	Description string
	Export      string
}

// An Evaluation is an evaluated template.
type Evaluation struct {
	Resources []Resource // each after those it depends on
	Outputs   []Output
	Imports   []string // names of the exports used
}

// MissingExport is the error of an import of an export that does not exist.
type MissingExport struct {
	Name string
}

func (e *MissingExport) Error() string { return fmt.Sprintf("No export named %s found.", e.Name) }

// noValue is the value of AWS::NoValue. Lists and objects omit it.
type noValue struct{}

// An evaluator evaluates a template once. It is not safe for concurrent use.
type evaluator struct {
	t          *Template
	in         Input
	names      *checker
	conditions map[string]bool
	resolved   map[string]ResourceValues
	imports    []string
	size       int // bytes that functions have computed
	visits     int // nodes that were evaluated
}

func newEvaluator(t *Template, in Input) *evaluator {
	return &evaluator{
		t:          t,
		in:         in,
		names:      newChecker(t),
		conditions: map[string]bool{},
		resolved:   map[string]ResourceValues{},
	}
}

// Evaluate evaluates the template. Its errors are *[syntax.Error], *[MissingExport] and
// those of input.ResolveResource.
func (t *Template) Evaluate(input Input) (*Evaluation, error) {
	evaluator := newEvaluator(t, input)
	if err := evaluator.fetchStoredParameters(); err != nil {
		return nil, err
	}
	if err := evaluator.assertRules(); err != nil {
		return nil, err
	}

	order, err := t.orderResources(evaluator)
	if err != nil {
		return nil, err
	}

	out := &Evaluation{}
	for _, st := range order {
		resource, err := evaluator.resource(st)
		if err != nil {
			return nil, err
		}

		placed, err := input.ResolveResource(resource)
		if err != nil {
			return nil, err
		}

		evaluator.resolved[resource.LogicalID] = placed
		out.Resources = append(out.Resources, resource)
	}

	if out.Outputs, err = evaluator.outputs(); err != nil {
		return nil, err
	}

	out.Imports = evaluator.imports
	return out, nil
}

// fetchStoredParameters replaces the names of stored parameters by their values.
func (e *evaluator) fetchStoredParameters() error {
	values := maps.Clone(e.in.Parameters)
	var missing []string
	for _, parameter := range e.t.parameters {
		if !parameter.isStored() {
			continue
		}

		value, ok := e.in.StoredParameter(values[parameter.name])
		if !ok {
			missing = append(missing, syntax.Clip(values[parameter.name]))
		}

		values[parameter.name] = value
	}

	e.in.Parameters = values
	if missing != nil {
		return syntax.Errorf("Unable to fetch parameters [%s] from parameter store for this account.",
			strings.Join(missing, ","))
	}

	return nil
}

func (e *evaluator) resource(ordered orderedResource) (Resource, error) {
	resource := ordered.resource
	out := Resource{
		LogicalID:           resource.id,
		Type:                resource.typ,
		Line:                resource.line,
		DependsOn:           ordered.dependsOn,
		Attributes:          map[string]string{},
		DeletionPolicy:      resource.policies["DeletionPolicy"],
		UpdateReplacePolicy: resource.policies["UpdateReplacePolicy"],
		Sources:             map[string]Source{},
	}
	for _, field := range resource.attributes.Fields {
		out.Attributes[field.Name] = field.Value.Canonical()
	}

	var err error
	if out.Properties, err = e.object(resource.properties); err != nil {
		return out, err
	}
	if out.Metadata, err = e.object(resource.metadata); err != nil {
		return out, err
	}

	if found := dynamicIn(out.Properties); found != "" {
		return out, syntax.Unsupported(lineOf(resource.properties, found, resource.line), found)
	}

	if resource.properties != nil {
		for _, field := range resource.properties.Fields {
			src := Source{Text: field.Value.Canonical()}
			err := e.visitReferences(field.Value, func(ref Reference) { src.References = append(src.References, ref) })
			if err != nil {
				return out, err
			}

			out.Sources[field.Name] = src
		}
	}

	return out, nil
}

// object evaluates a node that must be an object, or is nil.
func (e *evaluator) object(node *syntax.Node) (map[string]any, error) {
	if node == nil {
		return map[string]any{}, nil
	}

	value, err := e.value(node)
	if err != nil {
		return nil, err
	}

	object, ok := value.(map[string]any)
	if !ok {
		return nil, syntax.ErrorAt(node.Line, "Template format error: Properties and Metadata must be objects")
	}

	return object, nil
}

// value evaluates a node to a string, []any, map[string]any or noValue.
func (e *evaluator) value(node *syntax.Node) (any, error) {
	if e.visits++; e.visits > maxVisits {
		return nil, syntax.ErrorAt(node.Line, "Template error: the template takes more than %d steps to evaluate",
			maxVisits)
	}

	switch node.Kind {
	case syntax.List:
		out := make([]any, 0, len(node.Items))
		for _, it := range node.Items {
			value, err := e.value(it)
			if err != nil {
				return nil, err
			}

			if _, nothing := value.(noValue); !nothing {
				out = append(out, value)
			}
		}

		return out, nil
	case syntax.Object:
		if name, arg, ok := node.Function(); ok {
			value, err := e.call(node, name, arg)
			if err != nil {
				return nil, err
			}
			return value, e.countSize(node, value)
		}

		out := make(map[string]any, len(node.Fields))
		for _, field := range node.Fields {
			value, err := e.value(field.Value)
			if err != nil {
				return nil, err
			}

			if _, nothing := value.(noValue); !nothing {
				out[field.Name] = value
			}
		}

		return out, nil
	}

	return node.Text, nil
}

// countSize adds the size of a computed value, and refuses too large a template.
func (e *evaluator) countSize(n *syntax.Node, v any) error {
	e.size += sizeOf(v)
	if e.size > maxEvaluatedSize {
		return syntax.ErrorAt(n.Line, "Template error: the evaluated template is larger than %d bytes",
			maxEvaluatedSize)
	}
	return nil
}

func sizeOf(v any) int {
	const each = 16
	sum := each
	switch v := v.(type) {
	case string:
		sum += len(v)
	case []any:
		for _, item := range v {
			sum += sizeOf(item)
		}
	case map[string]any:
		for k, item := range v {
			sum += len(k) + sizeOf(item)
		}
	}

	return sum
}

func (e *evaluator) outputs() ([]Output, error) {
	var out []Output
	exported := map[string]bool{}
	for _, output := range e.t.outputs {
		if active, err := e.conditionHolds(output.condition); err != nil || !active {
			if err != nil {
				return nil, err
			}
			continue
		}

		value, err := e.value(output.value)
		if err != nil {
			return nil, err
		}

		text, ok := value.(string)
		if !ok {
			return nil, syntax.ErrorAt(output.line,
				"Template format error: The Value field of every Outputs member must evaluate to a String.")
		}
		if found := syntax.DynamicReference(text); found != "" {
			return nil, syntax.Unsupported(lineOf(output.value, found, output.line), found)
		}

		export, err := e.export(output)
		if err != nil {
			return nil, err
		}
		if export != "" && exported[export] {
			return nil, syntax.ErrorAt(output.line,
				"Template format error: Export with name %s is declared more than once", export)
		}

		exported[export] = true
		out = append(out, Output{
			Key:         output.id,
			Value:       text,
			Description: output.description,
			Export:      export,
		})
	}

	return out, nil
}

func (e *evaluator) export(output *output) (string, error) {
	if output.export == nil {
		return "", nil
	}

	value, err := e.value(output.export)
	if err != nil {
		return "", err
	}

	name, ok := value.(string)
	if !ok || !exportPattern.MatchString(name) {
		return "", malformedExport(syntax.Field{Name: output.id, Line: output.line})
	}

	return name, nil
}

// dynamicIn returns the first dynamic reference below a value.
func dynamicIn(v any) string {
	switch v := v.(type) {
	case string:
		return syntax.DynamicReference(v)
	case []any:
		for _, item := range v {
			if found := dynamicIn(item); found != "" {
				return found
			}
		}
	case map[string]any:
		for _, item := range v {
			if found := dynamicIn(item); found != "" {
				return found
			}
		}
	}

	return ""
}

// lineOf returns the line of the text that contains a dynamic reference.
func lineOf(node *syntax.Node, found string, otherwise int) int {
	line := otherwise
	head, _, _ := strings.Cut(strings.TrimPrefix(found, "{{resolve:"), ":")
	stop := syntax.Errorf("found")
	_ = node.Walk(func(node *syntax.Node) error { // the error only ends the walk
		if node.Kind == syntax.Scalar && strings.Contains(node.Text, "{{resolve:"+head) {
			line = node.Line
			return stop
		}
		return nil
	})
	return line
}
