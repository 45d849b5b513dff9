package configure_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/lockstephq/lockstep"
	"github.com/lockstephq/lockstep/internal/cli/clitest"
	"github.com/lockstephq/lockstep/internal/target"
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

// workingCopy returns a directory with .git and files.
func workingCopy(t testing.TB, files map[string]string) string {
	root := filepath.Join(t.TempDir(), "my infra")
	clitest.WriteFile(t, filepath.Join(root, ".git", "HEAD"), "ref: refs/heads/main\n")
	for name, text := range files {
		clitest.WriteFile(t, filepath.Join(root, name), text)
	}
	return root
}

// checkDeploymentFile checks that the driver reads a deployment file and discovers it.
func checkDeploymentFile(t testing.TB, root, file, template, name string) {
	t.Helper()
	files := targettest.Files(map[string]string{
		file:     clitest.ReadFile(t, filepath.Join(root, file)),
		template: clitest.ReadFile(t, filepath.Join(root, template)),
	})
	driver, err := cfnstack.New(cfnstack.Options{})
	if err != nil {
		t.Fatal(err)
	}

	if _, err := driver.ReadInputs(t.Context(), lockstep.SyncConfiguration{
		ResourceName: name,
		ConfigFile:   file,
	}, files); err != nil {
		t.Errorf("%s is not accepted: %v\n%s", file, err, clitest.ReadFile(t, filepath.Join(root, file)))
	}

	found, err := driver.Discover(t.Context(), files, lockstep.Discovery{})
	if err != nil {
		t.Fatal(err)
	}
	want := []target.DeploymentFile{{Path: file, Name: name}}
	if diff := cmp.Diff(want, found.Files); diff != "" {
		t.Errorf("discovery finds (-want +got):\n%s", diff)
	}
}

func TestInitWritesADeploymentFileThatTheDriverReads(t *testing.T) {
	root := workingCopy(t, map[string]string{"stacks/web queue.yaml": queueTemplate})
	out := clitest.Run(t, nil, "init", filepath.Join(root, "stacks", "web queue.yaml")).OK(t).Stdout
	clitest.Golden(t, "init.deployment", clitest.ReadFile(t, filepath.Join(root, "deployments", "web-queue.yaml")))
	clitest.Golden(t, "init.stdout", strings.ReplaceAll(out, root, "ROOT"))
	checkDeploymentFile(t, root, "deployments/web-queue.yaml", "stacks/web queue.yaml", "web-queue")
}

func TestInitNamesTheStack(t *testing.T) {
	for name, test := range map[string]struct {
		template, argument, file string
	}{
		"after the template":                        {"web.json", "", "deployments/web.yaml"},
		"after the directory of template.yaml":      {"stacks/web/template.yaml", "", "deployments/web.yaml"},
		"template.yaml in the root":                 {"template.yaml", "", "deployments/template.yaml"},
		"given":                                     {"web.yml", "shop", "deployments/shop.yaml"},
		"after a template that begins with a digit": {"1_web.yaml", "", "deployments/stack-1-web.yaml"},
		"after a template without valid characters": {"ü.yaml", "", "deployments/stack.yaml"},
	} {
		t.Run(name, func(t *testing.T) {
			root := workingCopy(t, map[string]string{test.template: plainTemplate})
			args := []string{"init", filepath.Join(root, test.template)}
			if test.argument != "" {
				args = append(args, test.argument)
			}

			clitest.Run(t, nil, args...).OK(t)
			stack := strings.TrimSuffix(filepath.Base(test.file), ".yaml")
			checkDeploymentFile(t, root, test.file, test.template, stack)
		})
	}
}

func TestInitWritesTheFileOfTheFlag(t *testing.T) {
	root := workingCopy(t, map[string]string{"web.yaml": plainTemplate})
	clitest.Run(t, nil, "init", filepath.Join(root, "web.yaml"), "--file",
		filepath.Join(root, "prod", "deployment.yml")).
		OK(t)
	checkDeploymentFile(t, root, "prod/deployment.yml", "web.yaml", "web")
	if text := clitest.ReadFile(t, filepath.Join(root, "prod", "deployment.yml")); !strings.Contains(text, "name: web") {
		t.Errorf("the file does not name the stack, which discovery would call prod:\n%s", text)
	}
}

func TestInitNamesAStackThatIsCalledAsAnyFileMayBe(t *testing.T) {
	root := workingCopy(t, map[string]string{"web.yaml": plainTemplate})
	clitest.Run(t, nil, "init", filepath.Join(root, "web.yaml"), "deployment").OK(t).Prints(t, "stack deployment")
	checkDeploymentFile(t, root, "deployments/deployment.yaml", "web.yaml", "deployment")
}

