package lockstep_test

import (
	"cmp"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"io"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	gocmp "github.com/google/go-cmp/cmp"
)

var update = flag.Bool("update", false, "rewrite the files that tests in this package generate")

const noticesHeader = `Third-party notices

Lockstep is licensed under the Apache License 2.0 (LICENSE). Its binary contains
the modules below. "go test . -run Notices -update" writes this file from go.mod.
`

// TestNoticesListEveryModuleInTheBinary compares THIRD_PARTY_NOTICES with the
// modules that the released binaries are built from.
func TestNoticesListEveryModuleInTheBinary(t *testing.T) {
	want := notices(t, linkedModules(t))
	if *update {
		if err := os.WriteFile("THIRD_PARTY_NOTICES", []byte(want), 0o644); err != nil {
			t.Fatal(err)
		}
	}

	got, err := os.ReadFile("THIRD_PARTY_NOTICES")
	if err != nil {
		t.Fatal(err)
	}

	if diff := gocmp.Diff(want, string(got)); diff != "" {
		t.Errorf("THIRD_PARTY_NOTICES is out of date; run go test . -run Notices -update (-want +got):\n%s", diff)
	}
}

// A linkedModule is a module of which the binary contains at least one package.
type linkedModule struct {
	Path    string
	Version string
	Dir     string
}

// linkedModules returns the modules in the binary, for every system that a
// release is built for, sorted by path.
func linkedModules(t *testing.T) []linkedModule {
	t.Helper()
	found := map[string]linkedModule{}
	for _, system := range []string{"linux", "darwin"} {
		list := exec.CommandContext(t.Context(), "go", "list", "-deps", "-json=Module", "./cmd/lockstep")
		list.Env = append(os.Environ(), "GOOS="+system, "CGO_ENABLED=0")
		list.Stderr = os.Stderr
		output, err := list.Output()
		if err != nil {
			t.Fatalf("list the packages of the binary for %s: %v", system, err)
		}

		decoder := json.NewDecoder(strings.NewReader(string(output)))
		for {
			var dependency struct{ Module *linkedModule }
			if err := decoder.Decode(&dependency); errors.Is(err, io.EOF) {
				break
			} else if err != nil {
				t.Fatal(err)
			}

			if m := dependency.Module; m != nil && m.Path != module {
				found[m.Path] = *m
			}
		}
	}

	var all []linkedModule
	for _, m := range found {
		all = append(all, m)
	}
	slices.SortFunc(all, func(a, b linkedModule) int { return cmp.Compare(a.Path, b.Path) })

	return all
}

// notices returns the text of THIRD_PARTY_NOTICES. Modules with the same license
// text share one section.
func notices(t *testing.T, modules []linkedModule) string {
	t.Helper()
	var texts []string
	sections := map[string][]linkedModule{}
	for _, m := range modules {
		text := licenseText(t, m)
		if sections[text] == nil {
			texts = append(texts, text)
		}
		sections[text] = append(sections[text], m)
	}

	var b strings.Builder
	b.WriteString(noticesHeader)
	for _, text := range texts {
		b.WriteString("\n" + strings.Repeat("=", 80) + "\n")
		for _, m := range sections[text] {
			fmt.Fprintf(&b, "%s %s (source: https://pkg.go.dev/%s@%s)\n", m.Path, m.Version, m.Path, m.Version)
		}
		b.WriteString(strings.Repeat("-", 80) + "\n" + text)
	}

	return b.String()
}

var licenseName = regexp.MustCompile(`(?i)^(licen[cs]e|copying|notice)`)

// licenseText returns the license and notice files at the root of a module.
func licenseText(t *testing.T, m linkedModule) string {
	t.Helper()
	var b strings.Builder
	entries, err := fs.ReadDir(os.DirFS(m.Dir), ".")
	if err != nil {
		t.Fatal(err)
	}

	for _, entry := range entries {
		if entry.IsDir() || !licenseName.MatchString(entry.Name()) {
			continue
		}
		content, err := os.ReadFile(filepath.Join(m.Dir, entry.Name()))
		if err != nil {
			t.Fatal(err)
		}
		b.WriteString(strings.TrimSpace(strings.ReplaceAll(string(content), "\r\n", "\n")) + "\n")
	}

	if b.Len() == 0 {
		t.Errorf("%s has no license file", m.Path)
	}

	return b.String()
}
