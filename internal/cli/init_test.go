package cli_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/lockstephq/lockstep"
	"github.com/lockstephq/lockstep/internal/target/cfnstack"
	"github.com/lockstephq/lockstep/internal/target/targettest"
)

const queueTemplate = `AWSTemplateFormatVersion: "2010-09-09"
Parameters:
  VpcId: {Type: AWS::EC2::VPC::Id, Description: "The network: #1"}
  Size: {Type: String, Default: "1.10", AllowedValues: ["1.10", "2"]}
  Stage: {Type: String, AllowedValues: [dev, prod]}
  Password: {Type: String, NoEcho: true}
  Token: {Type: String, NoEcho: true, Default: swordfish}
  Empty: {Type: String, Default: ""}
  Note: {Type: String, Default: "a: b # c"}
Resources:
  Queue: {Type: AWS::SQS::Queue, Properties: {QueueName: !Sub "${AWS::StackName}-q"}}
`

const plainTemplate = `{"Resources": {"Topic": {"Type": "AWS::SNS::Topic"}}}`

// workingCopy is a folder with a .git and files.
func workingCopy(t testing.TB, files map[string]string) string {
	root := filepath.Join(t.TempDir(), "my infra")
	write(t, filepath.Join(root, ".git", "HEAD"), "ref: refs/heads/main\n")
	for name, text := range files {
		write(t, filepath.Join(root, name), text)
	}
	return root
}

// accepted has the production parser read a deployment file, and discovery find
// it.
func accepted(t testing.TB, root, file, template, name string) {
	t.Helper()
	files := targettest.Files(map[string]string{
		file: read(t, filepath.Join(root, file)), template: read(t, filepath.Join(root, template))})
	d, err := cfnstack.New(cfnstack.Options{})
	if err != nil {
		t.Fatal(err)
	}

	if _, err := d.ReadInputs(t.Context(), lockstep.SyncConfiguration{ResourceName: name, ConfigFile: file}, files); err != nil {
		t.Errorf("%s is refused: %v\n%s", file, err, read(t, filepath.Join(root, file)))
	}

	found, err := d.Discover(t.Context(), files, lockstep.Discovery{})
	if err != nil || len(found.Files) != 1 || found.Files[0].Path != file {
		t.Errorf("discovery finds %v, %v", found, err)
	}
}

func TestInitWritesADeploymentFileThatIsAccepted(t *testing.T) {
	root := workingCopy(t, map[string]string{"stacks/web queue.yaml": queueTemplate})
	out := run(t, nil, "init", filepath.Join(root, "stacks", "web queue.yaml")).ok(t).stdout
	golden(t, "init.deployment", read(t, filepath.Join(root, "deployments", "web-queue.yaml")))
	golden(t, "init.stdout", strings.ReplaceAll(out, root, "ROOT"))
	accepted(t, root, "deployments/web-queue.yaml", "stacks/web queue.yaml", "web-queue")
}

func TestInitNamesTheStack(t *testing.T) {
	for name, test := range map[string]struct {
		template, argument, file string
	}{
		"after the template":                 {"web.json", "", "deployments/web.yaml"},
		"after the folder of template.yaml":  {"stacks/web/template.yaml", "", "deployments/web.yaml"},
		"template.yaml in no folder":         {"template.yaml", "", "deployments/template.yaml"},
		"as it was told":                     {"web.yml", "shop", "deployments/shop.yaml"},
		"legally, where digits come first":   {"1_web.yaml", "", "deployments/stack-1-web.yaml"},
		"legally, where nothing legal is in": {"ü.yaml", "", "deployments/stack.yaml"},
	} {
		t.Run(name, func(t *testing.T) {
			root := workingCopy(t, map[string]string{test.template: plainTemplate})
			args := []string{"init", filepath.Join(root, test.template)}
			if test.argument != "" {
				args = append(args, test.argument)
			}

			run(t, nil, args...).ok(t)
			stack := strings.TrimSuffix(filepath.Base(test.file), ".yaml")
			accepted(t, root, test.file, test.template, stack)
		})
	}
}

func TestInitWritesWhereItIsTold(t *testing.T) {
	root := workingCopy(t, map[string]string{"web.yaml": plainTemplate})
	run(t, nil, "init", filepath.Join(root, "web.yaml"), "--file", filepath.Join(root, "prod", "deployment.yml")).ok(t)
	accepted(t, root, "prod/deployment.yml", "web.yaml", "web")
}

