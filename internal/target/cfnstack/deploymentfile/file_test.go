package deploymentfile_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/lockstephq/lockstep"
	"github.com/lockstephq/lockstep/internal/target"
	"github.com/lockstephq/lockstep/internal/target/cfnstack/deploymentfile"
	"github.com/lockstephq/lockstep/internal/target/targettest"
)

const plainTemplate = `AWSTemplateFormatVersion: "2010-09-09"
Parameters:
  Size: {Type: Number, Default: 1}
  Names: {Type: CommaDelimitedList, Default: a}
  Password: {Type: String, NoEcho: true, Default: none}
Resources:
  Topic:
    Type: AWS::SNS::Topic
    Properties: {DisplayName: !Ref Size}
`

func configuration(name string) lockstep.SyncConfiguration {
	return lockstep.SyncConfiguration{
		ID: 1, Account: "111122223333", Region: "eu-west-1", SyncType: "CFN_STACK_SYNC", ResourceName: name,
		Branch: "main", ConfigFile: "web.yaml", OwnerID: "acme", RepositoryName: "infra", ProviderType: "Git",
		RoleARN: "arn:aws:iam::444455556666:role/sync",
	}
}

func readInputs(t testing.TB, files lockstep.Tree) (target.Inputs, error) {
	t.Helper()
	_, inputs, err := deploymentfile.Read(t.Context(), configuration("web"), files)
	return inputs, err
}

func TestReadErrorsNameFileLineAndKey(t *testing.T) {
	fifty := strings.Builder{}
	for i := range 51 {
		fmt.Fprintf(&fifty, "  P%d: x\n", i)
	}

	tests := map[string]struct{ file, want string }{
		"empty":                {"", `"web.yaml": the file is empty`},
		"only a comment":       {"# nothing\n", `"web.yaml": the file is empty`},
		"not a mapping":        {"- a\n", `line 1: the file is not a mapping`},
		"scalar":               {"hello", `line 1: the file is not a mapping`},
		"two documents":        {"template-file-path: t.yaml\n---\na: b\n", `more than one document`},
		"broken":               {"template-file-path: [\n", `neither YAML nor JSON`},
		"capital parameters":   {"template-file-path: t.yaml\nParameters: {}\n", `line 2, key Parameters: the key is spelled parameters`},
		"stack name":           {"template-file-path: t.yaml\nstack-name: web\n", `line 2, key stack-name: the stack's name is the resource name`},
		"capabilities":         {"template-file-path: t.yaml\ncapabilities: []\n", `line 2, key capabilities: all capabilities are passed`},
		"camel case path":      {"templateFilePath: t.yaml\n", `line 1, key templateFilePath: the key is spelled template-file-path`},
		"unknown key":          {"template-file-path: t.yaml\nfoo: 1\n", `line 2, key foo: the key is unknown`},
		"key twice":            {"template-file-path: t.yaml\ntags: {}\ntags: {}\n", `line 3, key tags: the key is a duplicate of line 2`},
		"parameter twice":      {"template-file-path: t.yaml\nparameters:\n  Size: 1\n  Size: 2\n", `line 4, key parameters.Size: the key is a duplicate`},
		"tags as a list":       {"template-file-path: t.yaml\ntags:\n  - {key: a, value: b}\n", `line 3, key tags: the value is a list; write it as a mapping`},
		"tags null":            {"template-file-path: t.yaml\ntags:\n", `line 2, key tags: the value is not a mapping; write {}`},
		"tag a number":         {"template-file-path: t.yaml\ntags:\n  cost: 12\n", `line 3, key tags.cost: the value is not a string; put it in quotes`},
		"tag null":             {"template-file-path: t.yaml\ntags:\n  cost:\n", `line 3, key tags.cost: a value cannot be null`},
		"tag of AWS":           {"template-file-path: t.yaml\ntags:\n  aws:x: y\n", `line 3, key tags.aws:x: keys that begin with aws:`},
		"parameter null":       {"template-file-path: t.yaml\nparameters:\n  Size: ~\n", `line 3, key parameters.Size: a value cannot be null`},
		"parameter a mapping":  {"template-file-path: t.yaml\nparameters:\n  Size: {a: b}\n", `line 3, key parameters.Size: the value is a mapping`},
		"list in a list":       {"template-file-path: t.yaml\nparameters:\n  Names: [[a]]\n", `line 3, key parameters.Names: the value is neither`},
		"comma in a list":      {"template-file-path: t.yaml\nparameters:\n  Names: ['a,b']\n", `line 3, key parameters.Names: an element contains a comma`},
		"list for a scalar":    {"template-file-path: t.yaml\nparameters:\n  Size: [1]\n", `line 3, key parameters.Size: the value is a list, but template "t.yaml" declares the parameter as Number`},
		"short function":       {"template-file-path: t.yaml\nparameters:\n  Size: !Ref X\n", `line 3, key parameters.Size: the tag !Ref is not supported`},
		"parameter's name":     {"template-file-path: t.yaml\nparameters:\n  a-b: 1\n", `line 3, key parameters.a-b: a parameter's name`},
		"undeclared parameter": {"template-file-path: t.yaml\nparameters:\n  Sice: 1\n", `"web.yaml", line 3, key parameters.Sice: template "t.yaml" has no such parameter`},
		"51 parameters":        {"template-file-path: t.yaml\nparameters:\n" + fifty.String(), `line 3, key parameters: there are 51 entries, at most 50`},
		"51 tags":              {"template-file-path: t.yaml\ntags:\n" + fifty.String(), `line 3, key tags: there are 51 entries, at most 50`},
		"long value":           {"template-file-path: t.yaml\nparameters:\n  Size: " + strings.Repeat("x", 4097), `line 3, key parameters.Size: the value has 4097 bytes`},
		"anchor":               {"template-file-path: &a t.yaml\n", `line 1: anchors and aliases are not allowed`},
		"alias":                {"template-file-path: t.yaml\nparameters: &a\n  Size: *a\n", `anchors and aliases are not allowed`},
		"merge":                {"template-file-path: t.yaml\nparameters:\n  <<: {Size: 1}\n", `line 3, key parameters: a key of the mapping is not a plain name`},
		"a template":           {plainTemplate, `this is a template; a deployment file names one`},
		"no path":              {"parameters: {}\n", `key template-file-path: the key is missing`},
		"path a number":        {"template-file-path: 1\n", `line 1, key template-file-path: the value is not a path`},
		"path absolute":        {"template-file-path: /etc/passwd\n", `line 1, key template-file-path: a path must not begin with /`},
		"path up":              {"template-file-path: a/../../t.yaml\n", "line 1, key template-file-path: a path cannot contain `..`"},
		"path NUL":             {"template-file-path: \"a\\0b\"\n", `line 1, key template-file-path: a path contains a NUL byte`},
		"path backslash":       {"template-file-path: a\\t.yaml\n", `line 1, key template-file-path: a path contains a backslash`},
		"path with two /":      {"template-file-path: a//t.yaml\n", `line 1, key template-file-path: a path is not clean; write a/t.yaml`},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			inputs, err := readInputs(t, targettest.Files(map[string]string{"web.yaml": test.file, "t.yaml": plainTemplate}))
			if kind := lockstep.KindOf(err); kind != lockstep.Invalid {
				t.Errorf("kind %v, want invalid", kind)
			}

			if !strings.Contains(lockstep.Shown(err), test.want) || !strings.Contains(lockstep.Shown(err), `Deployment file "web.yaml"`) {
				t.Errorf("got  %s\nwant %s", lockstep.Shown(err), test.want)
			}

			if inputs["web.yaml"] == "" {
				t.Error("the wrong deployment file is not among the inputs")
			}
		})
	}
}

