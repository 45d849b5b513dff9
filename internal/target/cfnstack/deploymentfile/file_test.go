package deploymentfile_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/lockstephq/lockstep"
	"github.com/lockstephq/lockstep/internal/target"
	"github.com/lockstephq/lockstep/internal/target/cfnstack/deploymentfile"
	"github.com/lockstephq/lockstep/internal/target/targettest"
)

// templatePath is the first line of a deployment file whose template is t.yaml.
const templatePath = "template-file-path: t.yaml\n"

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
		ID:             1,
		Account:        "111122223333",
		Region:         "eu-west-1",
		SyncType:       "CFN_STACK_SYNC",
		ResourceName:   name,
		Branch:         "main",
		ConfigFile:     "web.yaml",
		OwnerID:        "acme",
		RepositoryName: "infra",
		ProviderType:   "Git",
		RoleARN:        "arn:aws:iam::444455556666:role/sync",
	}
}

// withTemplate returns the files of a deployment file and of a template.
func withTemplate(file, template string) targettest.Tree {
	return targettest.Files(map[string]string{"web.yaml": file, "t.yaml": template})
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
		"empty":          {"", `"web.yaml": the file is empty`},
		"only a comment": {"# nothing\n", `"web.yaml": the file is empty`},
		"not a mapping":  {"- a\n", `line 1: the file is not a mapping`},
		"scalar":         {"hello", `line 1: the file is not a mapping`},
		"two documents":  {templatePath + "---\na: b\n", `more than one document`},
		"broken":         {"template-file-path: [\n", `neither YAML nor JSON`},
		"capital parameters": {
			file: templatePath + "Parameters: {}\n",
			want: `line 2, key Parameters: the key is spelled parameters`,
		},
		"stack name": {
			file: templatePath + "stack-name: web\n",
			want: `line 2, key stack-name: the stack's name is the resource name`,
		},
		"capabilities": {
			file: templatePath + "capabilities: []\n",
			want: `line 2, key capabilities: all capabilities are passed`,
		},
		"camel case path": {
			file: "templateFilePath: t.yaml\n",
			want: `line 1, key templateFilePath: the key is spelled template-file-path`,
		},
		"unknown key of ours": {
			file: templatePath + "lockstep: {depends-on: web}\n",
			want: `line 2, key lockstep.depends-on: the key is unknown; lockstep has name`,
		},
		"wrong name": {
			file: templatePath + "lockstep: {name: 2web}\n",
			want: `line 2, key lockstep.name: the value is not a stack name`,
		},
		"no keys of ours": {templatePath + "lockstep: web\n", `line 2, key lockstep: the value is not a mapping`},
		"unknown key":     {templatePath + "foo: 1\n", `line 2, key foo: the key is unknown`},
		"key twice": {
			file: templatePath + "tags: {}\ntags: {}\n",
			want: `line 3, key tags: the key is a duplicate of line 2`,
		},
		"parameter twice": {
			file: templatePath + "parameters:\n  Size: 1\n  Size: 2\n",
			want: `line 4, key parameters.Size: the key is a duplicate of line 3`,
		},
		"JSON key twice": {
			file: "{\"template-file-path\": \"t.yaml\",\n\"tags\": {\"a\": \"1\", \"a\": \"2\"}}",
			want: `line 2, key tags.a: the key is a duplicate of line 2`,
		},
		"tags as a list": {
			file: templatePath + "tags:\n  - {key: a, value: b}\n",
			want: `line 3, key tags: the value is a list; write it as a mapping`,
		},
		"tags a string": {templatePath + "tags: x\n", `line 2, key tags: the value is not a mapping; write {}`},
		"tag a number": {
			file: templatePath + "tags:\n  cost: 12\n",
			want: `line 3, key tags.cost: the value is not a string; put it in quotes`,
		},
		"tag null": {templatePath + "tags:\n  cost:\n", `line 3, key tags.cost: a value cannot be null`},
		"tag of AWS": {
			file: templatePath + "tags:\n  aws:x: y\n",
			want: `line 3, key tags.aws:x: keys that begin with aws:`,
		},
		"parameter null": {
			file: templatePath + "parameters:\n  Size: ~\n",
			want: `line 3, key parameters.Size: a value cannot be null`,
		},
		"parameter a mapping": {
			file: templatePath + "parameters:\n  Size: {a: b}\n",
			want: `line 3, key parameters.Size: the value is a mapping`,
		},
		"list in a list": {
			file: templatePath + "parameters:\n  Names: [[a]]\n",
			want: `line 3, key parameters.Names: the value is neither`,
		},
		"comma in a list": {
			file: templatePath + "parameters:\n  Names: ['a,b']\n",
			want: `line 3, key parameters.Names: an element contains a comma`,
		},
		"list for a scalar": {
			file: templatePath + "parameters:\n  Size: [1]\n",
			want: `line 3, key parameters.Size: the value is a list, ` +
				`but template "t.yaml" declares the parameter as Number`,
		},
		"short function": {
			file: templatePath + "parameters:\n  Size: !Ref X\n",
			want: `line 3, key parameters.Size: the tag !Ref is not supported`,
		},
		"parameter's name": {
			file: templatePath + "parameters:\n  a-b: 1\n",
			want: `line 3, key parameters.a-b: a parameter's name`,
		},
		"undeclared parameter": {
			file: templatePath + "parameters:\n  Sice: 1\n",
			want: `"web.yaml", line 3, key parameters.Sice: template "t.yaml" has no such parameter`,
		},
		"51 parameters": {
			file: templatePath + "parameters:\n" + fifty.String(),
			want: `line 3, key parameters: there are 51 entries, at most 50`,
		},
		"51 tags": {
			file: templatePath + "tags:\n" + fifty.String(),
			want: `line 3, key tags: there are 51 entries, at most 50`,
		},
		"long value": {
			file: templatePath + "parameters:\n  Size: " + strings.Repeat("x", 4097),
			want: `line 3, key parameters.Size: the value has 4097 bytes`,
		},
		"anchor": {"template-file-path: &a t.yaml\n", `line 1: anchors and aliases are not allowed`},
		"alias":  {templatePath + "parameters: &a\n  Size: *a\n", `anchors and aliases are not allowed`},
		"merge": {
			file: templatePath + "parameters:\n  <<: {Size: 1}\n",
			want: `line 3, key parameters: a key of the mapping is not a plain name`,
		},
		"a template":    {plainTemplate, `this is a template; a deployment file names one`},
		"no path":       {"parameters: {}\n", `key template-file-path: the key is missing`},
		"path a number": {"template-file-path: 1\n", `line 1, key template-file-path: the value is not a path`},
		"path with two slashes": {
			file: "template-file-path: //t.yaml\n",
			want: `line 1, key template-file-path: a path is not clean; write /t.yaml`,
		},
		"path up": {
			file: "template-file-path: a/../../t.yaml\n",
			want: "line 1, key template-file-path: a path cannot contain `..`",
		},
		"path NUL": {
			file: "template-file-path: \"a\\0b\"\n",
			want: `line 1, key template-file-path: a path contains a NUL byte`,
		},
		"path backslash": {
			file: "template-file-path: a\\t.yaml\n",
			want: `line 1, key template-file-path: a path contains a backslash`,
		},
		"path with two /": {
			file: "template-file-path: a//t.yaml\n",
			want: `line 1, key template-file-path: a path is not clean; write a/t.yaml`,
		},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			inputs, err := readInputs(t, withTemplate(test.file, plainTemplate))
			if kind := lockstep.KindOf(err); kind != lockstep.Invalid {
				t.Errorf("kind %v, want invalid", kind)
			}

			shown := lockstep.Shown(err)
			if !strings.Contains(shown, test.want) {
				t.Errorf("got  %s\nwant %s", shown, test.want)
			}
			if !strings.Contains(shown, `Deployment file "web.yaml"`) {
				t.Errorf("%q does not name the file", shown)
			}

			if inputs["web.yaml"] == "" {
				t.Error("the wrong deployment file is not among the inputs")
			}
		})
	}
}

