package cli_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// keyIDs gives the ids that `key list` shows, with their status.
func keyIDs(t testing.TB, db string) map[string]string {
	ids := map[string]string{}
	for line := range strings.Lines(run(t, nil, "key", "list", "--db", db).ok(t).stdout) {
		if f := strings.Fields(line); strings.HasPrefix(f[0], "LSAK") {
			ids[f[0]] = f[4]
		}
	}
	return ids
}

func TestKeysAreMadeListedAndDisabled(t *testing.T) {
	dir := t.TempDir()
	db := "sqlite:" + filepath.Join(dir, "lockstep.db")
	out := run(t, nil, "key", "create", "--db", db, "--admin", "--principal", "jo", "--account", "111122223333").ok(t).stdout
	for _, want := range []string{"[lockstep]\naws_access_key_id = LSAK", "\naws_secret_access_key = ", "[profile lockstep]\nregion = ", "\nendpoint_url = "} {
		if !strings.Contains(out, want) {
			t.Errorf("key create does not print %q:\n%s", want, out)
		}
	}

	run(t, map[string]string{"LOCKSTEP_DB": db}, "key", "create", "--reader").ok(t)
	ids := keyIDs(t, db)
	if len(ids) != 2 {
		t.Fatalf("keys %v", ids)
	}

	list := run(t, nil, "key", "list", "--db", db, "-o", "yaml").ok(t).stdout
	for _, want := range []string{"PrincipalName: jo\n    Role: ADMIN\n    Status: ACTIVE", `Account: "111122223333"`, `Account: "000000000000"`, "Role: READER"} {
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
		run(t, nil, "key", "disable", id, "--db", db).ok(t)
	}

	for id, status := range keyIDs(t, db) {
		if status != "disabled" {
			t.Errorf("%s is %s", id, status)
		}
	}

	run(t, nil, "key", "disable", "LSAKAAAAAAAAAAAAAAAA", "--db", db).refused(t, 1, `no access key "LSAKAAAAAAAAAAAAAAAA"`)
}

func TestPrintedLinesOfKeyCreateReachTheServer(t *testing.T) {
	i := newInstallation(t)
	out := run(t, nil, "key", "create", "--db", i.db, "--reader", "--account", "111122223333").ok(t).stdout
	_, rest, _ := strings.Cut(out, "Into ~/.aws/credentials:\n")
	credentials, rest, _ := strings.Cut(rest, "\n\n")
	_, rest, _ = strings.Cut(rest, "Into ~/.aws/config:\n")
	config, _, _ := strings.Cut(rest, "\n\n")
	dir := t.TempDir()
	write(t, filepath.Join(dir, ".aws", "credentials"), credentials)
	write(t, filepath.Join(dir, ".aws", "config"), strings.ReplaceAll(config, "http://127.0.0.1:4747", i.env["LOCKSTEP_ENDPOINT_URL"]))
	run(t, map[string]string{"HOME": dir}, "status").ok(t)
	run(t, map[string]string{"HOME": dir}, "retry", "web").refused(t, 1, "AccessDeniedException", "lockstep policy put", "lockstep key create NAME --role operator")
}

func TestKeyCreateNeverMixesSealKeys(t *testing.T) {
	dir := t.TempDir()
	db := "sqlite:" + filepath.Join(dir, "lockstep.db")
	run(t, nil, "key", "create", "--db", db, "--admin").ok(t)
	run(t, nil, "key", "create", "--db", "sqlite:"+filepath.Join(dir, "other.db"), "--admin").ok(t)
	run(t, nil, "key", "create", "--db", db, "--admin", "--seal-key-file", filepath.Join(dir, "other.db.key")).
		refused(t, 1, "other.db.key is not the one")

	if err := os.Remove(filepath.Join(dir, "lockstep.db.key")); err != nil {
		t.Fatal(err)
	}

	run(t, nil, "key", "create", "--db", db, "--admin").refused(t, 1, "lockstep.db.key does not exist", "--seal-key-file")
	if len(keyIDs(t, db)) != 1 {
		t.Error("a refused key is in the list")
	}
}

func TestKeyCreateSaysWhatIsWrong(t *testing.T) {
	db := "sqlite:" + filepath.Join(t.TempDir(), "lockstep.db")
	run(t, nil, "key", "create", "--db", db, "--admin", "--account", "12").refused(t, 1, `Account "12"`)
	run(t, nil, "key", "create", "--db", "mysql:x", "--admin").refused(t, 1, "sqlite: or postgres://")
	r := run(t, nil, "key", "create", "--db", "postgres://me:hunter2@127.0.0.1:1/x?connect_timeout=1", "--admin")
	r.refused(t, 1, "127.0.0.1")

	if strings.Contains(r.stderr, "hunter2") {
		t.Errorf("stderr shows a password: %s", r.stderr)
	}

	help := run(t, map[string]string{"LOCKSTEP_DB": "postgres://me:hunter2@db/x"}, "key", "list", "--help").ok(t).stdout
	if strings.Contains(help, "hunter2") {
		t.Errorf("help shows a password:\n%s", help)
	}
}
