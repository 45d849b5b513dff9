package preview

import (
	"cmp"
	"fmt"
	"slices"
	"strings"

	"github.com/lockstephq/lockstep"
)

// A Comment is the content of the comment on a pull request: the affected stacks of
// one link and branch.
type Comment struct {
	LinkID string
	Branch string       // the target branch
	Head   lockstep.SHA // of the pull request
	Fork   bool
	Stacks []Stack
	// HTML is true if the Git host renders HTML. Defaults to Markdown alone.
	HTML bool
}

// A Stack is the preview of one stack.
type Stack struct {
	Resource lockstep.Resource
	Pending  bool // the preview is unfinished
	Result
}

const (
	maxName    = 128 // bytes of a name in a row
	maxShort   = 160 // of a problem in the overview
	maxProblem = 2000
	maxValue   = 120
	maxNames   = 8 // properties in a row

	// omissionReserve is reserved for notes about omissions.
	omissionReserve = 400
)

// Marker returns the line by which the comment is found. It is unique to the link
// and branch. Without HTML it is the definition of a link that nothing refers to, which is
// not shown either.
func (p Comment) Marker() string {
	name := "lockstep:preview " + escapeMarker(p.LinkID) + " " + escapeMarker(p.Branch)
	if p.HTML {
		return "<!-- " + name + " -->"
	}
	return "[" + name + "]: #"
}

// Markdown returns the text of the comment within a size in bytes, at least two
// thousand. Whole rows are omitted, with a note of how many. The text is
// deterministic.
func (p Comment) Markdown(limit int) string {
	stacks := slices.Clone(p.Stacks)
	slices.SortFunc(stacks, func(a, b Stack) int {
		return cmp.Or(cmp.Compare(a.rank(), b.rank()), strings.Compare(a.Resource.Name, b.Resource.Name),
			strings.Compare(string(a.Resource.Account),
				string(b.Resource.Account)), strings.Compare(a.Resource.Region, b.Resource.Region))
	})
	text := boundedText{remaining: limit - omissionReserve}
	text.add(p.heading())

	if len(stacks) == 0 {
		text.add("No stack changes.\n")
		return text.String()
	}

	text.overview(stacks, limit*2/3)
	text.details(stacks, p.HTML)
	return text.String()
}

func (p Comment) heading() string {
	text := p.Marker() + "\n"
	if !p.HTML {
		text += "\n" // ends the definition
	}

	text += "### What merging this would change\n\n" +
		"Planned by Lockstep for commit " + codeSpan(p.Head.Short(),
		maxName) + " to be merged into branch " + codeSpan(p.Branch, maxName) + ". Nothing was executed.\n"
	if p.Fork {
		text += "This pull request is from a fork: deployment files are read from the branch, and values are hidden.\n"
	}
	return text + "\n"
}

// rank sorts stacks that need a person first.
func (s Stack) rank() int {
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

// A boundedText is a text of limited size. A part that does not fit is omitted.
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

// printf adds text in any case: there is room reserved for it.
func (s *boundedText) printf(format string, args ...any) { fmt.Fprintf(&s.Builder, format, args...) }

// overview adds a row for each stack, within a size in bytes.
func (s *boundedText) overview(stacks []Stack, limit int) {
	reserved := s.remaining - min(limit, s.remaining)
	s.remaining -= reserved
	s.add("| Stack | Account and region | Changes |\n| --- | --- | --- |\n")
	rows := 0
	for _, stack := range stacks {
		if !s.add(fmt.Sprintf("| %s | %s %s | %s |\n", codeSpan(stack.Resource.Name, maxName),
			codeSpan(string(stack.Resource.Account), maxName),
			codeSpan(stack.Resource.Region, maxName), stack.summary(codeSpan))) {
			break
		}
		rows++
	}

	if rows < len(stacks) {
		s.printf("\n%d more stacks are omitted because of the Git host's size limit for comments.\n",
			len(stacks)-rows)
	}

	s.printf("\n")
	s.remaining += reserved
}

// summary returns a few words about a stack.
func (s Stack) summary(code func(string, int) string) string {
	switch {
	case s.Pending:
		return "planning in progress"
	case s.Blocked:
		return "sync would be blocked: " + code(s.Problem, maxShort)
	case s.Problem != "":
		return "planning failed: " + code(s.Problem, maxShort)
	case s.Plan == nil:
		return "no changes"
	}
	return summarizePlan(s.Plan)
}

// summarizePlan returns how many resources would change in which way.
func summarizePlan(plan *lockstep.Plan) string {
	count := map[string]int{}
	for _, c := range plan.Changes {
		count[changeVerb(c)]++
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
		return "no resource changes"
	}

	return strings.Join(parts, ", ")
}

// verbs are the ways in which a resource changes, the most severe first.
var verbs = []struct{ verb, done string }{
	{"delete", "deleted"}, {"replace", "replaced"}, {"possibly replace", "possibly replaced"},
	{"modify", "modified"}, {"add", "added"}, {"import", "imported"}, {"other", "changed otherwise"},
}

func changeVerb(change lockstep.ProposedChange) string {
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
			return "possibly replace"
		}
		return "modify"
	}

	return "other"
}
