package policy

import (
	"errors"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"github.com/cedar-policy/cedar-go"
)

// Limits of a policy's text. The parser, the validator and the evaluator walk
// expressions recursively, and the validator walks each once for every way that
// its policy can be asked: the limits keep that short, and are far above what a
// person writes.
const (
	maxBytes      = 16 << 10
	maxStatements = 64
	maxTokens     = 2000
	maxOfOne      = 800 // tokens of one statement
	maxAsked      = 32  // has and hasTag in one statement
	maxDepth      = 32  // of brackets; also of if within if
	maxInARow     = 16  // dots, or signs before a value
)

// parse reads a text within the limits.
func parse(document string) (cedar.PolicyList, *SyntaxError) {
	tokens, err := tokensOf(document)
	if err != nil {
		return nil, err
	}
	return parseTokens(document, tokens)
}

func tokensOf(document string) ([]token, *SyntaxError) {
	if len(document) > maxBytes {
		return nil, token{line: 1, column: 1}.errorf("A policy's text has at most %d bytes, this one has %d.", maxBytes, len(document))
	}
	if err := unprintable(document); err != nil {
		return nil, err
	}
	tokens, err := scan(document)
	if err != nil {
		return nil, err
	}
	return tokens, withinLimits(tokens)
}

func withinLimits(tokens []token) *SyntaxError {
	var depth, statements, since, row, ifs, asked int
	for i, t := range tokens {
		since++
		switch {
		case t.text == "(" || t.text == "[" || t.text == "{":
			depth++
		case t.text == ")" || t.text == "]" || t.text == "}":
			depth--
		case t.text == ";":
			statements, since, ifs, asked = statements+1, 0, 0, 0
		case t.kind == identToken && t.text == "if":
			ifs++
		case t.kind == identToken && (t.text == "has" || t.text == "hasTag"):
			asked++
		}

		switch {
		case t.text == "." || t.text == "!" || t.text == "-":
			row++
		case i > 0 && tokens[i-1].text == "." && t.kind == identToken: // a.b.c is a row too
		default:
			row = 0
		}

		switch {
		case statements == maxStatements && i+2 < len(tokens):
			return tokens[i+1].errorf("A text has at most %d policies: give the others another name.", maxStatements)
		case i == maxTokens:
			return t.errorf("This text is too long: give some of its policies another name.")
		case since > maxOfOne || asked > maxAsked:
			return t.errorf("This policy is too long: divide it.")
		case depth > maxDepth || ifs > maxDepth || row > maxInARow:
			return t.errorf("This policy is nested too deeply: write it more simply.")
		}
	}

	return nil
}

func parseTokens(document string, tokens []token) (cedar.PolicyList, *SyntaxError) {
	var policies cedar.PolicyList
	err := policies.UnmarshalCedar([]byte(document))
	if err == nil {
		return policies, nil
	}

	for i, t := range tokens {
		if t.text == "?" && i+1 < len(tokens) {
			return nil, t.errorf("Templates are not taken: write the principal or the resource itself in place of ?%s.", tokens[i+1].text)
		}
	}

	if wrong := badLiteral(tokens); wrong != nil {
		return nil, wrong
	}

	return nil, locate(document, tokens, err)
}

// badLiteral finds a string or a number that is none: the parser does not say
// where.
func badLiteral(tokens []token) *SyntaxError {
	for i, t := range tokens {
		probe := t.text + " == 0"
		if negative(tokens, i) { // the least number there is has no positive
			probe = "-" + probe
		}

		switch {
		case t.kind == stringToken && i > 0 && tokens[i-1].text == "like":
			probe = `"" like ` + t.text
		case t.kind == stringToken:
			probe = t.text + ` == ""`
		case t.kind != intToken:
			continue
		}

		var p cedar.Policy
		if err := p.UnmarshalCedar([]byte("permit(principal, action, resource) when { " + probe + " };")); err == nil {
			continue
		}
		if t.kind == intToken {
			return t.errorf("%s is too large: whole numbers have 64 bits.", t.found())
		}

		return t.errorf(`%s has an escape that is not known: there are \n \r \t \0 \\ \' \" \x41 \u{e4}, and \* after like.`, t.found())
	}

	return nil
}

