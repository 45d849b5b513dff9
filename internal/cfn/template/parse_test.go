package template_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/lockstephq/lockstep/internal/cfn/syntax"
	"github.com/lockstephq/lockstep/internal/cfn/template"
)

func TestParseRefuses(t *testing.T) {
	const topic = "Resources: {T: {Type: AWS::SNS::Topic}}\n"
	for _, row := range []struct{ name, body, want string }{
		{"nothing", "", "Template format error: unsupported structure."},
		{"only a comment", "# hello", "Template format error: unsupported structure."},
		{"a list", "- a", "Template format error: unsupported structure."},
		{"a word", "hello", "Template format error: unsupported structure."},
		{"no resources", "Description: x", "Template format error: At least one Resources member must be defined."},
		{"empty resources", "Resources: {}", "Template format error: At least one Resources member must be defined."},
		{
			name: "null resources",
			body: "Resources:",
			want: "Template format error: [/Resources] 'null' values are not allowed in templates",
		},
		{"broken YAML", "Resources:\n  T:\n Type: x", "Template format error: YAML not well-formed. (line"},
		{"broken JSON", "{\n  \"Resources\": {,}}", "Template format error: JSON not well-formed. (line 2"},
		{"cut JSON", `{"Resources": {`, "Template format error: JSON not well-formed."},
		{
			name: "two JSON values",
			body: `{"Resources": {"T": {"Type": "AWS::SNS::Topic"}}} {}`,
			want: "Template format error: JSON not well-formed.",
		},
		{"two documents", topic + "---\nx: y", "a template is one YAML document"},
		{
			name: "alias",
			body: "x: &a [1]\nResources: *a",
			want: "Template error: YAML aliases are not allowed in CloudFormation templates (line 2)",
		},
		{"merge key", "Resources: {T: {<<: {Type: AWS::SNS::Topic}}}", "YAML merge keys are not allowed"},
		{"binary", "Description: !!binary aGk=\n" + topic, "the YAML tag !!binary is not supported"},
		{"a list as a key", "? [a]\n: b", "a key must be a string"},
		{"version", "AWSTemplateFormatVersion: 2011\n" + topic, "unsupported value for AWSTemplateFormatVersion."},
		{"unknown section", "Resourcez: {}\n" + topic, "Invalid template property or properties [Resourcez] (line 1)"},
		{
			name: "long description",
			body: "Description: " + strings.Repeat("x", 1025) + "\n" + topic,
			want: "'Description' length is greater than 1024.",
		},
		{
			name: "SAM",
			body: "Transform: AWS::Serverless-2016-10-31\n" + topic,
			want: "the sandbox does not support Transform AWS::Serverless-2016-10-31 (line 1)",
		},
		{"macros", topic + "Transform: [A, {Name: B}]\n", "the sandbox does not support Transform A, B (line 2)"},
		{"hooks", "Hooks: {}\n" + topic, "the sandbox does not support Hooks (line 1)"},
		{
			name: "serverless type",
			body: "Resources: {F: {Type: AWS::Serverless::Function}}",
			want: "the sandbox does not support AWS::Serverless::Function (line 1)",
		},
		{
			name: "module",
			body: "Resources: {F: {Type: A1::B1::C1::MODULE}}",
			want: "the sandbox does not support module A1::B1::C1::MODULE (line 1)",
		},
		{
			name: "loop",
			body: "Resources: {\"Fn::ForEach::X\": [a, [b], {}]}",
			want: "the sandbox does not support Fn::ForEach::X (line 1)",
		},
		{
			name: "resource name",
			body: "Resources: {a-b: {Type: AWS::SNS::Topic}}",
			want: "Template format error: Resource name a-b is non alphanumeric.",
		},
		{
			name: "resource without type",
			body: "Resources: {T: {}}",
			want: "Template format error: [/Resources/T] Every Resources object must contain a Type member.",
		},
		{"resource is a word", "Resources: {T: x}", "Template format error: Any Resources member must be an object."},
		{"null resource", "Resources: {T: }", "[/Resources/T] 'null' values are not allowed in templates"},
		{
			name: "resource type",
			body: "Resources: {B: {Type: Queue}, A: {Type: AWS::SQS}}",
			want: "Template format error: Unrecognized resource types: [AWS::SQS, Queue]",
		},
		{
			name: "resource attribute",
			body: "Resources: {T: {Type: AWS::SNS::Topic, Propertys: {}}}",
			want: "Invalid template resource property 'Propertys'",
		},
		{
			name: "DependsOn nothing",
			body: "Resources: {T: {Type: AWS::SNS::Topic, DependsOn: [B, A]}}",
			want: "Unresolved resource dependencies [A, B] in the Resources block",
		},
		{
			name: "DependsOn a function",
			body: "Resources: {T: {Type: AWS::SNS::Topic, DependsOn: !Ref T}}",
			want: "Template format error: DependsOn must be a string or list of strings.",
		},
		{
			name: "Condition of nothing",
			body: "Resources: {T: {Type: AWS::SNS::Topic, Condition: C}}",
			want: "Unresolved condition dependency C in the Resources block",
		},
		{
			name: "Condition is a function",
			body: "Resources: {T: {Type: AWS::SNS::Topic, Condition: !Equals [a, b]}}",
			want: "Template format error: Every Condition member must be a string.",
		},
		{
			name: "DeletionPolicy",
			body: "Resources: {T: {Type: AWS::SNS::Topic, DeletionPolicy: Keep}}",
			want: "Unrecognized DeletionPolicy Keep for resource T",
		},
		{
			name: "DeletionPolicy by function",
			body: "Resources: {T: {Type: AWS::SNS::Topic, DeletionPolicy: !Ref X}}",
			want: "the sandbox does not support Ref in DeletionPolicy (line 1)",
		},
		{
			name: "itself",
			body: "Resources: {T: {Type: AWS::SNS::Topic, Properties: {A: !Ref T}}}",
			want: "Circular dependency between resources: [T]",
		},
		{
			name: "a circle",
			body: "Resources: {A: {Type: AWS::SNS::Topic, DependsOn: B}, " +
				"B: {Type: AWS::SNS::Topic, Metadata: {x: !Sub '${C.Arn}'}}, " +
				"C: {Type: AWS::SNS::Topic, Properties: {x: !GetAtt A.Arn}}, " +
				"D: {Type: AWS::SNS::Topic, DependsOn: A}, E: {Type: AWS::SNS::Topic}}",
			want: "Circular dependency between resources: [A, B, C]",
		},
		{
			name: "circle of conditions",
			body: "Conditions: {A: !Not [!Condition B], B: !Not [!Condition A]}\n" + topic,
			want: "Found circular condition dependency between",
		},
		{
			name: "condition refers to a resource",
			body: "Conditions: {A: !Equals [!Ref T, x]}\n" + topic,
			want: "Unresolved resource dependencies [T] in the Conditions block of the template",
		},
		{
			name: "condition asks an attribute",
			body: "Conditions: {A: !Equals [!GetAtt T.Arn, x]}\n" + topic,
			want: "Fn::GetAtt cannot be used in the Conditions block",
		},
		{
			name: "Or of one",
			body: "Conditions: {A: !Or [!Equals [a, b]]}\n" + topic,
			want: "Template error: every Fn::Or object requires a list of at least 2 and at most 10 boolean " +
				"parameters.",
		},
		{
			name: "output without value",
			body: topic + "Outputs: {O: {Description: x}}",
			want: "Template format error: Every Outputs member must contain a Value object",
		},
		{
			name: "output refers to nothing",
			body: topic + "Outputs: {O: {Value: !Ref X}}",
			want: "Unresolved resource dependencies [X] in the Outputs block of the template",
		},
		{"output attribute", topic + "Outputs: {O: {Value: x, Type: y}}", "Invalid template output property 'Type'"},
		{
			name: "export depends on a resource",
			body: topic + "Outputs: {O: {Value: x, Export: {Name: !Ref T}}}",
			want: "The Name field of Export must not depend on any resources",
		},
		{
			name: "export without name",
			body: topic + "Outputs: {O: {Value: x, Export: {}}}",
			want: "The Name field of every Export member must be specified",
		},
		{"a name twice", "Parameters: {T: {Type: String}}\n" + topic, "Duplicate name T"},
		{
			name: "mapping of objects",
			body: "Mappings: {M: {a: {b: {c: d}}}}\n" + topic,
			want: "Every Mappings attribute must be a String or a List.",
		},
	} {
		t.Run(row.name, func(t *testing.T) {
			_, err := template.Parse(row.body)
			if err == nil {
				t.Fatalf("no error, want %q", row.want)
			}

			if !strings.Contains(err.Error(), row.want) {
				t.Errorf("got  %q\nwant %q", err, row.want)
			}
		})
	}
}

