package deploymentfile_test

import (
	"errors"
	"io/fs"
	"strings"
	"testing"
	"testing/fstest"

	"github.com/google/go-cmp/cmp"

	"github.com/lockstephq/lockstep"
	"github.com/lockstephq/lockstep/internal/target"
	"github.com/lockstephq/lockstep/internal/target/cfnstack/deploymentfile"
	"github.com/lockstephq/lockstep/internal/target/targettest"
)

func TestReadReturnsItsInputs(t *testing.T) {
	files := targettest.Files(map[string]string{
		"web.yaml":      "template-file-path: ./stacks/t.yaml\n",
		"stacks/t.yaml": plainTemplate,
		"other":         "x",
	})
	inputs, err := readInputs(t, files)
	if err != nil {
		t.Fatal(err)
	}

	want := target.Inputs{}
	for _, name := range []string{"web.yaml", "stacks/t.yaml"} {
		want[name], _ = files.ObjectID(name)
	}

	if diff := cmp.Diff(want, inputs); diff != "" {
		t.Error(diff)
	}
}

func TestReadReturnsMissingFilesAmongItsInputs(t *testing.T) {
	inputs, err := readInputs(t, targettest.Files(map[string]string{"web.yml": "x"}))
	if lockstep.KindOf(err) != lockstep.NotFound || !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("got %v", err)
	}

	if want := `Deployment file "web.yaml" is not in the commit, but "web.yml" is.`; lockstep.Shown(err) != want {
		t.Errorf("got %q, want %q", lockstep.Shown(err), want)
	}

	if diff := cmp.Diff(target.Inputs{"web.yaml": lockstep.NoObject}, inputs); diff != "" {
		t.Error(diff)
	}

	inputs, err = readInputs(t, targettest.Files(map[string]string{"web.yaml": "template-file-path: gone.yaml"}))
	if want := `Template "gone.yaml" is not in the commit.`; lockstep.Shown(err) != want {
		t.Errorf("got %q, want %q", lockstep.Shown(err), want)
	}

	if inputs["gone.yaml"] != lockstep.NoObject {
		t.Errorf("inputs %v", inputs)
	}
}

func TestReadRefusesWhatIsNotAnOrdinaryFile(t *testing.T) {
	files := targettest.Tree{MapFS: fstest.MapFS{
		"web.yaml": {Data: []byte("template-file-path: t.yaml")},
		"t.yaml":   {Data: []byte("/etc/passwd"), Mode: fs.ModeSymlink},
	}}
	inputs, err := readInputs(t, files)
	targettest.CheckError(t, err, lockstep.Invalid, `Template "t.yaml" cannot be read: it is a symbolic link`)

	if len(inputs) != 2 {
		t.Errorf("inputs %v", inputs)
	}

	_, err = readInputs(t, targettest.Files(map[string]string{"web.yaml": "template-file-path: d", "d/x": ""}))
	if lockstep.KindOf(err) != lockstep.Invalid {
		t.Errorf("a folder as template: got %v", err)
	}
}

func TestReadRefusesFilesThatAreTooLargeToSend(t *testing.T) {
	template := plainTemplate + "# " + strings.Repeat("x", 51_200-len(plainTemplate)-2)
	_, err := readInputs(t, withTemplate(templatePath, template))
	if err != nil {
		t.Errorf("51,200 bytes: %v", err)
	}

	_, err = readInputs(t, withTemplate(templatePath, template+"x"))
	targettest.CheckError(t, err, lockstep.Limit, "51200 bytes")

	_, err = readInputs(t, targettest.Files(map[string]string{"web.yaml": "#" + strings.Repeat("x", 1<<20)}))
	if lockstep.KindOf(err) != lockstep.Limit {
		t.Errorf("a deployment file above 1 MB: %v", err)
	}
}

func TestReadRefusesABrokenTemplate(t *testing.T) {
	for text, want := range map[string]string{
		"Resources: [":    `Template "t.yaml", line`,
		"":                `Template "t.yaml": the file is empty`,
		"Parameters: [a]": `Template "t.yaml", line 1, key Parameters: the value is not a mapping`,
		"Parameters:\n  A: x\n": `Template "t.yaml", line 2, key Parameters.A: ` +
			`the value is not a parameter's description`,
	} {
		_, err := readInputs(t, withTemplate(templatePath, text))
		targettest.CheckError(t, err, lockstep.Invalid, want)
	}
}

func TestReadRefusesAConfigurationThatPointsOutside(t *testing.T) {
	cfg := configuration("web")
	cfg.ConfigFile = "../web.yaml"
	_, _, err := deploymentfile.Read(t.Context(), cfg, targettest.Files(nil))
	if lockstep.KindOf(err) != lockstep.Invalid {
		t.Errorf("got %v", err)
	}
}

func TestValidateStackNameFollowsCloudFormation(t *testing.T) {
	for name, valid := range map[string]bool{
		"web": true, "Web-2": true, strings.Repeat("a", 100): true,
		"": false, "2web": false, "-web": false, "web_1": false, "wéb": false, "a b": false, "web\n": false,
		strings.Repeat("a", 101): false,
	} {
		err := deploymentfile.ValidateStackName(name)
		if (err == nil) != valid || err != nil && lockstep.KindOf(err) != lockstep.Invalid {
			t.Errorf("%q: got %v, want valid %v", name, err, valid)
		}
	}

	_, inputs, err := deploymentfile.Read(t.Context(), configuration("web_1"),
		withTemplate(templatePath, plainTemplate))
	if lockstep.KindOf(err) != lockstep.Invalid || len(inputs) != 2 {
		t.Errorf("got %v, %v", inputs, err)
	}
}
