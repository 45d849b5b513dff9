package preview

import (
	"fmt"
	"slices"
	"strings"

	"github.com/lockstephq/lockstep"
)

// leastDetails is what a stack may take at least, where there is as much.
const leastDetails = 2000

// details is a folded part a stack, each of its share of what is left.
func (s *sheet) details(stacks []Stack) {
	stacks = slices.DeleteFunc(slices.Clone(stacks), func(stack Stack) bool { return stack.Problem == "" && stack.Plan == nil })
	left := 0
	for i, stack := range stacks {
		share := min(s.left, max(leastDetails, s.left/(len(stacks)-i)))
		text, ok := stack.details(share)
		if !ok || !s.add(text) {
			left++
		}
	}

	switch left {
	case 0:
	case 1:
		s.say("The details of 1 stack are left out: the comment would be longer than the Git host allows.\n")
	default:
		s.say("The details of %d stacks are left out: the comment would be longer than the Git host allows.\n", left)
	}
}

// details tells all of a stack, in at most so many bytes; false where that is too
// little for anything.
func (s Stack) details(most int) (string, bool) {
	const end = "\n</details>\n\n"
	const room = 200 // for the words about what is left out
	b := sheet{left: most - len(end) - room}
	short := "cannot be planned"
	if s.Blocked {
		short = "a sync would be blocked"
	}

	if s.Problem == "" {
		short = counts(s.Plan)
	}

	if !b.add(fmt.Sprintf("<details><summary>%s: %s</summary>\n", htmlCode(s.Resource.Name, maxName), short)) {
		return "", false
	}

	if s.Problem != "" {
		ok := b.add("\n" + code(s.Problem, maxProblem) + "\n")
		b.say(end)
		return b.String(), ok
	}

	wanted := [3]int{len(s.Plan.Changes), len(s.Plan.Parameters), len(s.Plan.Tags)}
	told := [3]int{
		b.table("\n| | Resource | Type | What of it |\n| --- | --- | --- | --- |\n", rows(inOrder(s.Plan.Changes), changeRow)),
		b.table("\n| Parameter | Before | After |\n| --- | --- | --- |\n", rows(s.Plan.Parameters, valueRow)),
		b.table("\n| Tag | Before | After |\n| --- | --- | --- |\n", rows(s.Plan.Tags, valueRow)),
	}
	if told != wanted {
		b.say("\nLeft out here: %d resources, %d parameters, %d tags.\n", wanted[0]-told[0], wanted[1]-told[1], wanted[2]-told[2])
	}

	if s.Plan.Truncated {
		b.say("\nThe change set holds more than Lockstep keeps.\n")
	}

	b.say(end)
	return b.String(), told != [3]int{} || wanted == [3]int{}
}

// table adds as many rows as fit and says how many.
func (s *sheet) table(head string, rows []string) int {
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
	slices.SortStableFunc(changes, func(a, b lockstep.ProposedChange) int {
		if d := rank[verb(a)] - rank[verb(b)]; d != 0 {
			return d
		}
		return strings.Compare(a.LogicalID, b.LogicalID)
	})

	return changes
}

func changeRow(c lockstep.ProposedChange) string {
	return fmt.Sprintf("| %s | %s | %s | %s |\n", verb(c), code(c.LogicalID, maxName), code(c.ResourceType, maxName), reasons(c))
}

// reasons names what of a resource changes.
func reasons(c lockstep.ProposedChange) string {
	names := map[string]bool{}
	for _, d := range c.Details {
		switch {
		case d.Name != "":
			names[d.Name] = true
		case d.Attribute != "":
			names[d.Attribute] = true
		}
	}

	if len(names) == 0 {
		for _, scope := range c.Scope {
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
		list[i] = code(name, maxName)
	}

	return strings.Join(list, ", ") + more
}

func valueRow(v lockstep.ValueChange) string {
	if v.Masked {
		return fmt.Sprintf("| %s | *not shown* | *not shown* |\n", code(v.Name, maxName))
	}
	return fmt.Sprintf("| %s | %s | %s |\n", code(v.Name, maxName), code(v.Before, maxValue), code(v.After, maxValue))
}
