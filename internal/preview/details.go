package preview

import (
	"fmt"
	"slices"
	"strings"

	"github.com/lockstephq/lockstep"
)

// minDetails is what a stack may take at least, where there is as much.
const minDetails = 2000

// details is a folded part a stack, each of its share of what is left.
func (s *boundedText) details(stacks []Stack) {
	stacks = slices.DeleteFunc(slices.Clone(stacks), func(stack Stack) bool { return stack.Problem == "" && stack.Plan == nil })
	left := 0
	for i, stack := range stacks {
		share := min(s.remaining, max(minDetails, s.remaining/(len(stacks)-i)))
		text, ok := stack.details(share)
		if !ok || !s.add(text) {
			left++
		}
	}

	switch left {
	case 0:
	case 1:
		s.printf("The details of 1 stack are left out: the comment would be longer than the Git host allows.\n")
	default:
		s.printf("The details of %d stacks are left out: the comment would be longer than the Git host allows.\n", left)
	}
}

// details tells all of a stack, in at most so many bytes; false where that is too
// little for anything.
func (s Stack) details(most int) (string, bool) {
	const end = "\n</details>\n\n"
	const room = 200 // for the words about what is left out
	b := boundedText{remaining: most - len(end) - room}
	short := "cannot be planned"
	if s.Blocked {
		short = "a sync would be blocked"
	}

	if s.Problem == "" {
		short = summarizePlan(s.Plan)
	}

	if !b.add(fmt.Sprintf("<details><summary>%s: %s</summary>\n", htmlCode(s.Resource.Name, maxName), short)) {
		return "", false
	}

	if s.Problem != "" {
		ok := b.add("\n" + codeSpan(s.Problem, maxProblem) + "\n")
		b.printf(end)
		return b.String(), ok
	}

	wanted := [3]int{len(s.Plan.Changes), len(s.Plan.Parameters), len(s.Plan.Tags)}
	told := [3]int{
		b.table("\n| | Resource | Type | What of it |\n| --- | --- | --- | --- |\n", rows(inOrder(s.Plan.Changes), changeRow)),
		b.table("\n| Parameter | Before | After |\n| --- | --- | --- |\n", rows(s.Plan.Parameters, valueRow)),
		b.table("\n| Tag | Before | After |\n| --- | --- | --- |\n", rows(s.Plan.Tags, valueRow)),
	}
	if told != wanted {
		b.printf("\nLeft out here: %d resources, %d parameters, %d tags.\n", wanted[0]-told[0], wanted[1]-told[1], wanted[2]-told[2])
	}

	if s.Plan.Truncated {
		b.printf("\nThe change set holds more than Lockstep keeps.\n")
	}

	b.printf(end)
	return b.String(), told != [3]int{} || wanted == [3]int{}
}

// table adds as many rows as fit and says how many.
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

// inOrder puts the gravest changes first; among equals the target's order stays
// aside, so that the same changes always give the same text.
func inOrder(changes []lockstep.ProposedChange) []lockstep.ProposedChange {
	rank := map[string]int{}
	for i, v := range verbs {
		rank[v.verb] = i
	}

	changes = slices.Clone(changes)
	slices.SortStableFunc(changes, func(change, b lockstep.ProposedChange) int {
		if d := rank[verb(change)] - rank[verb(b)]; d != 0 {
			return d
		}
		return strings.Compare(change.LogicalID, b.LogicalID)
	})

	return changes
}

func changeRow(c lockstep.ProposedChange) string {
	return fmt.Sprintf("| %s | %s | %s | %s |\n", verb(c), codeSpan(c.LogicalID, maxName), codeSpan(c.ResourceType, maxName), reasons(c))
}

// reasons names what of a resource changes.
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
		return fmt.Sprintf("| %s | *not shown* | *not shown* |\n", codeSpan(value.Name, maxName))
	}
	return fmt.Sprintf("| %s | %s | %s |\n", codeSpan(value.Name, maxName), codeSpan(value.Before, maxValue), codeSpan(value.After, maxValue))
}
