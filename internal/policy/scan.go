package policy

import (
	"fmt"
	"strings"
	"unicode/utf8"
)

// A token is a lexical token of a policy text. The parser reports only the
// positions of statements and of its own errors, so the text is scanned again, by
// the same rules.
type token struct {
	kind         tokenKind
	text         string // as written; "" at the end of the text
	line, column int
	offset       int
}

type tokenKind int

const (
	endToken tokenKind = iota
	identToken
	intToken
	stringToken
	operatorToken // also characters that are not in Cedar's grammar
)

func (t token) errorf(format string, args ...any) *SyntaxError {
	return &SyntaxError{Line: t.line, Column: t.column, Message: fmt.Sprintf(format, args...)}
}

// quoted returns the token for a message.
func (t token) quoted() string {
	if t.kind == endToken {
		return "the end of the text"
	}
	text := []rune(t.text)
	if len(text) > 40 {
		text = append(text[:40], '…')
	}
	if t.kind == stringToken {
		return string(text)
	}
	return `"` + string(text) + `"`
}

// A scanner scans a text. line, column and offset are those of the next character.
type scanner struct {
	text         string
	offset       int
	line, column int
}

// scan returns the tokens of a text, ending with an endToken.
func scan(document string) ([]token, *SyntaxError) {
	scanner := &scanner{text: document, line: 1, column: 1}
	var tokens []token
	for {
		if err := scanner.skipSpace(); err != nil {
			return nil, err
		}

		t := token{line: scanner.line, column: scanner.column, offset: scanner.offset}
		if scanner.offset == len(scanner.text) {
			return append(tokens, t), nil
		}

		var err *SyntaxError
		if t.kind, err = scanner.scanToken(t); err != nil {
			return nil, err
		}

		t.text = scanner.text[t.offset:scanner.offset]
		tokens = append(tokens, t)
	}
}

// peek returns the byte n bytes ahead, or 0 at the end.
func (s *scanner) peek(n int) byte {
	if s.offset+n >= len(s.text) {
		return 0
	}
	return s.text[s.offset+n]
}

// skip advances by n characters.
func (s *scanner) skip(n int) {
	for range n {
		r, size := utf8.DecodeRuneInString(s.text[s.offset:])
		s.offset += size
		s.column++
		if r == '\n' {
			s.line, s.column = s.line+1, 1
		}
	}
}

func (s *scanner) rest() string { return s.text[s.offset:] }

// skipSpace skips white space and comments.
func (s *scanner) skipSpace() *SyntaxError {
	for {
		switch {
		case s.peek(0) != 0 && strings.IndexByte(" \t\r\n", s.peek(0)) >= 0:
			s.skip(1)
		case strings.HasPrefix(s.rest(), "//"):
			line, _, _ := strings.Cut(s.rest(), "\n")
			s.skip(utf8.RuneCountInString(line))
		case strings.HasPrefix(s.rest(), "/*"):
			comment, _, closed := strings.Cut(s.rest()[2:], "*/")
			if !closed {
				return token{line: s.line, column: s.column}.errorf("This comment does not end: */ is missing.")
			}

			s.skip(utf8.RuneCountInString(comment) + 4)

		default:
			return nil
		}
	}
}

// scanToken skips a token that begins here and returns its kind.
func (s *scanner) scanToken(begin token) (tokenKind, *SyntaxError) {
	c := s.peek(0)
	switch {
	case isLetter(c):
		for isLetter(s.peek(0)) || isDigit(s.peek(0)) {
			s.skip(1)
		}
		return identToken, nil
	case isDigit(c):
		for isDigit(s.peek(0)) {
			s.skip(1)
		}
		return intToken, nil

	case c == '"':
		return stringToken, s.scanString(begin)
	}

	n := 1
	for _, two := range []string{"::", "==", "!=", "<=", ">=", "||", "&&"} {
		if strings.HasPrefix(s.rest(), two) {
			n = 2
		}
	}

	s.skip(n)
	return operatorToken, nil
}

func (s *scanner) scanString(begin token) *SyntaxError {
	s.skip(1)
	for {
		switch s.peek(0) {
		case 0, '\n':
			return begin.errorf("This string does not end: the closing quote is missing.")
		case '"':
			s.skip(1)
			return nil
		case '\\':
			s.skip(1)
			if s.peek(0) == 0 || s.peek(0) == '\n' {
				return begin.errorf("This string does not end: the closing quote is missing.")
			}
		}

		s.skip(1)
	}
}

func isLetter(c byte) bool { return c == '_' || c >= 'A' && c <= 'Z' || c >= 'a' && c <= 'z' }

func isDigit(c byte) bool { return c >= '0' && c <= '9' }

// checkEncoding reports invalid UTF-8 and NUL.
func checkEncoding(document string) *SyntaxError {
	scanner := &scanner{text: document, line: 1, column: 1}
	for scanner.offset < len(scanner.text) {
		r, size := utf8.DecodeRuneInString(scanner.rest())
		if r == 0 || r == utf8.RuneError && size == 1 {
			return token{line: scanner.line, column: scanner.column}.errorf("A policy must be UTF-8 text.")
		}
		scanner.skip(1)
	}
	return nil
}