func TestEvaluationRefusesOutputsThatAreNoText(t *testing.T) {
	for value, want := range map[string]string{
		"{Value: [a]}": "Template format error: The Value field of every Outputs member must evaluate to a String.",
		"{Value: a, Export: {Name: !Sub '${AWS::Region}/x'}}": "consist only of alphanumeric characters, colons, " +
			"or hyphens.",
		"{Value: '{{resolve:ssm:x}}'}": "the sandbox does not support {{resolve:ssm:x}} (line 2)",
	} {
		_, err := evaluate("Resources: {T: {Type: AWS::SNS::Topic}}\nOutputs: {O: "+value+"}", nil, nil)
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: got %v, want %q", value, err, want)
		}
	}
}

func TestJSONAndYAMLMeanTheSame(t *testing.T) {
	yaml := "Resources:\n  A: {Type: AWS::SNS::Topic}\n  B:\n    Type: AWS::SQS::Queue\n    " +
		"Properties: {N: 5, T: true, S: !Sub '${A}é', G: !GetAtt A.Arn}\n"
	json := `{"Resources": {"A": {"Type": "AWS::SNS::Topic"}, "B": {"Type": "AWS::SQS::Queue",
		"Properties": {"N": 5, "T": true, "S": {"Fn::Sub": "${A}\u00e9"}, "G": {"Fn::GetAtt": ["A", "Arn"]}}}}}`
	var got []string
	for _, body := range []string{yaml, json, "\ufeff" + json} {
		evaluation, err := evaluate(body, nil, nil)
		if err != nil {
			t.Fatal(err)
		}

		got = append(got, syntax.Canonical(evaluation.Resources[1].Properties))
	}

	want := `{"G":"A.Arn","N":"5","S":"ref-Aé","T":"true"}`
	if diff := cmp.Diff([]string{want, want, want}, got); diff != "" {
		t.Error(diff)
	}
}

