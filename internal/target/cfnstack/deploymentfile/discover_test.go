package deploymentfile_test

import (
	"context"
	"fmt"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/lockstephq/lockstep"
	"github.com/lockstephq/lockstep/internal/target"
	"github.com/lockstephq/lockstep/internal/target/cfnstack/deploymentfile"
	"github.com/lockstephq/lockstep/internal/target/targettest"
)

var repository = map[string]string{
	"web.yaml":                         "template-file-path: ./templates/web.yaml\n",
	"templates/web.yaml":               plainTemplate,
	"templates/other.json":             `{"Resources": {"T": {"Type": "AWS::SNS::Topic"}}}`,
	"templates/notes.yaml":             "Resources:\n  - https://example.com\n",
	"envs/prod/deployment.yml":         "template-file-path: templates/web.yaml\n",
	"envs/9 test/stack-deployment.yml": "template-file-path: templates/web.yaml\n",
	"envs/api_v2.json":                 `{"template-file-path": "templates/web.yaml", "parameters": {}}`,
	"deployment-file.yaml":             "template-file-path: t.yaml\n",
	"broken.yaml":                      "template-file-path: t.yaml\ntags: [\n",
	"wrong.yaml":                       "template-file-path: t.yaml\nParameters: {}\n",
	"k8s.yaml":                         "kind: Pod\nspec:\n  template-file-path: x\n",
	"README.md":                        "template-file-path: t.yaml\n",
	"vendor/a.yaml":                    "template-file-path: t.yaml\n",
	"x/node_modules/a.yaml":            "template-file-path: t.yaml\n",
	"x/testdata/a.yaml":                "template-file-path: t.yaml\n",
	".github/a.yaml":                   "template-file-path: t.yaml\n",
}

func discover(
	t *testing.T, discoverer *deploymentfile.Discoverer, files lockstep.Tree, want lockstep.Discovery,
) target.Discovered {
	t.Helper()
	found, err := discoverer.Discover(t.Context(), files, want)
	if err != nil {
		t.Fatal(err)
	}
	return found
}

func TestDiscoverFindsDeploymentFilesAndUnnamedTemplates(t *testing.T) {
	got := discover(t, &deploymentfile.Discoverer{}, targettest.Files(repository), lockstep.Discovery{})
	want := target.Discovered{
		Files: []target.DeploymentFile{
			{Path: "broken.yaml", Name: "broken"},
			{Path: "deployment-file.yaml", Name: "deployment-file"},
			{Path: "envs/9 test/stack-deployment.yml", Name: "stack-9-test"},
			{Path: "envs/api_v2.json", Name: "api-v2"},
			{Path: "envs/prod/deployment.yml", Name: "prod"},
			{Path: "web.yaml", Name: "web"},
			{Path: "wrong.yaml", Name: "wrong"},
		},
		Candidates: []string{"templates/other.json"},
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
}

func TestDiscoverFollowsFolderPatternAndNames(t *testing.T) {
	tests := map[string]struct {
		want  lockstep.Discovery
		found []target.DeploymentFile
	}{
		"folder": {lockstep.Discovery{Folder: "envs/"}, []target.DeploymentFile{
			{Path: "envs/9 test/stack-deployment.yml", Name: "stack-9-test"},
			{Path: "envs/api_v2.json", Name: "api-v2"},
			{Path: "envs/prod/deployment.yml", Name: "prod"},
		}},
		"missing folder": {lockstep.Discovery{Folder: "gone"}, nil},
		"pattern of path": {
			want:  lockstep.Discovery{Only: "envs/*/deployment.yml"},
			found: []target.DeploymentFile{{Path: "envs/prod/deployment.yml", Name: "prod"}},
		},
		"pattern of name": {
			want: lockstep.Discovery{Only: "w*.yaml", Names: map[string]string{"web.yaml": "site"}},
			found: []target.DeploymentFile{
				{Path: "web.yaml", Name: "site"}, {Path: "wrong.yaml", Name: "wrong"},
			},
		},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			got := discover(t, &deploymentfile.Discoverer{}, targettest.Files(repository), tt.want)
			if diff := cmp.Diff(tt.found, got.Files); diff != "" {
				t.Error(diff)
			}
		})
	}
}

