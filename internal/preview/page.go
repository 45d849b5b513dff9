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
	return "<!-- lockstep:preview " + marked(p.LinkID) + " " + marked(p.Branch) + " -->"
}

// Markdown gives the comment's text, in at most so many bytes: whole rows are
// left out, and it says how many. Less than two thousand bytes are not enough for
// that. The same page always gives the same text.
func (p Comment) Markdown(most int) string {
	stacks := slices.Clone(p.Stacks)
	slices.SortFunc(stacks, func(a, b Stack) int {
		return cmp.Or(cmp.Compare(a.urgency(), b.urgency()), strings.Compare(a.Resource.Name, b.Resource.Name),
			strings.Compare(string(a.Resource.Account), string(b.Resource.Account)), strings.Compare(a.Resource.Region, b.Resource.Region))
	})
	s := sheet{left: most - ending}
	s.add(p.heading())

	if len(stacks) == 0 {
		s.add("No stack would change.\n")
		return s.String()
	}

	s.overview(stacks, most*2/3)
	s.details(stacks)
	return s.String()
}

func (p Comment) heading() string {
	text := p.Marker() + "\n### What merging this would change\n\n" +
		"Planned by Lockstep for commit " + code(p.Head.Short(), maxName) + " as it is, into branch " + code(p.Branch, maxName) + ". Nothing was executed.\n"
	if p.Fork {
		text += "It comes from a fork: the deployment files are those of the branch, and no values are shown.\n"
	}
	return text + "\n"
}

// urgency is the order of stacks: what needs a person first.
func (s Stack) urgency() int {
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
type sheet struct {
	strings.Builder
	left int
}

func (s *sheet) add(text string) bool {
	if len(text) > s.left {
		return false
	}
	s.left -= len(text)
	s.WriteString(text)
	return true
}

// say writes what is told in any case: there is room for it.
func (s *sheet) say(format string, args ...any) { fmt.Fprintf(&s.Builder, format, args...) }

// overview is a row a stack, in at most so many bytes.
func (s *sheet) overview(stacks []Stack, most int) {
	kept := s.left - min(most, s.left)
	s.left -= kept
	s.add("| Stack | Account and region | What would change |\n| --- | --- | --- |\n")
	n := 0
	for _, stack := range stacks {
		if !s.add(fmt.Sprintf("| %s | %s %s | %s |\n", code(stack.Resource.Name, maxName), code(string(stack.Resource.Account), maxName),
			code(stack.Resource.Region, maxName), stack.inShort(code))) {
			break
		}
		n++
	}

	if n < len(stacks) {
		s.say("\n%d more stacks are left out: the comment would be longer than the Git host allows.\n", len(stacks)-n)
	}

	s.say("\n")
	s.left += kept
}

// inShort tells of a stack in a few words.
func (s Stack) inShort(code func(string, int) string) string {
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
	return counts(s.Plan)
}

// counts says how many resources would be what.
func counts(p *lockstep.Plan) string {
	n := map[string]int{}
	for _, c := range p.Changes {
		n[verb(c)]++
	}

	var parts []string
	for _, v := range verbs {
		if n[v.verb] > 0 {
			parts = append(parts, fmt.Sprintf("%d %s", n[v.verb], v.done))
		}
	}

	for _, list := range []struct {
		what  string
		count int
	}{{"parameter", len(p.Parameters)}, {"tag", len(p.Tags)}} {
		switch list.count {
		case 0:
		case 1:
			parts = append(parts, "1 "+list.what)
		default:
			parts = append(parts, fmt.Sprintf("%d %ss", list.count, list.what))
		}
	}

	if p.Truncated {
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

func verb(c lockstep.ProposedChange) string {
	switch c.Action {
	case "Add":
		return "add"
	case "Remove":
		return "delete"
	case "Import":
		return "import"
	case "Modify", "Dynamic":
		switch c.Replacement {
		case "True":
			return "replace"
		case "Conditional":
			return "perhaps replace"
		}
		return "modify"
	}

	return "other"
}
