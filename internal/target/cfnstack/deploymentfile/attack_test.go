package deploymentfile_test

import (
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/lockstephq/lockstep"
	"github.com/lockstephq/lockstep/internal/target"
	"github.com/lockstephq/lockstep/internal/target/cfnstack/deploymentfile"
	"github.com/lockstephq/lockstep/internal/target/targettest"
)

// The API refuses such paths, so discovery must not find them.
func TestAttack28PathsWithControlCharactersAreNotFound(t *testing.T) {
	files := targettest.Files(map[string]string{
		"a.yaml":                 "template-file-path: t.yaml\n",
		"b\n.yaml":               "template-file-path: t.yaml\n",
		"c\x1b[2J/d.yaml":        "template-file-path: t.yaml\n",
		"e\u009b/template.yaml":  plainTemplate,
		"f\u202e.yaml":           "template-file-path: t.yaml\n",
		"g\u2028.yaml":           "template-file-path: t.yaml\n",
		"template\x7f/two.json":  `{"Resources": {"T": {"Type": "AWS::SNS::Topic"}}}`,
		"plain/template2.yaml":   plainTemplate,
		"plain/template ü€.yaml": plainTemplate,
	})

	got := discover(t, &deploymentfile.Discoverer{}, files, lockstep.Discovery{})
	want := target.Discovered{
		Files:      []target.DeploymentFile{{Path: "a.yaml", Name: "a"}},
		Candidates: []string{"plain/template ü€.yaml", "plain/template2.yaml"},
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
}
