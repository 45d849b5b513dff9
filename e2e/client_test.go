package e2e

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"os/exec"
	"strings"
	"testing"

	"github.com/rogpeppe/go-internal/testscript"

	"github.com/lockstephq/lockstep/internal/db"
	"github.com/lockstephq/lockstep/internal/db/dbtest"
)

// database creates a database and returns its URL.
func database(t testing.TB, engine string) string {
	if engine == "postgres" {
		return dbtest.URL(t, db.Postgres)
	}
	return dbtest.URL(t, db.SQLite)
}

// database sqlite|postgres
func freshDatabase(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 1 || args[0] != "sqlite" && args[0] != "postgres" {
		ts.Fatalf("usage: database sqlite|postgres")
	}
	ts.Setenv("DB", database(worldOf(ts).tb(), args[0]))
}

// key NAME FLAG…
func key(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) < 2 {
		ts.Fatalf("usage: key NAME FLAG…")
	}
	name := strings.ToUpper(args[0])
	ts.Check(ts.Exec("lockstep", append([]string{
		"key",
		"create",
		"--db",
		ts.Getenv("DB"),
		"-o",
		"json",
	}, args[1:]...)...))
	var made struct {
		ID     string `json:"AccessKeyId"`
		Secret string `json:"SecretAccessKey"`
	}
	ts.Check(json.Unmarshal([]byte(ts.ReadFile("stdout")), &made))
	ts.Setenv(name+"_ID", made.ID)
	ts.Setenv(name+"_SECRET", made.Secret)
}

// as NAME PROGRAM ARG…
func as(ts *testscript.TestScript, neg bool, args []string) {
	if len(args) < 2 {
		ts.Fatalf("usage: as NAME PROGRAM ARG…")
	}
	name := strings.ToUpper(args[0])
	for _, prefix := range []string{"LOCKSTEP", "AWS"} {
		for variable, value := range map[string]string{
			prefix + "_ACCESS_KEY_ID":     "_ID",
			prefix + "_SECRET_ACCESS_KEY": "_SECRET",
		} {
			defer ts.Setenv(variable, ts.Getenv(variable))
			ts.Setenv(variable, ts.Getenv(name+value))
		}
	}
	checkExit(ts, neg, ts.Exec(args[1], args[2:]...))
}

// checkExit fails the script if a program failed, or with neg if it succeeded.
func checkExit(ts *testscript.TestScript, neg bool, err error) {
	_, exited := errors.AsType[*exec.ExitError](err)
	switch {
	case err != nil && !exited:
		ts.Fatalf("%v", err)
	case err == nil && neg:
		ts.Fatalf("the program succeeded")
	case err != nil && !neg:
		ts.Fatalf("%v", err)
	}
}

// python3 FILE ARG…
func (m machine) python3(ts *testscript.TestScript, neg bool, args []string) {
	if m.python == "" {
		skipOrFail(worldOf(ts).tb(), "python3 is not installed")
	}
	checkExit(ts, neg, ts.Exec(m.python, args...))
}

// boto3 FILE
func (m machine) boto3(ts *testscript.TestScript, neg bool, args []string) {
	if m.python == "" || exec.Command(m.python, "-c", "import boto3").Run() != nil {
		skipOrFail(worldOf(ts).tb(), "python3 with boto3 is not installed")
	}
	m.python3(ts, neg, args)
}

// aws ARG…
func (m machine) aws(ts *testscript.TestScript, neg bool, args []string) {
	program, err := lookPath(ts, "aws")
	if m.python != "" && exec.Command(m.python, "-c", "import awscli").Run() == nil {
		program, err = m.pythonDir+"/aws", nil
	}
	if err != nil {
		skipOrFail(worldOf(ts).tb(), "the AWS CLI is not installed")
	}
	checkExit(ts, neg, ts.Exec(program, args...))
}

// request runs the program request URL [HEADER:VALUE].
func request() {
	r, err := http.NewRequest(http.MethodGet, os.Args[1], nil)
	if err == nil && len(os.Args) > 2 {
		name, value, _ := strings.Cut(os.Args[2], ":")
		r.Header.Set(name, strings.TrimSpace(value))
		r.Host = r.Header.Get("Host")
	}

	var response *http.Response
	if err == nil {
		response, err = http.DefaultClient.Do(r)
	}

	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}

	defer response.Body.Close()

	body, _ := io.ReadAll(response.Body) // as much as arrives
	fmt.Printf("%s\n%s", response.Status, body)
}