// negative says whether the number at i has a minus of its own, and not one that
// takes it from what stands before.
func negative(tokens []token, i int) bool {
	if i == 0 || tokens[i-1].text != "-" {
		return false
	}
	if i == 1 {
		return true
	}

	switch before := tokens[i-2]; before.kind {
	case intToken, stringToken:
		return false
	case identToken:
		return slices.Contains([]string{"if", "then", "else", "in"}, before.text)
	default:
		return !strings.Contains(")]}", before.text)
	}
}

var (
	atPlace  = regexp.MustCompile(`(?s)parse error at <input>:(\d+):(\d+) "(?:[^"\\]|\\.)*": (.*)$`)
	wanted   = regexp.MustCompile(`(?s)^exact got .* want (.+)$`)
	named    = regexp.MustCompile("(?s)^`?(\\w+)`? (is not a function|is not a method|is a method|is a function|expects)")
	sentinel = "\n% %"
)

// locate turns the parser's error into ours. The parser mostly tells the place
// of the token after the wrong one, but not at the end of the text. So the text
// is parsed once more with something behind it, and the token before is taken.
func locate(document string, tokens []token, err error) *SyntaxError {
	end := tokens[len(tokens)-1]
	var again cedar.PolicyList
	if longer := again.UnmarshalCedar([]byte(document + sentinel)); longer != nil {
		err = longer
	}

	for errors.Unwrap(err) != nil && !atPlace.MatchString(err.Error()) {
		err = errors.Unwrap(err)
	}

	parts := atPlace.FindStringSubmatch(err.Error())
	if parts == nil {
		return tokens[0].errorf("This is not a policy.")
	}

	line, _ := strconv.Atoi(parts[1])
	column, _ := strconv.Atoi(parts[2])
	after := slices.IndexFunc(tokens, func(t token) bool { return t.line > line || t.line == line && t.column >= column })
	told := parts[3]

	if after < 0 || tokens[after].kind == endToken && line > end.line {
		after = len(tokens)
		if line == end.line+1 && column == 1 { // the first sentinel: it is the end itself, or what comes after
			after = len(tokens) - 1
		}
	}

	return explain(tokens, after, told)
}

// explain says what is wrong with the token before tokens[after], or with that
// one where the parser had only looked at it.
func explain(tokens []token, after int, told string) *SyntaxError {
	looked := strings.HasPrefix(told, "got ")
	i := after - 1
	if looked {
		i = after
	}

	t := tokens[min(max(i, 0), len(tokens)-1)]
	switch name := named.FindStringSubmatch(told); {
	case name != nil:
		for j := min(after, len(tokens)-1); j >= 0; j-- {
			if tokens[j].text == name[1] {
				t = tokens[j]
				break
			}
		}
		return t.errorf("%s.", strings.ReplaceAll(told, "`", `"`))

	case strings.HasPrefix(told, "duplicate "):
		return t.errorf("%s: it may be there only once.", strings.ToUpper(told[:1])+told[1:])
	case t.kind == endToken && !looked && !wanted.MatchString(told):
		return t.errorf("The text ends before its last policy does.")
	case strings.HasPrefix(told, "unexpected effect"):
		return t.errorf("A policy begins with permit or forbid, not with %s.", t.found())
	case wanted.MatchString(told):
		return t.errorf("Expected %q, found %s.", wanted.FindStringSubmatch(told)[1], t.found())
	case looked:
		return t.errorf(`Expected "," or the end of the list, found %s.`, t.found())
	case told == "expected ident" && t.kind == stringToken && tokens[i-1].text != ".":
		return t.errorf(`Expected a type before %s, as in User::"ada".`, t.found())
	case told == "invalid primary" && t.kind == identToken:
		return t.errorf("%s is not known: there are principal, action, resource and context, as in resource.region.", t.found())
	}

	return t.errorf("%s is not expected here.", t.found())
}
