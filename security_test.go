package lockstep_test

import (
	"go/ast"
	"os"
	"regexp"
	"slices"
	"strings"
	"testing"
)

// namedTest matches a test that SECURITY.md names. An ellipsis stands for the rest
// of the name.
var namedTest = regexp.MustCompile(`\b((?:Test|Fuzz)[A-Z]\w+)(…?)`)

func TestSecurityNamesTestsThatExist(t *testing.T) {
	page, err := os.ReadFile("SECURITY.md")
	if err != nil {
		t.Fatal(err)
	}

	var tests []string
	for _, s := range sources(t) {
		for _, declaration := range s.file.Decls {
			if function, ok := declaration.(*ast.FuncDecl); ok && s.test {
				tests = append(tests, function.Name.Name)
			}
		}
	}

	for _, match := range namedTest.FindAllStringSubmatch(string(page), -1) {
		name, abbreviated := match[1], match[2] != ""
		found := slices.ContainsFunc(tests, func(test string) bool {
			return test == name || abbreviated && strings.HasPrefix(test, name)
		})
		if !found {
			t.Errorf("SECURITY.md names %s, which does not exist", match[0])
		}
	}
}
