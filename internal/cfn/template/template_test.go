package template_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/lockstephq/lockstep/internal/cfn/syntax"
	"github.com/lockstephq/lockstep/internal/cfn/template"
)

// world returns the input of an evaluation: the Ref of a resource is ref-ID, its
// attributes are ID.Name, and the exports are those given.
func world(params, exports map[string]string) template.Input {
	return template.Input{
		Parameters: params,
		Pseudo: map[string]any{
			"AWS::Region": "eu-west-1", "AWS::AccountId": "111122223333", "AWS::Partition": "aws",
			"AWS::StackName": "st",
			"AWS::StackId":   "arn:stack", "AWS::URLSuffix": "amazonaws.com", "AWS::NotificationARNs": []any{"arn:n1"},
		},
		Import: func(name string) (string, bool) { v, ok := exports[name]; return v, ok },
		StoredParameter: func(name string) (string, bool) {
			v, ok := map[string]string{"/one": "stored", "/many": "a,b"}[name]
			return v, ok
		},
		ResolveResource: func(resource template.Resource) (template.ResourceValues, error) {
			return template.ResourceValues{Ref: "ref-" + resource.LogicalID, Attribute: func(name string) (any, error) {
				if name == "List" {
					return []any{"one", "two"}, nil
				}
				return resource.LogicalID + "." + name, nil
			}}, nil
		},
	}
}

// evaluate parses a template, binds its parameters and evaluates it.
func evaluate(body string, given map[string]string, exports map[string]string) (*template.Evaluation, error) {
	t, err := template.Parse(body)
	if err != nil {
		return nil, err
	}

	var list []template.ParameterInput
	for k, v := range given {
		list = append(list, template.ParameterInput{Key: k, Value: &v})
	}

	params, err := t.BindParameters(list, nil)
	if err != nil {
		return nil, err
	}

	return t.Evaluate(world(params, exports))
}

// frame is a template with all sections and one property to test.
const frame = `
Parameters:
  Name: {Type: String, Default: bob}
  Zones: {Type: CommaDelimitedList, Default: "a, b,c"}
  Ports: {Type: List<Number>, Default: "80,443"}
Mappings:
  Sizes: {eu-west-1: {small: t3.small, all: [x, y]}, us-east-1: {small: t2.small}}
Conditions:
  IsBob: !Equals [!Ref Name, bob]
  NotBob: !Not [!Condition IsBob]
Resources:
  Other: {Type: AWS::SNS::Topic}
  Gone: {Type: AWS::SNS::Topic, Condition: NotBob}
  Tried:
    Type: AWS::SQS::Queue
    Properties:
      V: %s
`

func tried(value string) string { return fmt.Sprintf(frame, strings.TrimSpace(value)) }

