package policy

import (
	"errors"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"github.com/cedar-policy/cedar-go"
)

// Limits of a policy text. The parser, the validator and the evaluator are
// recursive, and the validator walks a statement once for each combination of
// action, principal and resource type.
const (
	maxBytes           = 16 << 10
	maxStatements      = 64
	maxTokens          = 2000
	maxStatementTokens = 800 // tokens of one statement
	maxHasTests        = 32  // has and hasTag in one statement
	maxDepth           = 32  // of brackets, and of if within if
	maxChain           = 16  // dots, or signs before a value
)

// parse parses a text within the limits.
func parse(document string) (cedar.PolicyList, *SyntaxError) {
	tokens, err := tokenize(document)
	if err != nil {
		return nil, err
	}
	return parseTokens(document, tokens)
}

func tokenize(document string) ([]token, *SyntaxError) {
	if len(document) > maxBytes {
		return nil, token{line: 1, column: 1}.errorf("A policy's text has at most %d bytes, this one has %d.",
			maxBytes, len(document))
	}
	if err := checkEncoding(document); err != nil {
		return nil, err
	}
	tokens, err := scan(document)
	if err != nil {
		return nil, err
	}
	return tokens, checkLimits(tokens)
}

func checkLimits(tokens []token) *SyntaxError {
	var depth, statements, statementTokens, chain, ifs, hasTests int
	for i, t := range tokens {
		statementTokens++
		switch {
		case t.text == "(" || t.text == "[" || t.text == "{":
			depth++
		case t.text == ")" || t.text == "]" || t.text == "}":
			depth--
		case t.text == ";":
			statements, statementTokens, ifs, hasTests = statements+1, 0, 0, 0
		case t.kind == identToken && t.text == "if":
			ifs++
		case t.kind == identToken && (t.text == "has" || t.text == "hasTag"):
			hasTests++
		}

		switch {
		case t.text == "." || t.text == "!" || t.text == "-":
			chain++
		case i > 0 && tokens[i-1].text == "." && t.kind == identToken: // a.b.c is a chain too
		default:
			chain = 0
		}

		switch {
		case statements == maxStatements && i+2 < len(tokens):
			return tokens[i+1].errorf(
				"A policy text has at most %d statements: move the others to another policy.", maxStatements)
		case i == maxTokens:
			return t.errorf("This text is too long: move some of its statements to another policy.")
		case statementTokens > maxStatementTokens || hasTests > maxHasTests:
			return t.errorf("This statement is too long: split it.")
		case depth > maxDepth || ifs > maxDepth || chain > maxChain:
			return t.errorf("This statement is nested too deeply: simplify it.")
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
			return nil, t.errorf("Policy templates are not supported: replace ?%s with a principal or resource.",
				tokens[i+1].text)
		}
	}

	if wrong := findBadLiteral(tokens); wrong != nil {
		return nil, wrong
	}

	return nil, locate(document, tokens, err)
}

// findBadLiteral finds a malformed string or number, whose position the parser does
// not report.
func findBadLiteral(tokens []token) *SyntaxError {
	for i, t := range tokens {
		probe := t.text + " == 0"
		if isNegative(tokens, i) { // the smallest integer has no positive counterpart
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
			return t.errorf("%s is too large: integers have 64 bits.", t.quoted())
		}

		return t.errorf(`%s has an unknown escape sequence: `+
			`the known ones are \n \r \t \0 \\ \' \" \x41 \u{e4}, and \* after like.`, t.quoted())
	}

	return nil
}

// isNegative reports whether the minus before the number at i is a sign, not a
// subtraction.
func isNegative(tokens []token, i int) bool {
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
	positionPattern = regexp.MustCompile(`(?s)parse error at <input>:(\d+):(\d+) "(?:[^"\\]|\\.)*": (.*)$`)
	wantPattern     = regexp.MustCompile(`(?s)^exact got .* want (.+)$`)
	namedPattern    = regexp.MustCompile("(?s)^`?(\\w+)`? " +
		"(is not a function|is not a method|is a method|is a function|expects)")
	sentinel = "\n% %"
)

// locate converts the parser's error. The parser mostly reports the position of the
// token after the wrong one, but not at the end of the text. Therefore the text is
// parsed again with a sentinel appended, and the token before the position is used.
func locate(document string, tokens []token, err error) *SyntaxError {
	end := tokens[len(tokens)-1]
	var again cedar.PolicyList
	if longer := again.UnmarshalCedar([]byte(document + sentinel)); longer != nil {
		err = longer
	}

	for errors.Unwrap(err) != nil && !positionPattern.MatchString(err.Error()) {
		err = errors.Unwrap(err)
	}

	parts := positionPattern.FindStringSubmatch(err.Error())
	if parts == nil {
		return tokens[0].errorf("This is not a policy.")
	}

	line, _ := strconv.Atoi(parts[1])
	column, _ := strconv.Atoi(parts[2])
	after := slices.IndexFunc(tokens, func(t token) bool {
		return t.line > line || t.line == line && t.column >= column
	})
	message := parts[3]

	if after < 0 || tokens[after].kind == endToken && line > end.line {
		after = len(tokens)
		if line == end.line+1 && column == 1 { // at the first sentinel: the end itself, or the token after
			after = len(tokens) - 1
		}
	}

	return explain(tokens, after, message)
}

// explain explains what is wrong with the token before tokens[after], or with that
// token if the parser had only looked ahead.
func explain(tokens []token, after int, message string) *SyntaxError {
	lookedAhead := strings.HasPrefix(message, "got ")
	i := after - 1
	if lookedAhead {
		i = after
	}

	t := tokens[min(max(i, 0), len(tokens)-1)]
	switch name := namedPattern.FindStringSubmatch(message); {
	case name != nil:
		for j := min(after, len(tokens)-1); j >= 0; j-- {
			if tokens[j].text == name[1] {
				t = tokens[j]
				break
			}
		}
		return t.errorf("%s.", strings.ReplaceAll(message, "`", `"`))

	case strings.HasPrefix(message, "duplicate "):
		return t.errorf("%s: it may occur only once.", strings.ToUpper(message[:1])+message[1:])
	case t.kind == endToken && !lookedAhead && !wantPattern.MatchString(message):
		return t.errorf("The text ends within a policy.")
	case strings.HasPrefix(message, "unexpected effect"):
		return t.errorf("A policy begins with permit or forbid, not with %s.", t.quoted())
	case wantPattern.MatchString(message):
		return t.errorf("Expected %q, found %s.", wantPattern.FindStringSubmatch(message)[1], t.quoted())
	case lookedAhead:
		return t.errorf(`Expected "," or the end of the list, found %s.`, t.quoted())
	case message == "expected ident" && t.kind == stringToken && tokens[i-1].text != ".":
		return t.errorf(`Expected a type before %s, as in User::"ada".`, t.quoted())
	case message == "invalid primary" && t.kind == identToken:
		return t.errorf("Unknown name %s: use principal, action, resource or context, as in resource.region.",
			t.quoted())
	}

	return t.errorf("Unexpected %s.", t.quoted())
}
