package preview

import (
	"cmp"
	"fmt"
	"slices"
	"strings"

	"github.com/lockstephq/lockstep"
)

// minDetails is the minimum size of a stack's details, in bytes, as long as there
// is room.
const minDetails = 2000

// details adds a section for each stack, within its share of the remaining size. With HTML it
// is folded.
func (s *boundedText) details(stacks []Stack, html bool) {
	stacks = slices.DeleteFunc(slices.Clone(stacks),
		func(stack Stack) bool { return stack.Problem == "" && stack.Plan == nil })
	omitted := 0
	for i, stack := range stacks {
		share := min(s.remaining, max(minDetails, s.remaining/(len(stacks)-i)))
		text, ok := stack.details(share, html)
		if !ok || !s.add(text) {
			omitted++
		}
	}

	switch omitted {
	case 0:
	case 1:
		s.printf("Details of 1 stack are omitted because of the Git host's size limit for comments.\n")
	default:
		s.printf("Details of %d stacks are omitted because of the Git host's size limit for comments.\n", omitted)
	}
}

// details returns a stack's section within a size in bytes. It reports false if not
// even a part fits.
func (s Stack) details(limit int, html bool) (string, bool) {
	end := "\n"
	if html {
		end = "\n</details>\n\n"
	}

	const reserved = 200 // for the note about omissions
	section := boundedText{remaining: limit - len(end) - reserved}
	summary := "planning failed"
	if s.Blocked {
		summary = "sync would be blocked"
	}

	if s.Problem == "" {
		summary = summarizePlan(s.Plan)
	}

	title := fmt.Sprintf("#### %s: %s\n", codeSpan(s.Resource.Name, maxName), summary)
	if html {
		title = fmt.Sprintf("<details><summary>%s: %s</summary>\n", htmlCode(s.Resource.Name, maxName), summary)
	}
	if !section.add(title) {
		return "", false
	}

	if s.Problem != "" {
		ok := section.add("\n" + codeSpan(s.Problem, maxProblem) + "\n")
		section.WriteString(end)
		return section.String(), ok
	}

	total := [3]int{len(s.Plan.Changes), len(s.Plan.Parameters), len(s.Plan.Tags)}
	shown := [3]int{
		section.table("\n| Action | Resource | Type | Properties |\n| --- | --- | --- | --- |\n",
			rows(sortedChanges(s.Plan.Changes), changeRow)),
		section.table("\n| Parameter | Before | After |\n| --- | --- | --- |\n", rows(s.Plan.Parameters, valueRow)),
		section.table("\n| Tag | Before | After |\n| --- | --- | --- |\n", rows(s.Plan.Tags, valueRow)),
	}
	if shown != total {
		section.printf("\nOmitted: %d resources, %d parameters, %d tags.\n", total[0]-shown[0], total[1]-shown[1],
			total[2]-shown[2])
	}

	if s.Plan.Truncated {
		section.printf("\nThe change set contains more changes than Lockstep stores.\n")
	}

	section.WriteString(end)
	return section.String(), shown != [3]int{} || total == [3]int{}
}

// table adds as many rows as fit and returns how many.
func (s *boundedText) table(head string, rows []string) int {
	if len(rows) == 0 || !s.add(head+rows[0]) {
		return 0
	}
	for i, row := range rows[1:] {
		if !s.add(row) {
			return i + 1
		}
	}
	return len(rows)
}

func rows[T any](list []T, row func(T) string) []string {
	texts := make([]string, len(list))
	for i, one := range list {
		texts[i] = row(one)
	}
	return texts
}

// sortedChanges returns the most severe changes first, and equal ones by logical id, so
// that the text is deterministic.
func sortedChanges(changes []lockstep.ProposedChange) []lockstep.ProposedChange {
	rank := map[string]int{}
	for i, known := range verbs {
		rank[known.verb] = i
	}

	changes = slices.Clone(changes)
	slices.SortStableFunc(changes, func(a, b lockstep.ProposedChange) int {
		return cmp.Or(
			cmp.Compare(rank[changeVerb(a)], rank[changeVerb(b)]),
			strings.Compare(a.LogicalID, b.LogicalID),
		)
	})

	return changes
}

func changeRow(c lockstep.ProposedChange) string {
	return fmt.Sprintf("| %s | %s | %s | %s |\n", changeVerb(c), codeSpan(c.LogicalID, maxName),
		codeSpan(c.ResourceType, maxName), reasons(c))
}

// reasons returns the names of the properties that change.
func reasons(change lockstep.ProposedChange) string {
	names := map[string]bool{}
	for _, detail := range change.Details {
		switch {
		case detail.Name != "":
			names[detail.Name] = true
		case detail.Attribute != "":
			names[detail.Attribute] = true
		}
	}

	if len(names) == 0 {
		for _, scope := range change.Scope {
			names[scope] = true
		}
	}

	var list []string
	for name := range names {
		list = append(list, name)
	}

	slices.Sort(list)
	more := ""
	if n := len(list) - maxNames; n > 0 {
		list, more = list[:maxNames], fmt.Sprintf(" and %d more", n)
	}

	for i, name := range list {
		list[i] = codeSpan(name, maxName)
	}

	return strings.Join(list, ", ") + more
}

func valueRow(value lockstep.ValueChange) string {
	if value.Masked {
		return fmt.Sprintf("| %s | *hidden* | *hidden* |\n", codeSpan(value.Name, maxName))
	}
	return fmt.Sprintf("| %s | %s | %s |\n", codeSpan(value.Name, maxName), codeSpan(value.Before, maxValue),
		codeSpan(value.After, maxValue))
}
