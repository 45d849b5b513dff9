package lockstep_test

import (
	"os"
	"regexp"
	"slices"
	"strings"
	"testing"
)

// A requirement of go.mod.
type requirement struct {
	path   string
	direct bool // without the comment "// indirect"
}

// readGoMod returns the requirements of go.mod, and its tools as packages.
func readGoMod(t *testing.T) (required []requirement, tools []string) {
	t.Helper()
	text, err := os.ReadFile("go.mod")
	if err != nil {
		t.Fatal(err)
	}

	block := ""
	for line := range strings.Lines(string(text)) {
		words := strings.Fields(line)
		switch {
		case len(words) == 0:
		case words[0] == ")":
			block = ""
		case len(words) == 2 && words[1] == "(":
			block = words[0]
		case block == "require" || words[0] == "require":
			words = slices.DeleteFunc(words, func(w string) bool { return w == "require" })
			required = append(required, requirement{words[0], !strings.Contains(line, "// indirect")})
		case block == "tool" || words[0] == "tool":
			tools = append(tools, words[len(words)-1])
		}
	}

	return required, tools
}

// moduleOfPackage returns the module that an external package belongs to.
func moduleOfPackage(required []requirement, pkg string) string {
	longest := ""
	for _, r := range required {
		if strings.HasPrefix(pkg+"/", r.path+"/") && len(r.path) > len(longest) {
			longest = r.path
		}
	}
	return longest
}

// documentedModules returns the first cells of the tables in docs/dependencies.md.
func documentedModules(t *testing.T) []string {
	t.Helper()
	text, err := os.ReadFile("docs/dependencies.md")
	if err != nil {
		t.Fatal(err)
	}
	var modules []string
	listed := regexp.MustCompile("(?m)^\\| `([^`]+)` \\| [^|]{10,} \\|$")
	for _, row := range listed.FindAllStringSubmatch(string(text), -1) {
		modules = append(modules, row[1])
	}
	return modules
}

func TestEveryDependencyHasAReason(t *testing.T) {
	documented := documentedModules(t)
	required, tools := readGoMod(t)
	used := map[string]string{}
	for _, r := range required {
		if r.direct {
			used[r.path] = "go.mod requires it"
		}
	}

	for _, tool := range tools {
		used[moduleOfPackage(required, tool)] = "go.mod has it as a tool"
	}

	for _, s := range sources(t) {
		for _, p := range s.imports(t) {
			if _, ours := packageOf(p); !ours && strings.Contains(strings.Split(p, "/")[0], ".") {
				used[moduleOfPackage(required, p)] = s.path + " imports " + p
			}
		}
	}

	for path, how := range used {
		if !slices.Contains(documented, path) {
			t.Errorf("docs/dependencies.md has no line for %q: %s", path, how)
		}
	}

	for _, path := range documented {
		if used[path] == "" {
			t.Errorf("docs/dependencies.md has a line for %s, which is not used", path)
		}
	}
}