func TestFunctions(t *testing.T) {
	for _, row := range []struct{ name, value, want string }{
		{"plain", `hello`, `"hello"`},
		{"numbers are text", `5`, `"5"`},
		{"YAML 1.1 booleans", `[yes, On, "no", False, !!str yes]`, `["true","true","no","false","yes"]`},
		{"dates stay as written", `2012-10-17`, `"2012-10-17"`},
		{"Ref to a parameter", `!Ref Name`, `"bob"`},
		{"Ref to a list", `!Ref Zones`, `["a","b","c"]`},
		{"Ref to numbers", `!Ref Ports`, `["80","443"]`},
		{"Ref to a resource", `!Ref Other`, `"ref-Other"`},
		{"Ref to a pseudo parameter", `!Ref AWS::Region`, `"eu-west-1"`},
		{"Ref to a list pseudo parameter", `!Ref AWS::NotificationARNs`, `["arn:n1"]`},
		{"Ref in long form", `{Ref: Name}`, `"bob"`},
		{"GetAtt", `!GetAtt Other.Arn`, `"Other.Arn"`},
		{"GetAtt with a dotted attribute", `!GetAtt Other.Endpoint.Address`, `"Other.Endpoint.Address"`},
		{"GetAtt as a list", `!GetAtt [Other, Arn]`, `"Other.Arn"`},
		{"GetAtt in long form as text", `{"Fn::GetAtt": Other.Arn}`, `"Other.Arn"`},
		{"GetAtt with a computed attribute", `{"Fn::GetAtt": [Other, !Ref Name]}`, `"Other.bob"`},
		{"Sub", `!Sub "${Name}-${AWS::AccountId}-${Other}-${Other.Arn}"`, `"bob-111122223333-ref-Other-Other.Arn"`},
		{"Sub with literals", `!Sub "${!Name} $Name ${Name} $${Name} ${"`, `"${Name} $Name bob $bob ${"`},
		{"Sub with variables", `!Sub ["${X}/${Name}", {X: !Join ["", [a, b]], Name: given}]`, `"ab/given"`},
		{"Join", `!Join ["-", [a, !Ref Name, !Ref AWS::NoValue]]`, `"a-bob"`},
		{"Join of a list parameter", `!Join [":", !Ref Zones]`, `"a:b:c"`},
		{"Select", `!Select [1, [a, b]]`, `"b"`},
		{"Select from a parameter", `!Select ["2", !Ref Zones]`, `"c"`},
		{"Split", `!Split [",", "a,b,,c"]`, `["a","b","","c"]`},
		{"Select of Split", `!Select [0, !Split ["/", !GetAtt Other.Path]]`, `"Other.Path"`},
		{"Join of an attribute list", `!Join ["+", !GetAtt Other.List]`, `"one+two"`},
		{"If true", `!If [IsBob, yes-bob, !Ref Gone]`, `"yes-bob"`},
		{"If false", `!If [NotBob, !Ref Gone, {a: [b]}]`, `{"a":["b"]}`},
		{"NoValue leaves a key out", `{a: 1, b: !If [NotBob, 2, !Ref "AWS::NoValue"]}`, `{"a":"1"}`},
		{"NoValue leaves an element out", `[a, !Ref "AWS::NoValue", b]`, `["a","b"]`},
		{"FindInMap", `!FindInMap [Sizes, !Ref AWS::Region, small]`, `"t3.small"`},
		{"FindInMap of a list", `!FindInMap [Sizes, eu-west-1, all]`, `["x","y"]`},
		{"Base64", `!Base64 hello`, `"aGVsbG8="`},
		{"Base64 of Sub", `{"Fn::Base64": !Sub "${Name}"}`, `"Ym9i"`},
		{"ImportValue", `!ImportValue net`, `"vpc-1"`},
		{"ImportValue of Sub", `{"Fn::ImportValue": !Sub "${Name}-net"}`, `"vpc-2"`},
		{"GetAZs", `!GetAZs ""`, `["eu-west-1a","eu-west-1b","eu-west-1c"]`},
		{"GetAZs of a region", `!Select [0, !GetAZs us-west-2]`, `"us-west-2a"`},
		{"Cidr", `!Cidr ["10.0.0.0/16", 3, 8]`, `["10.0.0.0/24","10.0.1.0/24","10.0.2.0/24"]`},
		{"Cidr without bits", `!Cidr ["10.0.0.0/23", 2]`, `["10.0.0.0/24","10.0.1.0/24"]`},
		{"Cidr of IPv6", `!Cidr ["2001:db8::/56", 2, 64]`, `["2001:db8::/64","2001:db8:0:1::/64"]`},
		{"Ref as one key of several", `{Ref: x, Other: y}`, `{"Other":"y","Ref":"x"}`},
		{"Condition as a property", `{Condition: {Bool: {x: true}}}`, `{"Condition":{"Bool":{"x":"true"}}}`},
	} {
		t.Run(row.name, func(t *testing.T) {
			evaluation, err := evaluate(tried(row.value), nil, map[string]string{"net": "vpc-1", "bob-net": "vpc-2"})
			if err != nil {
				t.Fatal(err)
			}

			for _, resource := range evaluation.Resources {
				if resource.LogicalID != "Tried" {
					continue
				}
				if got := syntax.Canonical(resource.Properties["V"]); got != row.want {
					t.Errorf("got %s, want %s", got, row.want)
				}
			}
		})
	}
}

