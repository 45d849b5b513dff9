package access_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/lockstephq/lockstep/internal/cli/clitest"
)

// keyIDs returns the IDs of the keys of a database, with their status.
func keyIDs(t testing.TB, db string) map[string]string {
	ids := map[string]string{}
	for line := range strings.Lines(clitest.Run(t, nil, "key", "list", "--db", db).OK(t).Stdout) {
		if f := strings.Fields(line); strings.HasPrefix(f[0], "LSAK") {
			ids[f[0]] = f[4]
		}
	}
	return ids
}

func TestKeysOfADatabaseAreCreatedListedAndDisabled(t *testing.T) {
	dir := t.TempDir()
	db := "sqlite:" + filepath.Join(dir, "lockstep.db")
	out := clitest.Run(t, nil, "key", "create", "--db", db, "--admin", "--principal", "jo", "--account",
		"111122223333").
		OK(t).Stdout
	for _, want := range []string{
		"[lockstep]\naws_access_key_id = LSAK",
		"\naws_secret_access_key = ",
		"[profile lockstep]\nregion = ",
		"\nendpoint_url = ",
	} {
		if !strings.Contains(out, want) {
			t.Errorf("key create does not print %q:\n%s", want, out)
		}
	}

	clitest.Run(t, map[string]string{"LOCKSTEP_DB": db}, "key", "create", "--reader").OK(t)
	ids := keyIDs(t, db)
	if len(ids) != 2 {
		t.Fatalf("keys %v", ids)
	}

	list := clitest.Run(t, nil, "key", "list", "--db", db, "-o", "yaml").OK(t).Stdout
	for _, want := range []string{
		"PrincipalName: jo\n    Role: ADMIN\n    Status: ACTIVE",
		`Account: "111122223333"`,
		`Account: "000000000000"`,
		"Role: READER",
	} {
		if !strings.Contains(list, want) {
			t.Errorf("key list does not print %q:\n%s", want, list)
		}
	}

	if strings.Contains(list, "Secret") {
		t.Errorf("key list shows secrets:\n%s", list)
	}

	_, secretLine, _ := strings.Cut(out, "aws_secret_access_key = ")
	if strings.Contains(list, strings.Fields(secretLine)[0]) {
		t.Errorf("key list shows a secret:\n%s", list)
	}

	for id := range ids {
		clitest.Run(t, nil, "key", "disable", id, "--db", db).OK(t)
	}

	for id, status := range keyIDs(t, db) {
		if status != "disabled" {
			t.Errorf("%s is %s", id, status)
		}
	}

	clitest.Run(t, nil, "key", "disable", "LSAKAAAAAAAAAAAAAAAA", "--db", db).
		Fails(t, 1, `no access key "LSAKAAAAAAAAAAAAAAAA"`)
}

func TestTheProfileThatKeyCreatePrintsWorks(t *testing.T) {
	i := clitest.NewInstallation(t)
	out := clitest.Run(t, nil, "key", "create", "--db", i.DatabaseURL, "--reader", "--account", "111122223333").
		OK(t).Stdout
	_, rest, _ := strings.Cut(out, "Add to ~/.aws/credentials:\n")
	credentials, rest, _ := strings.Cut(rest, "\n\n")
	_, rest, _ = strings.Cut(rest, "Add to ~/.aws/config:\n")
	config, _, _ := strings.Cut(rest, "\n\n")
	dir := t.TempDir()
	clitest.WriteFile(t, filepath.Join(dir, ".aws", "credentials"), credentials)
	clitest.WriteFile(t, filepath.Join(dir, ".aws", "config"),
		strings.ReplaceAll(config, "http://127.0.0.1:4747", i.Env["LOCKSTEP_ENDPOINT_URL"]))
	clitest.Run(t, map[string]string{"HOME": dir}, "status").OK(t)
	clitest.Run(t, map[string]string{"HOME": dir}, "retry", "web").
		Fails(t, 1, "AccessDeniedException", "lockstep policy put", "lockstep key create NAME --role operator")
}

func TestKeyCreateRejectsAnotherSealKey(t *testing.T) {
	dir := t.TempDir()
	db := "sqlite:" + filepath.Join(dir, "lockstep.db")
	clitest.Run(t, nil, "key", "create", "--db", db, "--admin").OK(t)
	clitest.Run(t, nil, "key", "create", "--db", "sqlite:"+filepath.Join(dir, "other.db"), "--admin").OK(t)
	clitest.Run(t, nil, "key", "create", "--db", db, "--admin", "--seal-key-file", filepath.Join(dir, "other.db.key")).
		Fails(t, 1, "other.db.key is not the one")

	if err := os.Remove(filepath.Join(dir, "lockstep.db.key")); err != nil {
		t.Fatal(err)
	}

	clitest.Run(t, nil, "key", "create", "--db", db, "--admin").
		Fails(t, 1, "lockstep.db.key does not exist", "--seal-key-file")
	if len(keyIDs(t, db)) != 1 {
		t.Error("a refused key is in the list")
	}
}

func TestKeyCreateErrorsDoNotShowThePassword(t *testing.T) {
	db := "sqlite:" + filepath.Join(t.TempDir(), "lockstep.db")
	clitest.Run(t, nil, "key", "create", "--db", db, "--admin", "--account", "12").Fails(t, 1, `Account "12"`)
	clitest.Run(t, nil, "key", "create", "--db", "mysql:x", "--admin").Fails(t, 1, "sqlite: or postgres://")
	result := clitest.Run(t, nil, "key", "create", "--db", "postgres://me:hunter2@127.0.0.1:1/x?connect_timeout=1",
		"--admin")
	result.Fails(t, 1, "127.0.0.1")

	if strings.Contains(result.Stderr, "hunter2") {
		t.Errorf("stderr shows a password: %s", result.Stderr)
	}

	help := clitest.Run(t, map[string]string{"LOCKSTEP_DB": "postgres://me:hunter2@db/x"}, "key", "list", "--help").
		OK(t).Stdout
	if strings.Contains(help, "hunter2") {
		t.Errorf("help shows a password:\n%s", help)
	}
}
