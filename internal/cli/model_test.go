package cli_test

import (
	"bytes"
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/lockstephq/lockstep/internal/cli"
)

// models runs `lockstep model` in a home.
func models(t testing.TB, home string, args ...string) (code int, stdout, stderr string) {
	t.Helper()
	var out, errs bytes.Buffer
	getenv := func(name string) string { return map[string]string{"HOME": home}[name] }
	code = cli.Run(t.Context(), append([]string{"model"}, args...), getenv, strings.NewReader(""), &out, &errs)
	return code, out.String(), errs.String()
}

func TestModelIsPrintedAsBotocoreReadsIt(t *testing.T) {
	code, out, _ := models(t, "")
	var printed struct{ Metadata struct{ TargetPrefix string } }
	if err := json.Unmarshal([]byte(out), &printed); err != nil || code != 0 || printed.Metadata.TargetPrefix != "Lockstep_20261122" {
		t.Errorf("exit code %d, %v, %+v", code, err, printed)
	}
}

func TestModelInstallSaysWhatItReplaces(t *testing.T) {
	home := t.TempDir()
	service := filepath.Join(home, ".aws", "models", "lockstep", "2026-11-22", "service-2.json")
	_, printed, _ := models(t, home)
	for _, c := range []struct{ before, says string }{
		{"", " written\n"},
		{printed, " is there already\n"},
		{"mine", " was different and is replaced\n"},
	} {
		if c.before == "mine" {
			if err := os.WriteFile(service, []byte(c.before), 0o600); err != nil {
				t.Fatal(err)
			}
		}

		code, out, errs := models(t, home, "--install")
		if code != 0 || !strings.HasPrefix(out, service+c.says) {
			t.Errorf("exit code %d: %s%s, want %s", code, out, errs, c.says)
		}

		if got, err := os.ReadFile(service); err != nil || string(got) != printed {
			t.Errorf("installed is not what is printed: %v", err)
		}
	}

	if names, err := os.ReadDir(filepath.Dir(service)); err != nil || len(names) != 3 {
		t.Errorf("the folder holds %v, %v", names, err)
	}

	if code, out, errs := models(t, "", "--install", "--dir", t.TempDir()); code != 0 {
		t.Errorf("--dir without a home: %s%s", out, errs)
	}
}

func TestModelRefusesHalfAnInstallation(t *testing.T) {
	for _, args := range [][]string{{"--dir", t.TempDir()}, {"--install"}} {
		if code, _, errs := models(t, "", args...); code != 2 {
			t.Errorf("model %v: exit code %d: %s", args, code, errs)
		}
	}
}
