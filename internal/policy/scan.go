package policy

import (
	"fmt"
	"strings"
	"unicode/utf8"
)

// A token is a word of a policy's text. The parser that is used tells of no
// place beyond that of whole policies and of its own errors, so the text is
// scanned here once more, by the same rules.
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
	operatorToken // also what is no operator of Cedar's
)

func (t token) errorf(format string, args ...any) *SyntaxError {
	return &SyntaxError{Line: t.line, Column: t.column, Message: fmt.Sprintf(format, args...)}
}

// found is the token as a message tells of it.
func (t token) found() string {
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

// A scanner walks over a text. line, column and offset are of what comes next.
type scanner struct {
	text         string
	offset       int
	line, column int
}

// scan gives the tokens of a text, the last of which is its end. The error is
// for what cannot be told apart into tokens at all.
func scan(document string) ([]token, *SyntaxError) {
	s := &scanner{text: document, line: 1, column: 1}
	var tokens []token
	for {
		if err := s.space(); err != nil {
			return nil, err
		}

		t := token{line: s.line, column: s.column, offset: s.offset}
		if s.offset == len(s.text) {
			return append(tokens, t), nil
		}

		var err *SyntaxError
		if t.kind, err = s.word(t); err != nil {
			return nil, err
		}

		t.text = s.text[t.offset:s.offset]
		tokens = append(tokens, t)
	}
}

// peek gives the character n bytes on, 0 at the end.
func (s *scanner) peek(n int) byte {
	if s.offset+n >= len(s.text) {
		return 0
	}
	return s.text[s.offset+n]
}

// skip goes over n characters.
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

// space goes over white space and comments.
func (s *scanner) space() *SyntaxError {
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

// word goes over a token that begins here.
func (s *scanner) word(begin token) (tokenKind, *SyntaxError) {
	c := s.peek(0)
	switch {
	case letter(c):
		for letter(s.peek(0)) || digit(s.peek(0)) {
			s.skip(1)
		}
		return identToken, nil
	case digit(c):
		for digit(s.peek(0)) {
			s.skip(1)
		}
		return intToken, nil

	case c == '"':
		return stringToken, s.quoted(begin)
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

func (s *scanner) quoted(begin token) *SyntaxError {
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

func letter(c byte) bool { return c == '_' || c >= 'A' && c <= 'Z' || c >= 'a' && c <= 'z' }

func digit(c byte) bool { return c >= '0' && c <= '9' }

// unprintable finds what no text may hold: bytes that are no UTF-8, and NUL.
func unprintable(document string) *SyntaxError {
	s := &scanner{text: document, line: 1, column: 1}
	for s.offset < len(s.text) {
		r, size := utf8.DecodeRuneInString(s.rest())
		if r == 0 || r == utf8.RuneError && size == 1 {
			return token{line: s.line, column: s.column}.errorf("This is not text: a policy is written in UTF-8.")
		}
		s.skip(1)
	}
	return nil
}
