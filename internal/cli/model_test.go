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

// runModel runs `lockstep model` with a home directory.
func runModel(t testing.TB, home string, args ...string) (code int, stdout, stderr string) {
	t.Helper()
	var out, errs bytes.Buffer
	getenv := func(name string) string { return map[string]string{"HOME": home}[name] }
	code = cli.Run(t.Context(), append([]string{"model"}, args...), getenv, strings.NewReader(""), &out, &errs)
	return code, out.String(), errs.String()
}

func TestModelIsPrintedForBotocore(t *testing.T) {
	code, out, _ := runModel(t, "")
	var printed struct{ Metadata struct{ TargetPrefix string } }
	err := json.Unmarshal([]byte(out), &printed)
	if err != nil {
		t.Error(err)
	}
	if code != 0 {
		t.Errorf("exit code %d, want 0", code)
	}
	if got, want := printed.Metadata.TargetPrefix, "Lockstep_20261122"; got != want {
		t.Errorf("the target prefix is %q, want %q", got, want)
	}
}

func TestModelInstallWritesTheModelOnce(t *testing.T) {
	home := t.TempDir()
	service := filepath.Join(home, ".aws", "models", "lockstep", "2026-11-22", "service-2.json")
	_, printed, _ := runModel(t, home)
	for _, test := range []struct{ before, want string }{
		{"", " written\n"},
		{printed, " unchanged\n"},
		{"mine", " replaced\n"},
	} {
		if test.before == "mine" {
			if err := os.WriteFile(service, []byte(test.before), 0o600); err != nil {
				t.Fatal(err)
			}
		}

		code, out, errs := runModel(t, home, "--install")
		if code != 0 || !strings.HasPrefix(out, service+test.want) {
			t.Errorf("exit code %d: %s%s, want %s", code, out, errs, test.want)
		}

		if got, err := os.ReadFile(service); err != nil || string(got) != printed {
			t.Errorf("the installed model differs from the printed one: %v", err)
		}
	}

	if names, err := os.ReadDir(filepath.Dir(service)); err != nil || len(names) != 3 {
		t.Errorf("the directory has %v, %v", names, err)
	}

	if code, out, errs := runModel(t, "", "--install", "--dir", t.TempDir()); code != 0 {
		t.Errorf("--dir without a home: %s%s", out, errs)
	}
}

func TestModelInstallNeedsADirectory(t *testing.T) {
	for _, args := range [][]string{{"--dir", t.TempDir()}, {"--install"}} {
		if code, _, errs := runModel(t, "", args...); code != 2 {
			t.Errorf("model %v: exit code %d: %s", args, code, errs)
		}
	}
}
