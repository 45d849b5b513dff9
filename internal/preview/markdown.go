package preview

import (
	"cmp"
	"fmt"
	"slices"
	"strings"

	"github.com/lockstephq/lockstep"
)

// A Page is what the comment on a pull request says: of all stacks that it
// concerns, for one link and branch.
type Comment struct {
	LinkID string
	Branch string       // that the pull request is for
	Head   lockstep.SHA // of the pull request
	Fork   bool
	Stacks []Stack
}

// A Stack is one of them.
type Stack struct {
	Resource lockstep.Resource
	Pending  bool // nothing is known yet
	Result
}

const (
	maxName    = 128 // bytes of a name that stands in a row
	maxShort   = 160 // of a problem, in the table of all stacks
	maxProblem = 2000
	maxValue   = 120
	maxNames   = 8 // of properties in a row

	// ending is kept for the words about what was left out.
	ending = 400
)

// Marker is by what the comment is found again. No other link or branch has it.
func (p Comment) Marker() string {
	return "<!-- lockstep:preview " + escapeMarker(p.LinkID) + " " + escapeMarker(p.Branch) + " -->"
}

// Markdown gives the comment's text, in at most so many bytes: whole rows are
// left out, and it says how many. Less than two thousand bytes are not enough for
// that. The same page always gives the same text.
func (p Comment) Markdown(most int) string {
	stacks := slices.Clone(p.Stacks)
	slices.SortFunc(stacks, func(a, b Stack) int {
		return cmp.Or(cmp.Compare(a.order(), b.order()), strings.Compare(a.Resource.Name, b.Resource.Name),
			strings.Compare(string(a.Resource.Account), string(b.Resource.Account)), strings.Compare(a.Resource.Region, b.Resource.Region))
	})
	sheet := boundedText{remaining: most - ending}
	sheet.add(p.heading())

	if len(stacks) == 0 {
		sheet.add("No stack would change.\n")
		return sheet.String()
	}

	sheet.overview(stacks, most*2/3)
	sheet.details(stacks)
	return sheet.String()
}

func (p Comment) heading() string {
	text := p.Marker() + "\n### What merging this would change\n\n" +
		"Planned by Lockstep for commit " + codeSpan(p.Head.Short(), maxName) + " as it is, into branch " + codeSpan(p.Branch, maxName) + ". Nothing was executed.\n"
	if p.Fork {
		text += "It comes from a fork: the deployment files are those of the branch, and no values are shown.\n"
	}
	return text + "\n"
}

// order is the order of stacks: what needs a person first.
func (s Stack) order() int {
	switch {
	case s.Problem != "":
		return 0
	case s.Plan != nil:
		return 1
	case s.Pending:
		return 2
	}
	return 3
}

// A sheet is a text with bounds. What does not fit is left out whole.
type boundedText struct {
	strings.Builder
	remaining int
}

func (s *boundedText) add(text string) bool {
	if len(text) > s.remaining {
		return false
	}
	s.remaining -= len(text)
	s.WriteString(text)
	return true
}

// printf writes what is told in any case: there is room for it.
func (s *boundedText) printf(format string, args ...any) { fmt.Fprintf(&s.Builder, format, args...) }

// overview is a row a stack, in at most so many bytes.
func (s *boundedText) overview(stacks []Stack, most int) {
	kept := s.remaining - min(most, s.remaining)
	s.remaining -= kept
	s.add("| Stack | Account and region | What would change |\n| --- | --- | --- |\n")
	rows := 0
	for _, stack := range stacks {
		if !s.add(fmt.Sprintf("| %s | %s %s | %s |\n", codeSpan(stack.Resource.Name, maxName), codeSpan(string(stack.Resource.Account), maxName),
			codeSpan(stack.Resource.Region, maxName), stack.summary(codeSpan))) {
			break
		}
		rows++
	}

	if rows < len(stacks) {
		s.printf("\n%d more stacks are left out: the comment would be longer than the Git host allows.\n", len(stacks)-rows)
	}

	s.printf("\n")
	s.remaining += kept
}

// summary tells of a stack in a few words.
func (s Stack) summary(code func(string, int) string) string {
	switch {
	case s.Pending:
		return "is being planned"
	case s.Blocked:
		return "a sync would be blocked: " + code(s.Problem, maxShort)
	case s.Problem != "":
		return "cannot be planned: " + code(s.Problem, maxShort)
	case s.Plan == nil:
		return "nothing"
	}
	return summarizePlan(s.Plan)
}

// summarizePlan says how many resources would be what.
func summarizePlan(plan *lockstep.Plan) string {
	count := map[string]int{}
	for _, c := range plan.Changes {
		count[verb(c)]++
	}

	var parts []string
	for _, v := range verbs {
		if count[v.verb] > 0 {
			parts = append(parts, fmt.Sprintf("%d %s", count[v.verb], v.done))
		}
	}

	for _, list := range []struct {
		what  string
		count int
	}{{"parameter", len(plan.Parameters)}, {"tag", len(plan.Tags)}} {
		switch list.count {
		case 0:
		case 1:
			parts = append(parts, "1 "+list.what)
		default:
			parts = append(parts, fmt.Sprintf("%d %ss", list.count, list.what))
		}
	}

	if plan.Truncated {
		parts = append(parts, "and more")
	}

	if len(parts) == 0 {
		return "nothing of its resources"
	}

	return strings.Join(parts, ", ")
}

// verbs are what becomes of a resource, the gravest first.
var verbs = []struct{ verb, done string }{
	{"delete", "deleted"}, {"replace", "replaced"}, {"perhaps replace", "perhaps replaced"},
	{"modify", "modified"}, {"add", "added"}, {"import", "imported"}, {"other", "otherwise changed"},
}

func verb(change lockstep.ProposedChange) string {
	switch change.Action {
	case "Add":
		return "add"
	case "Remove":
		return "delete"
	case "Import":
		return "import"
	case "Modify", "Dynamic":
		switch change.Replacement {
		case "True":
			return "replace"
		case "Conditional":
			return "perhaps replace"
		}
		return "modify"
	}

	return "other"
}
