package dbtest_test

import (
	"bufio"
	"io"
	"net/url"
	"os"
	"os/exec"
	"strings"
	"testing"
	"testing/fstest"
	"time"

	"github.com/lockstephq/lockstep/internal/db"
	"github.com/lockstephq/lockstep/internal/db/dbtest"
)

// ends is the variable that selects how TestProcess ends.
const ends = "DBTEST_PROCESS_ENDS"

// TestProcess is the process of the test below: it prints where its server is.
func TestProcess(t *testing.T) {
	how := os.Getenv(ends)
	if how == "" {
		t.Skip("run by TestNothingIsLeftWhenTheProcessEnds")
	}
	os.Stdout.WriteString(dbtest.URL(t, db.Postgres) + "\n")
	if how == "panics" {
		panic("as it was told")
	}
	_, _ = io.Copy(io.Discard, os.Stdin)
}

func TestNothingIsLeftWhenTheProcessEnds(t *testing.T) {
	if os.Getenv("TEST_POSTGRES_URL") != "" {
		t.Skip("TEST_POSTGRES_URL is set: there is no server of ours")
	}

	dbtest.URL(t, db.Postgres) // skips without PostgreSQL
	for _, how := range []string{"returns", "panics", "is killed"} {
		t.Run(how, func(t *testing.T) {
			exe, err := os.Executable()
			if err != nil {
				t.Fatal(err)
			}

			cmd := exec.Command(exe, "-test.run=^TestProcess$")
			cmd.Env = append(os.Environ(), ends+"="+how)
			stdin, err := cmd.StdinPipe()
			if err != nil {
				t.Fatal(err)
			}

			out, err := cmd.StdoutPipe()
			if err != nil {
				t.Fatal(err)
			}

			if err := cmd.Start(); err != nil {
				t.Fatal(err)
			}

			line, err := bufio.NewReader(out).ReadString('\n')
			if err != nil {
				t.Fatal(err)
			}

			parsed, err := url.Parse(strings.TrimSpace(line))
			if err != nil {
				t.Fatal(err)
			}

			if how == "is killed" {
				err = cmd.Process.Kill()
			} else {
				err = stdin.Close()
			}

			if err != nil {
				t.Fatal(err)
			}

			_ = cmd.Wait() // its exit code is not the subject
			gone(t, parsed.Query().Get("host"))
		})
	}
}

// gone waits until the folder of a server, and with it the server, is no more.
func gone(t *testing.T, dir string) {
	t.Helper()
	for range 1000 {
		_, err := os.Stat(dir)
		if os.IsNotExist(err) {
			return
		}

		if err != nil && !os.IsPermission(err) {
			t.Fatal(err)
		}

		<-time.After(20 * time.Millisecond)
	}

	t.Errorf("%s is still there", dir)
}

func TestEachGivesEachTestADatabaseOfItsOwn(t *testing.T) {
	for range 2 {
		dbtest.EachWith(t, db.Migrations{FS: fstest.MapFS{}, Table: "m"}, func(t *testing.T, d *db.DB) {
			err := d.Update(t.Context(), func(tx *db.Tx) error {
				_, err := tx.Exec("CREATE TABLE mine (id bigint)")
				return err
			})
			if err != nil {
				t.Error(err)
			}
		})
	}
}