func TestReadAcceptsPathsFromTheRootOfTheRepository(t *testing.T) {
	for _, written := range []string{"t.yaml", "/t.yaml", "./t.yaml", "././t.yaml"} {
		inputs, err := readInputs(t, withTemplate("template-file-path: "+written+"\n", plainTemplate))
		if err != nil {
			t.Errorf("template-file-path: %s: %v", written, err)
		}
		if inputs["t.yaml"] == "" {
			t.Errorf("template-file-path: %s: the inputs are %v, want t.yaml among them", written, inputs)
		}
	}

	for _, configFile := range []string{"/web.yaml", "./web.yaml"} {
		cfg := configuration("web")
		cfg.ConfigFile = configFile
		_, inputs, err := deploymentfile.Read(t.Context(), cfg, withTemplate(templatePath, plainTemplate))
		if err != nil {
			t.Errorf("%s: %v", configFile, err)
		}
		if inputs["web.yaml"] == "" {
			t.Errorf("%s: the inputs are %v, want web.yaml among them", configFile, inputs)
		}
	}
}

func TestANullSectionIsAbsent(t *testing.T) {
	for _, file := range []string{
		templatePath + "tags:\nparameters:\n",
		templatePath + "tags: null\nparameters: ~\n",
		`{"template-file-path": "t.yaml", "tags": null, "parameters": null}`,
	} {
		doc := readDocument(t, withTemplate(file, plainTemplate))
		if doc.File.HasTags {
			t.Errorf("%q: the stack's tags are cleared, want them kept", file)
		}
		if len(doc.File.Parameters) != 0 {
			t.Errorf("%q: parameters %v, want none", file, doc.File.Parameters)
		}
	}
}

