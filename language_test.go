package lockstep_test

import (
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

// archaic matches words that comments and pages of this repository do not use.
// The names of things are in docs/glossary.md.
var archaic = regexp.MustCompile(`(?i)\b(whoever|whomever|nobody|somebody|anew|whereof|thereof|is said to|(is|are) ` +
	`told|tells|told|(is|are) asked)\b`)

func TestCommentsAreInPlainEnglish(t *testing.T) {
	for _, s := range sources(t) {
		if s.path == "language_test.go" {
			continue
		}
		for _, group := range s.file.Comments {
			for _, comment := range group.List {
				if word := archaic.FindString(comment.Text); word != "" {
					t.Errorf("%s: write this comment without %q", s.fset.Position(comment.Pos()), word)
				}
			}
		}
	}
}

// markdownPages returns the Markdown files outside of test data, by path.
func markdownPages(t *testing.T) map[string]string {
	t.Helper()
	pages := map[string]string{}
	err := filepath.WalkDir(".", func(name string, entry fs.DirEntry, err error) error {
		switch {
		case err != nil:
			return err
		case entry.IsDir() && name != "." && (strings.HasPrefix(entry.Name(), ".") || entry.Name() == "testdata"):
			return filepath.SkipDir
		case entry.IsDir() || !strings.HasSuffix(name, ".md"):
			return nil
		}

		text, err := os.ReadFile(name)
		pages[filepath.ToSlash(name)] = string(text)
		return err
	})
	if err != nil {
		t.Fatal(err)
	}

	return pages
}

func TestPagesAreInPlainEnglish(t *testing.T) {
	for name, text := range markdownPages(t) {
		for number, line := range strings.Split(text, "\n") {
			if word := archaic.FindString(line); word != "" {
				t.Errorf("%s:%d: write this line without %q", name, number+1, word)
			}
		}
	}
}

var (
	markdownLink = regexp.MustCompile(`\]\(([^)\s]+)\)`)
	heading      = regexp.MustCompile(`(?m)^#+ (.+)$`)
	notInAnchor  = regexp.MustCompile(`[^\p{L}\p{N} _-]`)
)

// anchors returns the fragments by which the headings of a page are linked to, as
// Git hosts derive them.
func anchors(page string) map[string]bool {
	found := map[string]bool{}
	for _, match := range heading.FindAllStringSubmatch(page, -1) {
		anchor := notInAnchor.ReplaceAllString(strings.ToLower(match[1]), "")
		found[strings.ReplaceAll(anchor, " ", "-")] = true
	}
	return found
}

func TestLinksBetweenPagesLeadSomewhere(t *testing.T) {
	pages := markdownPages(t)
	for name, text := range pages {
		for _, match := range markdownLink.FindAllStringSubmatch(text, -1) {
			target, fragment, _ := strings.Cut(match[1], "#")
			if strings.Contains(target, "://") {
				continue
			}

			file := name
			if target != "" {
				file = path.Join(path.Dir(name), target)
			}
			if _, err := os.Stat(file); err != nil {
				t.Errorf("%s links to %s, which does not exist", name, match[1])
			} else if fragment != "" && !anchors(pages[file])[fragment] {
				t.Errorf("%s links to %s, but %s has no such heading", name, match[1], file)
			}
		}
	}
}
