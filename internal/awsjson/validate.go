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

// A path is the location of a value in the input. It is on the decoder's stack, and
// formatted only for a message.
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

// problems are the violated constraints of an input. All are counted. Text beyond
// the limit of a message is not made.
type problems struct {
	count int
	text  []byte
}

// add adds a violated constraint of the value at a location. shown is the value as
// AWS shows it, with quotes and a leading space.
func (ps *problems) add(location *path, shown, constraint string) {
	ps.count++
	// Four bytes a character is the most that UTF-8 needs.
	if len(ps.text) > 4*messageLimit {
		return
	}
	if ps.count > 1 {
		ps.text = append(ps.text, "; "...)
	}
	ps.text = fmt.Appendf(ps.text, "Value%s at '%s' failed to satisfy constraint: %s", shown, location, constraint)
}

// join appends problems that were collected separately.
func (ps *problems) join(later problems) {
	if ps.count > 0 && later.count > 0 {
		ps.text = append(ps.text, "; "...)
	}
	ps.count += later.count
	ps.text = append(ps.text, later.text...)
}

func (ps *problems) null(p *path) { ps.add(p, " null", "Member must not be null") }

// err returns a ValidationException, or nil if there are no problems.
func (ps *problems) err() error {
	if ps.count == 0 {
		return nil
	}
	noun := "errors"
	if ps.count == 1 {
		noun = "error"
	}
	message := fmt.Sprintf("%d validation %s detected: %s", ps.count, noun, ps.text)
	return &Error{Code: "ValidationException", Status: http.StatusBadRequest, Message: truncate(message, messageLimit)}
}

func (r *rule) show(value string) string {
	if r.Sensitive {
		return ""
	}
	return " '" + truncate(value, messageLimit) + "'"
}

func (r *rule) checkText(problems *problems, location *path, text string) {
	if r.isSatisfied(text) {
		return
	}

	if r.Bounded {
		r.checkBounds(problems, location, utf8.RuneCountInString(text), "length", func() string { return r.show(text) })
	}

	if r.re != nil && !r.re.MatchString(text) {
		problems.add(location, r.show(text), r.patternText())
	}

	if len(r.Enum) > 0 && !slices.Contains(r.Enum, text) {
		problems.add(location, r.show(text), r.enumText())
	}
}

func (r *rule) isSatisfied(text string) bool {
	if r.Bounded {
		if n := utf8.RuneCountInString(text); n < r.Min || n > r.Max {
			return false
		}
	}
	return (r.re == nil || r.re.MatchString(text)) && (len(r.Enum) == 0 || slices.Contains(r.Enum, text))
}

// checkBounds checks a length or a value.
func (r *rule) checkBounds(problems *problems, location *path, size int, what string, show func() string) {
	if size > r.Max {
		problems.add(location, show(), fmt.Sprintf("Member must have %s less than or equal to %d", what, r.Max))
	}
	if size < r.Min {
		problems.add(location, show(), fmt.Sprintf("Member must have %s greater than or equal to %d", what, r.Min))
	}
}

func (r *rule) patternText() string {
	return "Member must satisfy regular expression pattern: " + r.Pattern
}

func (r *rule) enumText() string {
	return "Member must satisfy enum value set: [" + strings.Join(r.Enum, ", ") + "]"
}

// checkElements reports a list of strings as a whole, with all constraints of its
// elements, as AWS does if one of them is violated.
func (r *rule) checkElements(problems *problems, location *path, list []string) {
	if !slices.ContainsFunc(list, func(s string) bool { return !r.isSatisfied(s) }) {
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

	problems.add(location, r.show(showList(list)), "Member must satisfy constraint: ["+strings.Join(all, ", ")+"]")
}

func showList(list []string) string {
	var b strings.Builder
	b.WriteByte('[')
	for i, text := range list {
		if i > 0 {
			b.WriteString(", ")
		}

		if b.Len() > 4*messageLimit {
			break
		}

		b.WriteString(text)
	}

	b.WriteByte(']')
	return b.String()
}

// showStructures formats a list of structures: [Tag(key=a, value=b)]. If n exceeds
// the length of list, it ends with "...".
func showStructures(s *structure, list reflect.Value, count int) string {
	var shown []string
	for i := range min(list.Len(), messageLimit) {
		shown = append(shown, showStructure(s, list.Index(i)))
	}
	if count > list.Len() {
		shown = append(shown, "...")
	}
	return showList(shown)
}

func showStructure(schema *structure, value reflect.Value) string {
	var shown []string
	for _, member := range schema.members {
		text := "..."
		if member.isShown() {
			text = truncate(fmt.Sprint(value.Field(member.field)), messageLimit)
		}
		shown = append(shown, member.label+"="+text)
	}
	return schema.name + "(" + strings.Join(shown, ", ") + ")"
}

// isShown reports whether messages contain the value of a member of a structure.
func (m member) isShown() bool {
	return (m.kind == text || m.kind == integer) && !m.pointer && !m.rule.Sensitive
}