func TestInitPrintsTheNameThatDiscoveryFinds(t *testing.T) {
	root := workingCopy(t, map[string]string{"network.yaml": plainTemplate})
	file := filepath.Join(root, "deployments", "dev", "network.yaml")
	clitest.Run(t, nil, "init", filepath.Join(root, "network.yaml"), "network-dev", "--file", file).OK(t).
		Prints(t, "stack network-dev")

	checkDeploymentFile(t, root, "deployments/dev/network.yaml", "network.yaml", "network-dev")
}

func TestInitOfATemplateWhoseParametersAllHaveDefaults(t *testing.T) {
	root := workingCopy(t, map[string]string{"web.yaml": "Parameters: {Size: {Type: Number, Default: 4}}\n" +
		"Resources: {Topic: {Type: 'AWS::SNS::Topic'}}\n"})
	out := clitest.Run(t, nil, "init", filepath.Join(root, "web.yaml")).OK(t).Stdout
	if strings.Contains(out, "Fill in") {
		t.Errorf("it prints:\n%s", out)
	}
	checkDeploymentFile(t, root, "deployments/web.yaml", "web.yaml", "web")
}

func TestInitDoesNotChangeAnExistingFile(t *testing.T) {
	root := workingCopy(t, map[string]string{"web.yaml": plainTemplate, "deployments/web.yaml": "mine"})
	clitest.Run(t, nil, "init", filepath.Join(root, "web.yaml")).
		Fails(t, 1, "deployments/web.yaml exists and was not changed", "another NAME")
	if got := clitest.ReadFile(t, filepath.Join(root, "deployments/web.yaml")); got != "mine" {
		t.Errorf("the file now holds %q", got)
	}
}

func TestInitErrors(t *testing.T) {
	root := workingCopy(t, map[string]string{
		"web.yaml": plainTemplate, "notes.yaml": "a: b\n", "broken.yaml": "a: [b\n", "empty.yaml": "",
		"deployment.yaml": "template-file-path: web.yaml\n", "folder/x": ""})
	outside := filepath.Join(t.TempDir(), "web.yaml")
	clitest.WriteFile(t, outside, plainTemplate)
	inCopy := func(name string) string { return filepath.Join(root, name) }
	for name, test := range map[string]struct {
		args   []string
		code   int
		stderr string
	}{
		"nothing":             {nil, 2, "TEMPLATE is missing"},
		"missing":             {[]string{inCopy("gone.yaml")}, 2, "There is no template"},
		"folder":              {[]string{inCopy("folder")}, 2, "is not a template"},
		"no template":         {[]string{inCopy("notes.yaml")}, 2, "no Resources"},
		"empty":               {[]string{inCopy("empty.yaml")}, 2, "no Resources"},
		"broken":              {[]string{inCopy("broken.yaml")}, 1, "neither YAML nor JSON"},
		"deployment file":     {[]string{inCopy("deployment.yaml"), "x"}, 2, "is a deployment file"},
		"no repository":       {[]string{outside}, 1, "not in a Git repository"},
		"illegal name":        {[]string{inCopy("web.yaml"), "my_web"}, 2, `"my_web" is not a valid stack name`},
		"outside of its root": {[]string{inCopy("web.yaml"), "--file", outside}, 1, "is not in the repository"},
		"no YAML":             {[]string{inCopy("web.yaml"), "--file", inCopy("x.txt")}, 2, "must end in .yaml"},
	} {
		t.Run(name, func(t *testing.T) {
			clitest.Run(t, nil, append([]string{"init"}, test.args...)...).Fails(t, test.code, test.stderr)
		})
	}

	if _, err := os.Stat(inCopy("deployments")); err == nil {
		t.Error("a refused init left a directory behind")
	}
}

func TestInitWarnsAboutALargeTemplate(t *testing.T) {
	root := workingCopy(t, map[string]string{"web.yaml": plainTemplate + strings.Repeat("\n# long", 10_000)})
	result := clitest.Run(t, nil, "init", filepath.Join(root, "web.yaml")).OK(t)
	if !strings.Contains(result.Stderr, "only templates of at most 51200 bytes") {
		t.Errorf("stderr is %q", result.Stderr)
	}
}

func TestInitPrintsPathsFromTheWorkingDirectory(t *testing.T) {
	root := workingCopy(t, map[string]string{"stacks/web.yaml": plainTemplate})
	t.Chdir(root)
	out := clitest.Run(t, nil, "init", "stacks/web.yaml").OK(t).Stdout
	if !strings.Contains(out, "Wrote deployments/web.yaml: stack web from stacks/web.yaml.\nNext: git add "+
		"deployments/web.yaml ") {
		t.Errorf("it prints:\n%s", out)
	}
	checkDeploymentFile(t, root, "deployments/web.yaml", "stacks/web.yaml", "web")
}

func TestInitPrintsAPathThatIsNotAFlag(t *testing.T) {
	root := workingCopy(t, map[string]string{"t.yaml": plainTemplate})
	t.Chdir(root)

	clitest.Run(t, nil, "init", "t.yaml", "--file", "--force.yaml").OK(t).Prints(t, "git add ./--force.yaml && ")
}
