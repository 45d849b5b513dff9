package awsjson

import (
	"fmt"
	"net/http"
	"reflect"
	"slices"
	"strconv"
	"strings"
	"unicode/utf8"
)

// A path is where in the input a value stands. It lives on the stack of the
// decoder and is spelled only when something is wrong there.
type path struct {
	parent *path
	label  string
	index  int // of a list's element, from 1; its label is not used
}

func (p *path) String() string {
	own := p.label
	if p.index > 0 {
		own = strconv.Itoa(p.index) + ".member"
	}
	if p.parent == nil {
		return own
	}
	return p.parent.String() + "." + own
}

// problems collects what is wrong with an input. All are counted; text that
// the cut message could not show is not made.
type problems struct {
	count int
	text  []byte
}

// add notes that the value at p breaks a constraint. The value is given as AWS
// shows it, quotes included, with a space before it.
func (ps *problems) add(p *path, shown, constraint string) {
	ps.count++
	// Four bytes a character is the most that UTF-8 needs.
	if len(ps.text) > 4*messageLimit {
		return
	}
	if ps.count > 1 {
		ps.text = append(ps.text, "; "...)
	}
	ps.text = fmt.Appendf(ps.text, "Value%s at '%s' failed to satisfy constraint: %s", shown, p, constraint)
}

// join adds problems that were collected apart.
func (ps *problems) join(later problems) {
	if ps.count > 0 && later.count > 0 {
		ps.text = append(ps.text, "; "...)
	}
	ps.count += later.count
	ps.text = append(ps.text, later.text...)
}

func (ps *problems) null(p *path) { ps.add(p, " null", "Member must not be null") }

// err is nil when nothing is wrong.
func (ps *problems) err() error {
	if ps.count == 0 {
		return nil
	}
	noun := "errors"
	if ps.count == 1 {
		noun = "error"
	}
	message := fmt.Sprintf("%d validation %s detected: %s", ps.count, noun, ps.text)
	return &Error{Code: "ValidationException", Status: http.StatusBadRequest, Message: cut(message, messageLimit)}
}

func (r *rule) show(value string) string {
	if r.Sensitive {
		return ""
	}
	return " '" + cut(value, messageLimit) + "'"
}

func (r *rule) checkText(ps *problems, p *path, s string) {
	if r.satisfied(s) {
		return
	}

	if r.Bounded {
		r.checkBounds(ps, p, utf8.RuneCountInString(s), "length", func() string { return r.show(s) })
	}

	if r.re != nil && !r.re.MatchString(s) {
		ps.add(p, r.show(s), r.patternText())
	}

	if len(r.Enum) > 0 && !slices.Contains(r.Enum, s) {
		ps.add(p, r.show(s), r.enumText())
	}
}

func (r *rule) satisfied(s string) bool {
	if r.Bounded {
		if n := utf8.RuneCountInString(s); n < r.Min || n > r.Max {
			return false
		}
	}
	return (r.re == nil || r.re.MatchString(s)) && (len(r.Enum) == 0 || slices.Contains(r.Enum, s))
}

// checkBounds compares n, which is a length or a value.
func (r *rule) checkBounds(ps *problems, p *path, n int, what string, show func() string) {
	if n > r.Max {
		ps.add(p, show(), fmt.Sprintf("Member must have %s less than or equal to %d", what, r.Max))
	}
	if n < r.Min {
		ps.add(p, show(), fmt.Sprintf("Member must have %s greater than or equal to %d", what, r.Min))
	}
}

func (r *rule) patternText() string {
	return "Member must satisfy regular expression pattern: " + r.Pattern
}

func (r *rule) enumText() string {
	return "Member must satisfy enum value set: [" + strings.Join(r.Enum, ", ") + "]"
}

// checkElements reports a list of strings as a whole, with all that its
// elements must satisfy, as AWS does when one of them does not.
func (r *rule) checkElements(ps *problems, p *path, list []string) {
	if !slices.ContainsFunc(list, func(s string) bool { return !r.satisfied(s) }) {
		return
	}

	var all []string
	if r.Bounded {
		all = append(all, fmt.Sprintf("Member must have length less than or equal to %d", r.Max),
			fmt.Sprintf("Member must have length greater than or equal to %d", r.Min))
	}

	if r.re != nil {
		all = append(all, r.patternText())
	}

	if len(r.Enum) > 0 {
		all = append(all, r.enumText())
	}

	ps.add(p, r.show(showList(list)), "Member must satisfy constraint: ["+strings.Join(all, ", ")+"]")
}

func showList(list []string) string {
	var b strings.Builder
	b.WriteByte('[')
	for i, s := range list {
		if i > 0 {
			b.WriteString(", ")
		}

		if b.Len() > 4*messageLimit {
			break
		}

		b.WriteString(s)
	}

	b.WriteByte(']')
	return b.String()
}

// showStructures spells a list of structures: [Tag(key=a, value=b)]. Of n there
// may be fewer at hand.
func showStructures(s *structure, list reflect.Value, n int) string {
	var shown []string
	for i := range min(list.Len(), messageLimit) {
		shown = append(shown, showStructure(s, list.Index(i)))
	}
	if n > list.Len() {
		shown = append(shown, "...")
	}
	return showList(shown)
}

func showStructure(s *structure, v reflect.Value) string {
	var shown []string
	for _, m := range s.members {
		value := "..."
		if f := v.Field(m.field); (m.kind == text || m.kind == integer) && !m.pointer && !m.rule.Sensitive {
			value = cut(fmt.Sprint(f), messageLimit)
		}
		shown = append(shown, m.label+"="+value)
	}
	return s.name + "(" + strings.Join(shown, ", ") + ")"
}