func TestFunctionsRefuse(t *testing.T) {
	for _, row := range []struct{ name, value, want string }{
		{
			name:  "Ref to nothing",
			value: `!Ref Nobody`,
			want: "Template format error: Unresolved resource dependencies [Nobody] in the Resources block of " +
				"the template",
		},
		{
			name:  "Ref to a resource conditioned away",
			value: `!Ref Gone`,
			want: "Template format error: Unresolved resource dependencies [Gone] in the Resources block of the " +
				"template",
		},
		{"Ref of a list", `{Ref: [a]}`, "Template error: every Ref object must have a single String value."},
		{
			name:  "GetAtt of nothing",
			value: `!GetAtt Nobody.Arn`,
			want:  "Template error: instance of Fn::GetAtt references undefined resource Nobody",
		},
		{
			name:  "GetAtt without attribute",
			value: `!GetAtt Other`,
			want:  "Template error: every Fn::GetAtt object requires two non-empty parameters",
		},
		{"Sub of nothing", `!Sub "${Nobody}"`, "Unresolved resource dependencies [Nobody]"},
		{
			name:  "Sub of a list",
			value: `!Sub "${Zones}"`,
			want:  "Template error: every value of the context object of every Fn::Sub object must be a string",
		},
		{
			name:  "Sub with a bad name",
			value: `!Sub "${a-b}"`,
			want: "Template error: variable names in Fn::Sub syntax must contain only alphanumeric characters, " +
				"underscores, periods, and colons",
		},
		{
			name:  "Sub with a list",
			value: `!Sub [a]`,
			want:  "Template error: One or more Fn::Sub intrinsic functions don't specify expected arguments.",
		},
		{"Join without list", `!Join [a, b]`, "Template error: every Fn::Join object requires two parameters"},
		{"Join of objects", `!Join [a, [{b: c}]]`, "Template error: every Fn::Join object requires two parameters"},
		{
			name:  "Select outside",
			value: `!Select [2, [a, b]]`,
			want:  "Template error: Fn::Select cannot select nonexistent value at index 2",
		},
		{
			name:  "Select negative",
			value: `!Select [-1, [a, b]]`,
			want:  "Template error: Fn::Select cannot select nonexistent value at index -1",
		},
		{
			name:  "Select by a word",
			value: `!Select [x, [a, b]]`,
			want:  "Template error: Fn::Select requires a list argument with a valid index value",
		},
		{"Split without delimiter", `!Split ["", a]`, "Template error: every Fn::Split object requires two parameters"},
		{
			name:  "If of nothing",
			value: `!If [Nobody, a, b]`,
			want:  "Unresolved condition dependency Nobody in the Resources block of the template",
		},
		{"If with two", `!If [IsBob, a]`, "Template error: Fn::If requires a list argument with three elements"},
		{
			name:  "FindInMap without map",
			value: `!FindInMap [Nobody, a, b]`,
			want:  "Template error: Mapping named 'Nobody' is not present in the 'Mappings' section of template.",
		},
		{
			name:  "FindInMap without key",
			value: `!FindInMap [Sizes, mars, small]`,
			want:  "Template error: Unable to get mapping for Sizes::mars::small",
		},
		{
			name:  "FindInMap with a default",
			value: `!FindInMap [Sizes, a, b, {DefaultValue: c}]`,
			want:  "the sandbox does not support DefaultValue of Fn::FindInMap (line 17)",
		},
		{"Base64 of a list", `!Base64 [a]`, "Template error: every Fn::Base64 object must have a String-typed value."},
		{"ImportValue of a missing export", `!ImportValue nowhere`, "No export named nowhere found."},
		{
			name:  "ImportValue of a resource",
			value: `{"Fn::ImportValue": !Ref Other}`,
			want:  "must not depend on any resources, imported values, or Fn::GetAZs",
		},
		{"Cidr of a word", `!Cidr [home, 1, 8]`, "Template error: Fn::Cidr requires a valid address block"},
		{"Cidr too many", `!Cidr ["10.0.0.0/24", 2, 8]`, "does not hold 2 blocks of 8 bits"},
		{"Cidr too many bits", `!Cidr ["10.0.0.0/24", 1, 99]`, "does not hold 1 blocks of 99 bits"},
		{"Equals outside of conditions", `!Equals [a, a]`, "Fn::Equals can only be used in Conditions and Rules"},
		{"two functions in one object", `{"Fn::Sub": a, "Fn::Join": b}`, "Fn::Sub must be the only key of its object"},
		{"null", `{a: null}`, "'null' values are not allowed in templates"},
		{"unknown function", `!Frobnicate a`, "the sandbox does not support Fn::Frobnicate (line 17)"},
		{
			name:  "Transform",
			value: `{"Fn::Transform": {Name: AWS::Include}}`,
			want:  "the sandbox does not support Fn::Transform (line 17)",
		},
		{"language extension", `{"Fn::Length": [a]}`, "the sandbox does not support Fn::Length (line 17)"},
		{
			name:  "dynamic reference",
			value: `"{{resolve:ssm:/a/b:1}}"`,
			want:  "the sandbox does not support {{resolve:ssm:/a/b:1}} (line 17)",
		},
		{
			name:  "dynamic reference in Sub",
			value: `!Sub "x{{resolve:secretsmanager:${Name}}}"`,
			want:  "the sandbox does not support {{resolve:secretsmanager:bob}} (line 17)",
		},
	} {
		t.Run(row.name, func(t *testing.T) {
			_, err := evaluate(tried(row.value), nil, nil)
			if err == nil {
				t.Fatalf("no error, want %q", row.want)
			}

			if !strings.Contains(err.Error(), row.want) {
				t.Errorf("got  %q\nwant %q", err, row.want)
			}
		})
	}
}

