package deploymentfile_test

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/lockstephq/lockstep"
	"github.com/lockstephq/lockstep/internal/target"
	"github.com/lockstephq/lockstep/internal/target/cfnstack/deploymentfile"
	"github.com/lockstephq/lockstep/internal/target/targettest"
)

func TestEncodeWritesFilesThatCanBeRead(t *testing.T) {
	var encoder deploymentfile.Encoder
	for want, deployment := range map[string]target.Deployment{
		"template-file-path: t/web.yaml\nparameters: {}\ntags: {}\n": {Template: "t/web.yaml"},
		"template-file-path: web.yaml\n" +
			"parameters:\n  A: \"007\"\n  B: \"yes\"\n  C: 'a: #b'\n  D: \"\"\n  E: \"null\"\n" +
			"tags:\n  \"12\": é\n  team: web\n": {
			Template:   "web.yaml",
			Parameters: map[string]string{"B": "yes", "A": "007", "C": "a: #b", "D": "", "E": "null"},
			Tags:       map[string]string{"team": "web", "12": "é"},
		},
	} {
		got, err := encoder.Encode(deployment)
		if err != nil {
			t.Error(err)
		}

		if diff := cmp.Diff(want, string(got)); diff != "" {
			t.Errorf("want -, got +:\n%s", diff)
		}

		again, err := encoder.Encode(deployment)
		if err != nil || !encoder.Equal(got, again) {
			t.Errorf("written again it asks for something else: %q, %v", again, err)
		}
	}
}

func TestEncodeRefusesFilesThatCannotBeRead(t *testing.T) {
	var encoder deploymentfile.Encoder
	many := map[string]string{}
	for _, a := range "abcdefghijklmnopqrstuvwxyz" {
		many[string(a)], many[string(a)+"x"] = "1", "1"
	}

	for want, deployment := range map[string]target.Deployment{
		"template-file-path": {Template: "../web.yaml"},
		"letters and digits": {Template: "web.yaml", Parameters: map[string]string{"a-b": "1"}},
		"at most 50":         {Template: "web.yaml", Parameters: many},
		"tags":               {Template: "web.yaml", Tags: map[string]string{"a": strings.Repeat("x", 257)}},
	} {
		_, err := encoder.Encode(deployment)
		targettest.CheckError(t, err, lockstep.Invalid, want)
	}
}

func TestEqualComparesDeploymentsAndNotTexts(t *testing.T) {
	var encoder deploymentfile.Encoder
	const file = "template-file-path: web.yaml\nparameters: {A: \"1\", B: x}\ntags: {}\n"
	for other, want := range map[string]bool{
		`{"tags": {}, "parameters": {"B": "x", "A": 1}, "template-file-path": "web.yaml"}`: true,
		"template-file-path: web.yaml\nparameters: {A: \"1\"}\ntags: {}\n":                 false,
		"template-file-path: web.yaml\nparameters: {A: \"1\", B: " +
			"x}\n": false, // the stack keeps its tags
		"template-file-path: web.yaml\nparameters: {A: \"1\", B: x}\ntags: {a: b}\n": false,
		"template-file-path: api.yaml\nparameters: {A: \"1\", B: x}\ntags: {}\n":     false,
		"nonsense": false,
	} {
		if got := encoder.Equal([]byte(file), []byte(other)); got != want {
			t.Errorf("%q: %v", other, got)
		}
	}
}