func TestInitOfATemplateWhoseParametersAllHaveDefaultsIsAccepted(t *testing.T) {
	root := workingCopy(t, map[string]string{"web.yaml": "Parameters: {Size: {Type: Number, Default: 4}}\n" +
		"Resources: {Topic: {Type: 'AWS::SNS::Topic'}}\n"})
	out := run(t, nil, "init", filepath.Join(root, "web.yaml")).ok(t).stdout
	if strings.Contains(out, "Fill in") {
		t.Errorf("it says:\n%s", out)
	}
	accepted(t, root, "deployments/web.yaml", "web.yaml", "web")
}

func TestInitLeavesWhatIsThereAlone(t *testing.T) {
	root := workingCopy(t, map[string]string{"web.yaml": plainTemplate, "deployments/web.yaml": "mine"})
	run(t, nil, "init", filepath.Join(root, "web.yaml")).refused(t, 1, "deployments/web.yaml is there already", "another NAME")
	if got := read(t, filepath.Join(root, "deployments/web.yaml")); got != "mine" {
		t.Errorf("the file now holds %q", got)
	}
}

func TestInitRefusesWhatCannotBecomeAStack(t *testing.T) {
	root := workingCopy(t, map[string]string{
		"web.yaml": plainTemplate, "notes.yaml": "a: b\n", "broken.yaml": "a: [b\n", "empty.yaml": "",
		"deployment.yaml": "template-file-path: web.yaml\n", "folder/x": ""})
	outside := filepath.Join(t.TempDir(), "web.yaml")
	write(t, outside, plainTemplate)
	in := func(name string) string { return filepath.Join(root, name) }
	for name, test := range map[string]struct {
		args []string
		code int
		says string
	}{
		"nothing":             {nil, 2, "TEMPLATE is missing"},
		"missing":             {[]string{in("gone.yaml")}, 2, "There is no template"},
		"folder":              {[]string{in("folder")}, 2, "is no template"},
		"no template":         {[]string{in("notes.yaml")}, 2, "no Resources"},
		"empty":               {[]string{in("empty.yaml")}, 2, "no Resources"},
		"broken":              {[]string{in("broken.yaml")}, 1, "neither YAML nor JSON"},
		"deployment file":     {[]string{in("deployment.yaml"), "x"}, 2, "a deployment file already"},
		"no repository":       {[]string{outside}, 1, "in no Git repository"},
		"illegal name":        {[]string{in("web.yaml"), "my_web"}, 2, `"my_web" cannot be a stack's name`},
		"outside of its root": {[]string{in("web.yaml"), "--file", outside}, 1, "is not in the repository"},
		"no YAML":             {[]string{in("web.yaml"), "--file", in("x.txt")}, 2, "does not end in .yaml"},
	} {
		t.Run(name, func(t *testing.T) {
			run(t, nil, append([]string{"init"}, test.args...)...).refused(t, test.code, test.says)
		})
	}

	if _, err := os.Stat(in("deployments")); err == nil {
		t.Error("a refused init left a folder behind")
	}
}

func TestInitWarnsOfATemplateThatIsTooLarge(t *testing.T) {
	root := workingCopy(t, map[string]string{"web.yaml": plainTemplate + strings.Repeat("\n# long", 10_000)})
	if r := run(t, nil, "init", filepath.Join(root, "web.yaml")).ok(t); !strings.Contains(r.stderr, "51200 bytes at most") {
		t.Errorf("stderr is %q", r.stderr)
	}
}

func TestInitInsideTheWorkingCopySpeaksOfPathsFromThere(t *testing.T) {
	root := workingCopy(t, map[string]string{"stacks/web.yaml": plainTemplate})
	t.Chdir(root)
	out := run(t, nil, "init", "stacks/web.yaml").ok(t).stdout
	if !strings.Contains(out, "Wrote deployments/web.yaml: stack web from stacks/web.yaml.\nThen: git add deployments/web.yaml ") {
		t.Errorf("it says:\n%s", out)
	}
	accepted(t, root, "deployments/web.yaml", "stacks/web.yaml", "web")
}