func TestConditions(t *testing.T) {
	const body = `
Parameters: {A: {Type: String, Default: x}, L: {Type: CommaDelimitedList, Default: "p,q"}}
Mappings: {M: {x: {k: v}}}
Conditions:
  Base: !Equals [!Ref A, x]
  C: %s
Resources:
  R: {Type: AWS::SNS::Topic}
Outputs: {Out: {Condition: C, Value: on}}
`
	for _, row := range []struct {
		condition string
		want      bool
	}{
		{`!Equals [a, a]`, true},
		{`!Equals [!Ref A, y]`, false},
		{`!Equals [!Ref L, [p, q]]`, true},
		{`!Equals [!FindInMap [M, !Ref A, k], v]`, true},
		{`!Equals [!Join ["", !Ref L], pq]`, true},
		{`!Not [!Condition Base]`, false},
		{`!And [!Condition Base, !Equals [a, a]]`, true},
		{`!And [!Condition Base, !Equals [a, b], !Condition Base]`, false},
		{`!Or [!Equals [a, b], !Condition Base]`, true},
		{`!Or [!Equals [a, b], !Not [!Condition Base]]`, false},
		{`{Condition: Base}`, true},
		{`!Equals [!If [Base, 1, 2], "1"]`, true},
	} {
		evaluation, err := evaluate(fmt.Sprintf(body, row.condition), nil, nil)
		if err != nil {
			t.Errorf("%s: %v", row.condition, err)
			continue
		}

		if got := len(evaluation.Outputs) == 1; got != row.want {
			t.Errorf("%s is %v, want %v", row.condition, got, row.want)
		}
	}
}
