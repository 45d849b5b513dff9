package cli_test

import (
	"bytes"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/lockstephq/lockstep/internal/cli/clitest"
)

func TestABackupOfARunningServerHasItsKeysAndNotItsSealKey(t *testing.T) {
	i := clitest.NewInstallation(t)
	backup := filepath.Join(t.TempDir(), "backup.db")
	out := clitest.Run(t, nil, "backup", backup, "--db", i.DatabaseURL).OK(t).Stdout
	sealKey := strings.TrimPrefix(i.DatabaseURL, "sqlite:") + ".key"
	if !strings.Contains(out, "Keep the seal key file "+sealKey+" too") {
		t.Errorf("the output does not name the seal key file:\n%s", out)
	}

	secret, err := os.ReadFile(sealKey)
	if err != nil {
		t.Fatal(err)
	}
	text, err := os.ReadFile(backup)
	if err != nil {
		t.Fatal(err)
	}
	if bytes.Contains(text, bytes.TrimSpace(secret)) {
		t.Error("the seal key is in the copy")
	}

	list := clitest.Run(t, nil, "key", "list", "--db", "sqlite:"+backup).OK(t).Stdout
	if !strings.Contains(list, i.Env["LOCKSTEP_ACCESS_KEY_ID"]) {
		t.Errorf("the copy does not have the key of the server:\n%s", list)
	}

	clitest.Run(t, nil, "backup", backup, "--db", i.DatabaseURL).Fails(t, 1, backup+" exists")
}

func TestABackupWithoutItsSealKeyFails(t *testing.T) {
	dir := t.TempDir()
	db := "sqlite:" + filepath.Join(dir, "lockstep.db")
	clitest.Run(t, nil, "key", "create", "--db", db, "--admin").OK(t)
	if err := os.Remove(filepath.Join(dir, "lockstep.db.key")); err != nil {
		t.Fatal(err)
	}

	result := clitest.Run(t, nil, "backup", filepath.Join(dir, "backup.db"), "--db", db)
	if result.Code != 1 || !strings.Contains(result.Stderr, "lockstep.db.key does not exist") {
		t.Errorf("exit code %d, stderr: %s", result.Code, result.Stderr)
	}
}

func TestABackupRefusesWhatItCannotCopy(t *testing.T) {
	file := filepath.Join(t.TempDir(), "backup.db")
	clitest.Run(t, nil, "backup", file).Fails(t, 2, "--db is missing")
	clitest.Run(t, nil, "backup", "--db", "sqlite:x").Fails(t, 2, "FILE is missing")
	clitest.Run(t, nil, "backup", file, "--db", "mysql:x").Fails(t, 2, "must be sqlite:PATH")
	clitest.Run(t, nil, "backup", file, "--db", "sqlite:"+file+".none").Fails(t, 1, "there is no database")
	result := clitest.Run(t, nil, "backup", file, "--db", "postgres://jo:hunter2@db/x")
	result.Fails(t, 2, "pg_dump")
	if strings.Contains(result.Stderr, "hunter2") {
		t.Errorf("the password is in the error: %s", result.Stderr)
	}
}
