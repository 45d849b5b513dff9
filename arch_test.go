package lockstep_test

import (
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
)

const module = "github.com/lockstephq/lockstep"

// isTestSupport reports whether a package exists for the tests of others. Only
// tests and such packages may import it.
func isTestSupport(name string) bool {
	return strings.HasSuffix(name, "test") || name == "e2e" || name == "interop" || name == "bench"
}

// Limits of size. Something longer is usually two things.
const (
	maxFileLines     = 600
	maxFunctionLines = 80
	maxPackageLines  = 3000 // without tests
)

// A source is a Go file of the module.
type source struct {
	path  string // with slashes, from the root
	pkg   string
	test  bool
	lines int
	file  *ast.File
	fset  *token.FileSet
}

// sources parses all Go files of the module. It does not ask the go command: the
// test cache tracks the files that a test opens, so a cached result is never stale.
func sources(t *testing.T) []source {
	t.Helper()
	var all []source
	err := filepath.WalkDir(".", func(name string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}

		if d.IsDir() {
			if name != "." && strings.ContainsAny(d.Name()[:1], "._") || d.Name() == "testdata" {
				return filepath.SkipDir
			}
			return nil
		}

		if !strings.HasSuffix(name, ".go") {
			return nil
		}

		text, err := os.ReadFile(name)
		if err != nil {
			return err
		}

		fset := token.NewFileSet()
		f, err := parser.ParseFile(fset, name, text, parser.ParseComments|parser.SkipObjectResolution)
		if err != nil {
			return err
		}

		slashed := filepath.ToSlash(name)
		all = append(all, source{
			path: slashed, pkg: path.Dir(slashed), test: strings.HasSuffix(name, "_test.go"),
			lines: strings.Count(string(text), "\n"), file: f, fset: fset,
		})
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}

	return all
}

// imports returns the import paths of a file.
func (s source) imports(t *testing.T) []string {
	t.Helper()
	var paths []string
	for _, spec := range s.file.Imports {
		p, err := strconv.Unquote(spec.Path.Value)
		if err != nil {
			t.Fatal(err)
		}
		paths = append(paths, p)
	}
	return paths
}

// packageOf returns the name of a package of this module by its import path, and
// false for an external one.
func packageOf(importPath string) (string, bool) {
	if importPath == module {
		return ".", true
	}
	return strings.CutPrefix(importPath, module+"/")
}

func TestLayoutListsEveryPackage(t *testing.T) {
	there := map[string]bool{}
	for _, s := range sources(t) {
		there[s.pkg] = true
	}

	packages := layout()
	for name := range there {
		if _, ok := packages[name]; !ok {
			t.Errorf("%s: new package: add it to layout() with what it may import", name)
		}
	}

	for name := range packages {
		if !there[name] {
			t.Errorf("layout() lists %s, which does not exist", name)
		}
	}
}

func TestPackagesImportOnlyWhatTheLayoutAllows(t *testing.T) {
	packages := layout()
	for _, s := range sources(t) {
		allowed := fullNames(packages[s.pkg].imports)
		if s.test {
			allowed = append(reachable(packages, s.pkg), fullNames(packages[s.pkg].tests)...)
		}

		for _, p := range s.imports(t) {
			dep, ours := packageOf(p)
			if !ours || slices.Contains(allowed, dep) || isTestSupport(dep) && (s.test || isTestSupport(s.pkg)) {
				continue
			}

			t.Errorf("%s: %s may not import %s", s.path, s.pkg, dep)
		}
	}
}

// fullNames returns the packages of a list in the layout, with internal/ before
// their names.
func fullNames(list string) []string {
	names := strings.Fields(list)
	for i, name := range names {
		if name != "." {
			names[i] = "internal/" + name
		}
	}
	return names
}

// reachable returns a package and every package that it imports, directly or not.
func reachable(packages map[string]layoutEntry, name string) []string {
	reached := []string{name}
	for i := 0; i < len(reached); i++ {
		for _, dep := range fullNames(packages[reached[i]].imports) {
			if !slices.Contains(reached, dep) {
				reached = append(reached, dep)
			}
		}
	}
	return reached
}