func TestOfDuplicateKeysOfATemplateTheLastCounts(t *testing.T) {
	const template = "Resources: {T: {Type: AWS::SNS::Topic}}\n" +
		"Parameters:\n  Size: {Type: Number}\n  Size: {Type: String, NoEcho: true}\n"
	doc := readDocument(t, withTemplate(templatePath+"parameters:\n  Size: secret\n", template))

	if diff := cmp.Diff([]string{"secret"}, doc.Secrets()); diff != "" {
		t.Errorf("values of NoEcho parameters (-want +got):\n%s", diff)
	}
	want := []string{
		`Template "t.yaml", line 4, key Parameters.Size: the key is a duplicate of line 3; this one counts.`,
	}
	if diff := cmp.Diff(want, doc.Warnings); diff != "" {
		t.Errorf("warnings (-want +got):\n%s", diff)
	}
}

func TestDuplicateKeysAreReportedInABoundedNumber(t *testing.T) {
	template := strings.Repeat("Metadata: {}\n", 1000) + "Resources: {T: {Type: AWS::SNS::Topic}}\n"
	doc := readDocument(t, withTemplate(templatePath, template))
	if got := len(doc.Warnings); got != 5 {
		t.Errorf("%d warnings, want 5", got)
	}
}

func TestAFileThatBeginsWithABraceIsReadAsJSON(t *testing.T) {
	longKey := strings.Repeat("k", 1100)
	for name, template := range map[string]string{
		"escaped slash":  `{"Resources": {"T": {"Type": "AWS::SNS::Topic", "Properties": {"DisplayName": "a\/b"}}}}`,
		"DEL":            "{\"Resources\": {\"T\": {\"Type\": \"AWS::SNS::Topic\"}}, \"Description\": \"a\x7fb\"}",
		"long key":       `{"Resources": {"T": {"Type": "AWS::SNS::Topic"}}, "Metadata": {"` + longKey + `": 1}}`,
		"surrogate pair": `{"Resources": {"T": {"Type": "AWS::SNS::Topic"}}, "Description": "\ud83d\ude00"}`,
		"flow mapping":   `{Resources: {T: {Type: AWS::SNS::Topic}}}`,
	} {
		if _, err := readInputs(t, withTemplate(templatePath, template)); err != nil {
			t.Errorf("%s: %v", name, err)
		}
	}

	doc := readDocument(t, withTemplate(
		`{"template-file-path": "t.yaml", "tags": {"u": "https:\/\/x", "v": "\u00e9"}}`, plainTemplate))
	want := []deploymentfile.Tag{{Key: "u", Value: "https://x"}, {Key: "v", Value: "é"}}
	if diff := cmp.Diff(want, doc.File.Tags); diff != "" {
		t.Errorf("tags (-want +got):\n%s", diff)
	}
}

func TestANumberInJSONKeepsItsText(t *testing.T) {
	const template = "Resources: {T: {Type: AWS::SNS::Topic}}\nParameters: {V: {Type: String}, On: {Type: String}}\n"
	doc := readDocument(t, withTemplate(
		`{"template-file-path": "t.yaml", "parameters": {"V": 1.10, "On": true}}`, template))
	if got := doc.File.Parameters[0].Value; got != "1.10" {
		t.Errorf("V = %q, want 1.10", got)
	}
	if got := doc.File.Parameters[1].Value; got != "true" {
		t.Errorf("On = %q, want true", got)
	}
}

func TestTagsAreMeasuredInCharacters(t *testing.T) {
	for _, test := range []struct {
		key, value string
		problem    string
	}{
		{key: strings.Repeat("é", 128), value: "v"},
		{key: strings.Repeat("é", 129), value: "v", problem: "a tag's key has 1 to 128 characters"},
		{key: "k", value: strings.Repeat("日", 256)},
		{key: "k", value: strings.Repeat("日", 257), problem: "the value has 257 characters, at most 256 are allowed"},
	} {
		file := templatePath + "tags: {\"" + test.key + "\": \"" + test.value + "\"}\n"
		_, err := readInputs(t, withTemplate(file, plainTemplate))
		if test.problem == "" && err != nil {
			t.Errorf("%d and %d bytes: %v", len(test.key), len(test.value), err)
		}
		if test.problem != "" && !strings.Contains(lockstep.Shown(err), test.problem) {
			t.Errorf("%d and %d bytes: got %v, want %s", len(test.key), len(test.value), err, test.problem)
		}
	}
}

