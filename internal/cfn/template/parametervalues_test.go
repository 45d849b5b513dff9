package template_test

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/lockstephq/lockstep/internal/cfn/template"
)

const parameters = `
Parameters:
  Free: {Type: String, Default: free}
  Must: {Type: String}
  Enum: {Type: String, Default: a, AllowedValues: [a, b]}
  Shape: {Type: String, Default: ab, AllowedPattern: "[a-z]+"}
  Told: {Type: String, Default: ab, AllowedPattern: "[a-z]+", ConstraintDescription: must be small letters}
  Sized: {Type: String, Default: abc, MinLength: 2, MaxLength: 4}
  Count: {Type: Number, Default: 5, MinValue: 1, MaxValue: 10}
  Many: {Type: List<Number>, Default: "1,2"}
  Subnet: {Type: "AWS::EC2::Subnet::Id", Default: subnet-1}
  Subnets: {Type: "List<AWS::EC2::Subnet::Id>", Default: "subnet-1, subnet-2"}
  Secret: {Type: String, Default: hush, NoEcho: true}
Resources: {T: {Type: AWS::SNS::Topic}}
`

func bound(
	t *testing.T, body string, previous map[string]string, given ...template.ParameterInput,
) (map[string]string, error) {
	t.Helper()
	parsed, err := template.Parse(body)
	if err != nil {
		t.Fatal(err)
	}
	return parsed.BindParameters(given, previous)
}

func give(key, value string) template.ParameterInput {
	return template.ParameterInput{Key: key, Value: &value}
}

func TestBindRefuses(t *testing.T) {
	must := give("Must", "x")
	for _, row := range []struct {
		name  string
		given []template.ParameterInput
		want  string
	}{
		{"missing", nil, "Parameters: [Must] must have values"},
		{
			name:  "unknown",
			given: []template.ParameterInput{must, give("B", ""), give("A", "")},
			want:  "Parameters: [B, A] do not exist in the template",
		},
		{"twice", []template.ParameterInput{must, must}, "Duplicate parameter key: Must"},
		{
			name:  "allowed values",
			given: []template.ParameterInput{must, give("Enum", "c")},
			want:  "Parameter 'Enum' must be one of AllowedValues",
		},
		{
			name:  "pattern",
			given: []template.ParameterInput{must, give("Shape", "ab1")},
			want:  "Parameter 'Shape' must match pattern [a-z]+",
		},
		{
			name:  "described",
			given: []template.ParameterInput{must, give("Told", "A")},
			want:  "Parameter 'Told' failed to satisfy constraint: must be small letters",
		},
		{
			name:  "short",
			given: []template.ParameterInput{must, give("Sized", "a")},
			want:  "Parameter 'Sized' must contain at least 2 characters",
		},
		{
			name:  "long",
			given: []template.ParameterInput{must, give("Sized", "abcde")},
			want:  "Parameter 'Sized' must contain at most 4 characters",
		},
		{"no number", []template.ParameterInput{must, give("Count", "x")}, "Parameter 'Count' must be a number."},
		{
			name:  "small",
			given: []template.ParameterInput{must, give("Count", "0")},
			want:  "Parameter 'Count' must be a number not less than 1",
		},
		{
			name:  "great",
			given: []template.ParameterInput{must, give("Count", "11")},
			want:  "Parameter 'Count' must be a number not greater than 10",
		},
		{"no numbers", []template.ParameterInput{must, give("Many", "1,x")}, "Parameter 'Many' must be a number."},
		{
			name:  "huge",
			given: []template.ParameterInput{give("Must", strings.Repeat("x", 4097))},
			want:  "Parameter 'Must' must contain at most 4096 bytes",
		},
		{
			name:  "no previous",
			given: []template.ParameterInput{{Key: "Must", UsePrevious: true}},
			want:  "Invalid input for parameter key Must. Cannot specify usePreviousValue as true",
		},
		{
			name:  "both",
			given: []template.ParameterInput{{Key: "Must", UsePrevious: true, Value: must.Value}},
			want:  "Cannot specify usePreviousValue as true and non empty value",
		},
	} {
		t.Run(row.name, func(t *testing.T) {
			_, err := bound(t, parameters, nil, row.given...)
			if err == nil || !strings.Contains(err.Error(), row.want) {
				t.Errorf("got %v, want %q", err, row.want)
			}
		})
	}
}