func TestRestrictedImportsStayWhereTheyBelong(t *testing.T) {
	for _, s := range sources(t) {
		if s.test || isTestSupport(s.pkg) {
			continue
		}

		for _, p := range s.imports(t) {
			for prefix, allowed := range restrictedImports() {
				if strings.HasPrefix(p, prefix) && !slices.Contains(strings.Fields(allowed), s.pkg) {
					t.Errorf("%s: only %s may import %s", s.path, allowed, p)
				}
			}

			if _, ours := packageOf(p); s.pkg == "." && (ours || strings.Contains(p, ".")) {
				t.Errorf("%s: the root package may import the standard library only, not %s", s.path, p)
			}
		}
	}
}

func TestEveryPackageHasAComment(t *testing.T) {
	documented, hasCode := map[string]bool{}, map[string]bool{}
	all := sources(t)
	for _, s := range all {
		hasCode[s.pkg] = hasCode[s.pkg] || !s.test
	}

	for _, s := range all {
		counts := !s.test || !hasCode[s.pkg] // a package of tests alone has it there
		documented[s.pkg] = documented[s.pkg] || counts && s.file.Doc != nil
	}

	for name, ok := range documented {
		if !ok {
			t.Errorf("%s: no package comment", name)
		}
	}
}

func TestArchitectureHasARowForEveryPackage(t *testing.T) {
	text, err := os.ReadFile("ARCHITECTURE.md")
	if err != nil {
		t.Fatal(err)
	}

	for name := range layout() {
		if strings.Count(name, "/") > 1 {
			continue // described in the comment of the package above it
		}
		if !strings.Contains(string(text), "\n| `"+name+"` | ") {
			t.Errorf("ARCHITECTURE.md has no row for %s", name)
		}
	}
}

func TestNamesDescribeTheContent(t *testing.T) {
	empty := []string{
		"util", "utils", "common", "helper", "helpers", "misc", "shared", "types", "models", "base",
		"interfaces", "constants",
	}
	for _, s := range sources(t) {
		if name := s.file.Name.Name; slices.Contains(empty, strings.TrimSuffix(name, "_test")) {
			t.Errorf("%s: package name %s does not say what it provides", s.path, name)
		}

		name := strings.TrimSuffix(strings.TrimSuffix(path.Base(s.path), ".go"), "_test")
		if slices.Contains(empty, name) {
			t.Errorf("%s: file name %s does not say what is in it", s.path, name)
		}
	}
}

func TestFilesAndFunctionsAreShort(t *testing.T) {
	for _, s := range sources(t) {
		if s.lines > maxFileLines {
			t.Errorf("%s: %d lines, at most %d", s.path, s.lines, maxFileLines)
		}

		for _, decl := range s.file.Decls {
			f, ok := decl.(*ast.FuncDecl)
			if !ok {
				continue
			}

			lines := s.fset.Position(f.End()).Line - s.fset.Position(f.Pos()).Line + 1
			if lines > maxFunctionLines && !s.test {
				t.Errorf("%s: %s has %d lines, at most %d", s.path, f.Name.Name, lines, maxFunctionLines)
			}
		}
	}
}

func TestPackagesAreSmall(t *testing.T) {
	lines := map[string]int{}
	for _, s := range sources(t) {
		if !s.test {
			lines[s.pkg] += s.lines
		}
	}

	for name, n := range lines {
		if n > maxPackageLines {
			t.Errorf("%s: %d lines, at most %d: split it along its seams", name, n, maxPackageLines)
		}
	}
}

func TestNoPackageHasAnInitFunction(t *testing.T) {
	for _, s := range sources(t) {
		for _, decl := range s.file.Decls {
			if f, ok := decl.(*ast.FuncDecl); ok && f.Recv == nil && f.Name.Name == "init" {
				t.Errorf("%s: has an init function; use a constructor, and list drivers in "+
					"internal/server/drivers.go", s.path)
			}
		}
	}
}