func TestAGitLFSPointerIsNamed(t *testing.T) {
	const pointer = "version https://git-lfs.github.com/spec/v1\noid sha256:4d7a\nsize 123\n"
	_, err := readInputs(t, withTemplate(templatePath, pointer))
	targettest.CheckError(t, err, lockstep.Invalid, `Template "t.yaml": the file is a Git LFS pointer`)

	_, err = readInputs(t, withTemplate(pointer, plainTemplate))
	targettest.CheckError(t, err, lockstep.Invalid, `Deployment file "web.yaml": the file is a Git LFS pointer`)
}

func TestAMissingTemplateNamesTheOneThatIsMeant(t *testing.T) {
	for name, test := range map[string]struct{ written, have, want string }{
		"relative to the deployment file": {written: "t.yaml", have: "stacks/t.yaml", want: `but "stacks/t.yaml" is`},
		"another extension":               {written: "t.yml", have: "t.json", want: `but "t.json" is`},
		"another case":                    {written: "t/t.yaml", have: "T/T.yaml", want: `but "T/T.yaml" is`},
		"nothing near":                    {written: "t.yaml", have: "u.yaml", want: "is not in the commit."},
	} {
		cfg := configuration("web")
		cfg.ConfigFile = "stacks/web.yaml"
		_, _, err := deploymentfile.Read(t.Context(), cfg, targettest.Files(map[string]string{
			"stacks/web.yaml": "template-file-path: " + test.written + "\n",
			test.have:         plainTemplate,
		}))
		if !strings.Contains(lockstep.Shown(err), test.want) {
			t.Errorf("%s: got %v, want %s", name, err, test.want)
		}
	}
}

// readDocument reads web.yaml, which must be valid.
func readDocument(t *testing.T, files lockstep.Tree) *deploymentfile.Document {
	t.Helper()
	doc, _, err := deploymentfile.Read(t.Context(), configuration("web"), files)
	if err != nil {
		t.Fatal(err)
	}
	return doc
}

func TestReadRefusesAnAliasBombCheaply(t *testing.T) {
	bomb := templatePath + "a: &a [x,x,x,x,x,x,x,x,x]\n"
	for name := 'b'; name < 'z'; name++ {
		alias := fmt.Sprintf("*%c", name-1)
		bomb += fmt.Sprintf("%c: &%c [%s%s]\n", name, name, alias, strings.Repeat(","+alias, 8))
	}
	for _, file := range []string{bomb, "template-file-path: " + strings.Repeat("[", 900_000)} {
		_, err := readInputs(t, targettest.Files(map[string]string{"web.yaml": file}))
		if lockstep.KindOf(err) != lockstep.Invalid {
			t.Errorf("got %v, want invalid", err)
		}
	}
}

func TestReadErrorsNeverShowAValue(t *testing.T) {
	const secret = "canary-5309"
	for _, file := range []string{
		templatePath + "parameters:\n  Password: {a: " + secret + "}\n",
		templatePath + "parameters:\n  Password: [" + secret + "]\n",
		templatePath + "parameters:\n  Pass-word: " + secret + "\n",
		templatePath + "parameters:\n  Password: !x " + secret + "\n",
		templatePath + "parameters:\n  Password: " + secret + "\n bad",
		templatePath + "parameters:\n  Password: *" + secret + "\n",
		templatePath + "parameters:\n  Password: \"" + secret + "\\q\"\n",
	} {
		_, err := readInputs(t, withTemplate(file, plainTemplate))
		if err == nil || strings.Contains(err.Error(), secret) {
			t.Errorf("%q: got %v", file, err)
		}
	}
}

func FuzzDeploymentFile(f *testing.F) {
	f.Add(templatePath + "parameters:\n  Size: 1\n  Names: [a, b]\ntags: {a: b}\n")
	f.Add(`{"template-file-path": "./t.yaml", "parameters": {"Size": 1.10}, "tags": {"x": "\ud83d\ude00"}}`)
	f.Add("a: &a [*a]\n")
	f.Add("? [a]\n: b\n")
	f.Add("%YAML 1.1\n---\n!!map {<<: *x}\n...\n")
	f.Add("template-file-path: !!binary aGk=\n")
	f.Fuzz(func(t *testing.T, text string) {
		inputs, err := readInputs(t, withTemplate(text, plainTemplate))
		if err == nil && (len(inputs) != 2) {
			t.Errorf("want two inputs, got %v", inputs)
		}

		if err != nil && lockstep.KindOf(err) == lockstep.Internal {
			t.Errorf("internal error: %v", err)
		}
	})
}
