package db_test

import (
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

var (
	tableStart   = regexp.MustCompile(`^CREATE TABLE "?(\w+)"? \(`)
	stateCheck   = regexp.MustCompile(`CHECK \((\w+) IN \(([^)]*)\)\)`)
	stateColumn  = regexp.MustCompile("^`(\\w+\\.\\w+)`")
	stateRow     = regexp.MustCompile("^\\| (?:`(\\w+)`|\\(empty\\)) \\|.*\\| ([^|]*) \\|$")
	functionName = regexp.MustCompile("`(\\w+)`")
)

// TestStatesAreDocumented compares docs/states.md with the CHECK constraints of the
// committed schema, and looks for the functions that the page names.
func TestStatesAreDocumented(t *testing.T) {
	constraints := statesOfSchema(t)
	documented, functions := statesOfPage(t)

	for column, states := range constraints {
		name := column[strings.Index(column, ".")+1:]
		if name != "state" && name != "status" && name != "outcome" || strings.HasPrefix(column, "access_key.") {
			continue
		}

		if diff := cmp.Diff(states, documented[column]); diff != "" {
			t.Errorf("docs/states.md differs from the constraint of %s (-schema +page):\n%s", column, diff)
		}
	}

	for column := range documented {
		if constraints[column] == nil {
			t.Errorf("docs/states.md describes %s, which has no constraint", column)
		}
	}

	code := sourceOf(t, "../store", "../syncstate")
	for _, name := range functions {
		if !strings.Contains(code, "\nfunc "+name+"(") {
			t.Errorf("docs/states.md names the function %s, which does not exist", name)
		}
	}
}

// statesOfSchema returns the sorted values that the schema allows, by table and
// column.
func statesOfSchema(t *testing.T) map[string][]string {
	t.Helper()
	schema, err := os.ReadFile("schema/sqlite.sql")
	if err != nil {
		t.Fatal(err)
	}

	states, table := map[string][]string{}, ""
	for line := range strings.Lines(string(schema)) {
		if match := tableStart.FindStringSubmatch(line); match != nil {
			table = match[1]
		}
		if match := stateCheck.FindStringSubmatch(line); match != nil && strings.Contains(match[2], "'") {
			values := strings.Split(strings.ReplaceAll(match[2], "'", ""), ", ")
			slices.Sort(values)
			states[table+"."+match[1]] = values
		}
	}

	return states
}

// statesOfPage returns the sorted states that the page describes, by table and column,
// and the functions that write them.
func statesOfPage(t *testing.T) (states map[string][]string, functions []string) {
	t.Helper()
	page, err := os.ReadFile("../../docs/states.md")
	if err != nil {
		t.Fatal(err)
	}

	states, column := map[string][]string{}, ""
	for line := range strings.Lines(string(page)) {
		line = strings.TrimSuffix(line, "\n")
		if strings.HasPrefix(line, "## ") {
			column = ""
		}
		if match := stateColumn.FindStringSubmatch(line); match != nil {
			column = match[1]
		}

		match := stateRow.FindStringSubmatch(line)
		if match == nil || column == "" {
			continue
		}

		states[column] = append(states[column], match[1])
		for _, name := range functionName.FindAllStringSubmatch(match[2], -1) {
			functions = append(functions, name[1])
		}
	}

	for _, list := range states {
		slices.Sort(list)
	}
	return states, functions
}

// sourceOf returns the Go files of folders.
func sourceOf(t *testing.T, folders ...string) string {
	t.Helper()
	var source strings.Builder
	for _, folder := range folders {
		names, err := filepath.Glob(folder + "/*.go")
		if err != nil || len(names) == 0 {
			t.Fatal(folder, err)
		}

		for _, name := range names {
			text, err := os.ReadFile(name)
			if err != nil {
				t.Fatal(err)
			}
			source.Write(text)
		}
	}

	return source.String()
}
