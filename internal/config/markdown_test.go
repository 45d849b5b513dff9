package config_test

import (
	"flag"
	"os"
	"path/filepath"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/lockstephq/lockstep/internal/config"
)

var update = flag.Bool("update", false, "rewrite docs/configuration.md")

func TestTheConfigurationPageIsCurrent(t *testing.T) {
	page := filepath.Join("..", "..", "docs", "configuration.md")
	want := config.Markdown()
	if *update {
		if err := os.WriteFile(page, []byte(want), 0o644); err != nil {
			t.Fatal(err)
		}
	}

	got, err := os.ReadFile(page)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(want, string(got)); diff != "" {
		t.Errorf("docs/configuration.md is not current; run go test ./internal/config -update:\n%s", diff)
	}
}
