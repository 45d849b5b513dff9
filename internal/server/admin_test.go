package server_test

import (
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/lockstephq/lockstep/internal/server"
	"github.com/lockstephq/lockstep/internal/server/servertest"
)

func TestKeysAreSealedWithOneSealKey(t *testing.T) {
	servertest.SkipIfShort(t)
	dir := t.TempDir()
	options := server.KeyOptions{DB: "sqlite:" + filepath.Join(dir, "l.db")}
	wanted := server.NewKey{Account: "123456789012", Principal: "me", Role: server.Reader}
	first, err := server.CreateKey(t.Context(), options, wanted)
	if err != nil {
		t.Fatal(err)
	}

	other := filepath.Join(dir, "other")
	for file, want := range map[string]string{
		filepath.Join(dir, "missing"): "does not exist",
		other:                         "is not the one",
	} {
		if file == other {
			elsewhere := server.KeyOptions{DB: "sqlite:" + filepath.Join(dir, "other.db"), SealKeyFile: file}
			if _, err := server.CreateKey(t.Context(), elsewhere, wanted); err != nil {
				t.Fatal(err)
			}
		}

		_, err := server.CreateKey(t.Context(), server.KeyOptions{DB: options.DB, SealKeyFile: file}, wanted)
		if err == nil || !strings.Contains(err.Error(), want) || !strings.Contains(err.Error(), file) {
			t.Errorf("%s: %v", file, err)
		}
	}

	if _, err := server.CreateKey(t.Context(), server.KeyOptions{DB: "postgres://host/database"}, wanted); err == nil {
		t.Error("a PostgreSQL database needs no seal key file")
	}

	second, err := server.CreateKey(t.Context(), options, wanted)
	if err != nil {
		t.Fatal(err)
	}

	if err := server.DisableKey(t.Context(), options, first.AccessKeyID); err != nil {
		t.Fatal(err)
	}

	if err := server.DisableKey(t.Context(), options, "LSAKNOBODYKNOWSTHIS0"); err == nil {
		t.Error("a missing key was disabled")
	}

	keys, err := server.ListKeys(t.Context(), options)
	if err != nil {
		t.Fatal(err)
	}

	type listed struct {
		ID       string
		Disabled bool
		Secret   string
	}

	var got []listed
	for _, key := range keys {
		got = append(got, listed{key.AccessKeyID, key.Disabled, key.Secret.Reveal()})
	}

	if diff := cmp.Diff([]listed{{first.AccessKeyID, true, ""}, {second.AccessKeyID, false, ""}}, got); diff != "" {
		t.Error(diff)
	}
}