func TestReadRefusesAnAliasBombCheaply(t *testing.T) {
	bomb := "template-file-path: t.yaml\na: &a [x,x,x,x,x,x,x,x,x]\n"
	for c := 'b'; c < 'z'; c++ {
		bomb += fmt.Sprintf("%c: &%c [*%c,*%c,*%c,*%c,*%c,*%c,*%c,*%c,*%c]\n", c, c, c-1, c-1, c-1, c-1, c-1, c-1, c-1, c-1, c-1)
	}
	for _, file := range []string{bomb, "template-file-path: " + strings.Repeat("[", 900_000)} {
		if _, err := readInputs(t, targettest.Files(map[string]string{"web.yaml": file})); lockstep.KindOf(err) != lockstep.Invalid {
			t.Errorf("got %v, want invalid", err)
		}
	}
}

func TestReadErrorsNeverShowAValue(t *testing.T) {
	const secret = "canary-5309"
	for _, file := range []string{
		"template-file-path: t.yaml\nparameters:\n  Password: {a: " + secret + "}\n",
		"template-file-path: t.yaml\nparameters:\n  Password: [" + secret + "]\n",
		"template-file-path: t.yaml\nparameters:\n  Pass-word: " + secret + "\n",
		"template-file-path: t.yaml\nparameters:\n  Password: !x " + secret + "\n",
		"template-file-path: t.yaml\nparameters:\n  Password: " + secret + "\n bad",
		"template-file-path: t.yaml\nparameters:\n  Password: *" + secret + "\n",
		"template-file-path: t.yaml\nparameters:\n  Password: \"" + secret + "\\q\"\n",
	} {
		_, err := readInputs(t, targettest.Files(map[string]string{"web.yaml": file, "t.yaml": plainTemplate}))
		if err == nil || strings.Contains(err.Error(), secret) {
			t.Errorf("%q: got %v", file, err)
		}
	}
}

func FuzzDeploymentFile(f *testing.F) {
	f.Add("template-file-path: t.yaml\nparameters:\n  Size: 1\n  Names: [a, b]\ntags: {a: b}\n")
	f.Add(`{"template-file-path": "./t.yaml", "parameters": {"Size": 1.10}, "tags": {"x": "\ud83d\ude00"}}`)
	f.Add("a: &a [*a]\n")
	f.Add("? [a]\n: b\n")
	f.Add("%YAML 1.1\n---\n!!map {<<: *x}\n...\n")
	f.Add("template-file-path: !!binary aGk=\n")
	f.Fuzz(func(t *testing.T, text string) {
		inputs, err := readInputs(t, targettest.Files(map[string]string{"web.yaml": text, "t.yaml": plainTemplate}))
		if err == nil && (len(inputs) != 2) {
			t.Errorf("want two inputs, got %v", inputs)
		}

		if err != nil && lockstep.KindOf(err) == lockstep.Internal {
			t.Errorf("internal error: %v", err)
		}
	})
}