func TestBindTakesGivenThenPreviousThenDefault(t *testing.T) {
	previous := map[string]string{"Must": "before", "Free": "before"}
	got, err := bound(t, parameters, previous, template.ParameterInput{Key: "Must", UsePrevious: true},
		give("Enum", "b"))
	if err != nil {
		t.Fatal(err)
	}

	want := map[string]string{
		"Free": "free", "Must": "before", "Enum": "b", "Shape": "ab", "Told": "ab", "Sized": "abc", "Count": "5",
		"Many": "1,2", "Subnet": "subnet-1", "Subnets": "subnet-1, subnet-2", "Secret": "hush",
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
}

func TestParameterDeclarationsAreChecked(t *testing.T) {
	for declaration, want := range map[string]string{
		"{}": "Template format error: " +
			"Every Parameters object must contain a Type member.",
		"{Type: Text}":                             "Template format error: Unrecognized parameter type: Text",
		"{Type: String, Defalt: x}":                "Invalid template parameter property 'Defalt'",
		"{Type: String, Default: [x]}":             "Template format error: Every Default member must be a string.",
		"{Type: Number, Default: x}":               "default of P: Parameter 'P' must be a number.",
		"{Type: String, MinLength: x}":             "MinLength of parameter 'P' must be an integer",
		"{Type: String, AllowedPattern: '(?!a)b'}": "the sandbox does not support AllowedPattern (?!a)b (line 1)",
		"{Type: 'AWS::SSM::Parameter::Value<Text>'}": "Unrecognized parameter type: " +
			"AWS::SSM::Parameter::Value<Text>",
		"{Type: String, Default: a, AllowedValues: [b]}": "default of P: Parameter 'P' must be one of AllowedValues",
		"{Type: 'List<AWS::EC2::Nothing>'}":              "Unrecognized parameter type: List<AWS::EC2::Nothing>",
	} {
		_, err := template.Parse("Parameters: {P: " + declaration + "}\nResources: {T: {Type: AWS::SNS::Topic}}")
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: got %v, want %q", declaration, err, want)
		}
	}
}

func TestStoredParametersYieldWhatIsStored(t *testing.T) {
	const body = `
Parameters:
  One: {Type: 'AWS::SSM::Parameter::Value<String>', Default: /one}
  Many: {Type: 'AWS::SSM::Parameter::Value<List<String>>', Default: /many}
Resources: {T: {Type: AWS::SNS::Topic, Properties: {V: !Join ["-", [!Ref One, !Select [1, !Ref Many]]]}}}
`

	ev, err := evaluate(body, nil, nil)
	if err != nil || ev.Resources[0].Properties["V"] != "stored-b" {
		t.Errorf("%v, %v", ev, err)
	}

	_, err = evaluate(body, map[string]string{"One": "/none", "Many": "/gone"}, nil)
	if want := "Unable to fetch parameters [/none,/gone] from parameter store for this account."; message(err) != want {
		t.Errorf("%v, want %s", err, want)
	}
}

func TestRules(t *testing.T) {
	const body = `
Parameters:
  Env: {Type: String}
  Size: {Type: String, Default: small}
  Zones: {Type: CommaDelimitedList, Default: "a,b"}
Rules:
  Prod:
    RuleCondition: !Equals [!Ref Env, prod]
    Assertions:
      - Assert: {"Fn::Contains": [[large, huge], !Ref Size]}
        AssertDescription: prod must be large
  Zones:
    Assertions:
      - Assert: {"Fn::EachMemberIn": [!Ref Zones, [a, b, c]]}
        AssertDescription: only known zones
Resources: {T: {Type: AWS::SNS::Topic}}
`
	for _, row := range []struct {
		given map[string]string
		want  string
	}{
		{map[string]string{"Env": "dev"}, ""},
		{map[string]string{"Env": "prod", "Size": "huge"}, ""},
		{map[string]string{"Env": "prod"}, "Template error: Rule Prod failed: prod must be large"},
		{map[string]string{"Env": "dev", "Zones": "a,x"}, "Template error: Rule Zones failed: only known zones"},
	} {
		_, err := evaluate(body, row.given, nil)
		if got := message(err); got != row.want {
			t.Errorf("%v: %q, want %q", row.given, got, row.want)
		}
	}
}

func message(err error) string {
	if err == nil {
		return ""
	}
	return err.Error()
}