func TestADeploymentFileMayNameItsStack(t *testing.T) {
	files := map[string]string{
		"deployments/dev/network.yaml":  templatePath + "lockstep: {name: network-dev}\n",
		"deployments/prod/network.yaml": `{"template-file-path": "t.yaml", "lockstep": {"name": "network-prod"}}`,
		"deployments/network.yaml":      templatePath,
		"deployments/bad.yaml":          templatePath + "lockstep: {name: no name}\n",
		"t.yaml":                        plainTemplate,
	}
	want := []target.DeploymentFile{
		{Path: "deployments/bad.yaml", Name: "bad"}, // its sync reports the error
		{Path: "deployments/dev/network.yaml", Name: "network-dev"},
		{Path: "deployments/network.yaml", Name: "network"},
		{Path: "deployments/prod/network.yaml", Name: "network-prod"},
	}
	got := discover(t, &deploymentfile.Discoverer{}, targettest.Files(files), lockstep.Discovery{})
	if diff := cmp.Diff(want, got.Files); diff != "" {
		t.Errorf("files (-want +got):\n%s", diff)
	}
}

func TestDiscoverRefusesInvalidRequests(t *testing.T) {
	for name, want := range map[string]lockstep.Discovery{
		"pattern": {Only: "[a"},
		"folder":  {Folder: "../x"},
		"name":    {Names: map[string]string{"web.yaml": "no name"}},
	} {
		discoverer := &deploymentfile.Discoverer{}
		_, err := discoverer.Discover(t.Context(), targettest.Files(repository), want)
		if lockstep.KindOf(err) != lockstep.Invalid {
			t.Errorf("%s: got %v", name, err)
		}
	}
}

// counting is a tree that records what is prefetched.
type counting struct {
	targettest.Tree
	fetched *[]string
}

func (c counting) Prefetch(_ context.Context, paths ...string) error {
	*c.fetched = append(*c.fetched, paths...)
	return nil
}

func TestDiscoverReadsOnlyWhatChanged(t *testing.T) {
	var fetched []string
	files := map[string]string{"a.yaml": "template-file-path: t.yaml\n", "t.yaml": plainTemplate, "c.json": "{}"}
	discoverer := &deploymentfile.Discoverer{}
	discover(t, discoverer, counting{targettest.Files(files), &fetched}, lockstep.Discovery{})

	if diff := cmp.Diff([]string{"a.yaml", "c.json", "t.yaml"}, fetched); diff != "" {
		t.Error(diff)
	}

	fetched = nil
	files["b.yaml"] = "template-file-path: t.yaml\n# b\n"
	got := discover(t, discoverer, counting{targettest.Files(files), &fetched}, lockstep.Discovery{})

	if diff := cmp.Diff([]string{"b.yaml"}, fetched); diff != "" {
		t.Error(diff)
	}

	if len(got.Files) != 2 {
		t.Errorf("found %v", got.Files)
	}
}

func TestDiscoverReadsABoundedNumberOfFiles(t *testing.T) {
	files := map[string]string{"web.yaml": "template-file-path: t.yaml\n"}
	for i := range 5001 {
		files[fmt.Sprintf("data/%d.json", i)] = "{}"
	}
	tree := targettest.Files(files)
	discoverer := &deploymentfile.Discoverer{}
	_, err := discoverer.Discover(t.Context(), tree, lockstep.Discovery{})
	if lockstep.KindOf(err) != lockstep.Limit {
		t.Errorf("got %v, want a limit", err)
	}

	got := discover(t, &deploymentfile.Discoverer{}, tree, lockstep.Discovery{Only: "web.yaml"})
	if len(got.Files) != 1 {
		t.Errorf("found %v", got.Files)
	}
}

func TestDiscoverReadsABoundedNumberOfBytes(t *testing.T) {
	files := map[string]string{}
	for i := range 65 {
		files[fmt.Sprintf("%d.json", i)] = strings.Repeat(" ", 1<<20-i)
	}
	discoverer := &deploymentfile.Discoverer{}
	_, err := discoverer.Discover(t.Context(), targettest.Files(files), lockstep.Discovery{})
	if lockstep.KindOf(err) != lockstep.Limit {
		t.Errorf("got %v, want a limit", err)
	}
}
