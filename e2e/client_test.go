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

// database makes a fresh database and gives its URL.
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
	ts.Check(ts.Exec("lockstep", append([]string{"key", "create", "--db", ts.Getenv("DB"), "-o", "json"}, args[1:]...)...))
	var made struct{ AccessKeyId, SecretAccessKey string }
	ts.Check(json.Unmarshal([]byte(ts.ReadFile("stdout")), &made))
	ts.Setenv(name+"_ID", made.AccessKeyId)
	ts.Setenv(name+"_SECRET", made.SecretAccessKey)
}

// as NAME PROGRAM ARG…
func as(ts *testscript.TestScript, neg bool, args []string) {
	if len(args) < 2 {
		ts.Fatalf("usage: as NAME PROGRAM ARG…")
	}
	name := strings.ToUpper(args[0])
	for _, prefix := range []string{"LOCKSTEP", "AWS"} {
		for variable, value := range map[string]string{prefix + "_ACCESS_KEY_ID": "_ID", prefix + "_SECRET_ACCESS_KEY": "_SECRET"} {
			defer ts.Setenv(variable, ts.Getenv(variable))
			ts.Setenv(variable, ts.Getenv(name+value))
		}
	}
	judge(ts, neg, ts.Exec(args[1], args[2:]...))
}

// judge ends the script where a program did not end as it was meant to.
func judge(ts *testscript.TestScript, neg bool, err error) {
	_, exited := errors.AsType[*exec.ExitError](err)
	switch {
	case err != nil && !exited:
		ts.Fatalf("%v", err)
	case err == nil && neg:
		ts.Fatalf("it succeeded")
	case err != nil && !neg:
		ts.Fatalf("%v", err)
	}
}

// python3 FILE ARG…
func (o outside) python3(ts *testscript.TestScript, neg bool, args []string) {
	if o.python == "" {
		lacking(worldOf(ts).tb(), "python3 is not installed")
	}
	judge(ts, neg, ts.Exec(o.python, args...))
}

// boto3 FILE
func (o outside) boto3(ts *testscript.TestScript, neg bool, args []string) {
	if o.python == "" || exec.Command(o.python, "-c", "import boto3").Run() != nil {
		lacking(worldOf(ts).tb(), "python3 with boto3 is not installed")
	}
	o.python3(ts, neg, args)
}

// aws ARG…
func (o outside) aws(ts *testscript.TestScript, neg bool, args []string) {
	program, err := lookPath(ts, "aws")
	if o.python != "" && exec.Command(o.python, "-c", "import awscli").Run() == nil {
		program, err = o.pythonDir+"/aws", nil
	}
	if err != nil {
		lacking(worldOf(ts).tb(), "the AWS CLI is not installed")
	}
	judge(ts, neg, ts.Exec(program, args...))
}

// request is a program: request URL [HEADER:VALUE]
func request() {
	r, err := http.NewRequest(http.MethodGet, os.Args[1], nil)
	if err == nil && len(os.Args) > 2 {
		name, value, _ := strings.Cut(os.Args[2], ":")
		r.Header.Set(name, strings.TrimSpace(value))
		r.Host = r.Header.Get("Host")
	}

	var answer *http.Response
	if err == nil {
		answer, err = http.DefaultClient.Do(r)
	}

	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}

	defer answer.Body.Close()

	body, _ := io.ReadAll(answer.Body) // as far as it goes
	fmt.Printf("%s\n%s", answer.Status, body)
}
