package lockstep_test

import (
	"go/ast"
	"os"
	"regexp"
	"testing"
)

// walkStep matches the place that a row of docs/walk.md names: a file and a
// function or method in it.
var walkStep = regexp.MustCompile("\\| `([a-z0-9_/]+\\.go)` `(\\w+)` \\|")

func TestWalkNamesFunctionsThatExist(t *testing.T) {
	page, err := os.ReadFile("docs/walk.md")
	if err != nil {
		t.Fatal(err)
	}

	functions := map[string]bool{}
	for _, s := range sources(t) {
		for _, declaration := range s.file.Decls {
			if function, ok := declaration.(*ast.FuncDecl); ok {
				functions[s.path+" "+function.Name.Name] = true
			}
		}
	}

	steps := walkStep.FindAllStringSubmatch(string(page), -1)
	if len(steps) < 20 {
		t.Fatalf("docs/walk.md has %d steps with a file and a function, want at least 20", len(steps))
	}
	for _, step := range steps {
		if file, function := step[1], step[2]; !functions[file+" "+function] {
			t.Errorf("docs/walk.md: %s has no function %s", file, function)
		}
	}
}