func TestResourcesComeAfterWhatTheyDependOn(t *testing.T) {
	evaluation, err := evaluate(`
Conditions: {Never: !Equals [a, b]}
Resources:
  Last: {Type: AWS::SNS::Topic, DependsOn: [Middle, Skipped]}
  Skipped: {Type: AWS::SNS::Topic, Condition: Never}
  Middle: {Type: AWS::SNS::Topic, Metadata: {needs: !Ref First}}
  First: {Type: AWS::SNS::Topic, Properties: {x: !If [Never, !Ref Last, y]}}
`, nil, nil)
	if err != nil {
		t.Fatal(err)
	}

	var got []string
	for _, r := range evaluation.Resources {
		got = append(got, r.LogicalID+fmt.Sprint(r.DependsOn))
	}

	if diff := cmp.Diff([]string{"First[]", "Middle[First]", "Last[Middle]"}, got); diff != "" {
		t.Error(diff)
	}
}

func TestCapabilities(t *testing.T) {
	for body, want := range map[string]string{
		"T: {Type: AWS::SNS::Topic}":                                                      "[]",
		"T: {Type: AWS::IAM::Role}":                                                       "[CAPABILITY_IAM]",
		"T: {Type: AWS::IAM::Policy, Properties: {PolicyName: x}}":                        "[CAPABILITY_IAM]",
		"T: {Type: AWS::IAM::Role, Properties: {RoleName: x}}":                            "[CAPABILITY_NAMED_IAM]",
		"A: {Type: AWS::IAM::User, Properties: {UserName: x}}, B: {Type: AWS::IAM::Role}": "[CAPABILITY_NAMED_IAM]",
	} {
		parsed, err := template.Parse("Resources: {" + body + "}")
		if err != nil {
			t.Fatal(err)
		}

		if got, _ := parsed.Capabilities(); fmt.Sprint(got) != want {
			t.Errorf("%s: %v, want %s", body, got, want)
		}
	}
}
