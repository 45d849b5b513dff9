package awsjson

import (
	"bytes"
	"encoding/json"
	"math"
	"strconv"
	"strings"
	"unicode/utf8"
)

// A document is JSON that check has accepted, so that the methods below need
// no error for syntax. Positions are offsets of a value's first byte.
type document []byte

// check refuses what is no JSON, no UTF-8, or nested deeper than levels.
func check(body []byte, levels int) error {
	depth, quoted := 0, false
	for i := 0; i < len(body); i++ {
		switch c := body[i]; {
		case quoted && c == '\\':
			i++
		case c == '"':
			quoted = !quoted
		case quoted:
		case c == '{', c == '[':
			if depth++; depth > levels {
				return serialization("Input is nested too deeply")
			}
		case c == '}', c == ']':
			depth--
		}
	}

	if !json.Valid(body) || !utf8.Valid(body) {
		return serialization("")
	}

	return nil
}

func (d document) space(at int) int {
	for at < len(d) && (d[at] == ' ' || d[at] == '\t' || d[at] == '\n' || d[at] == '\r') {
		at++
	}
	return at
}

// end returns the offset just after the value at at.
func (d document) end(at int) int {
	switch d[at] {
	case '"':
		return d.endString(at)
	case '{', '[':
		depth := 0
		for {
			switch d[at] {
			case '"':
				at = d.endString(at)
				continue
			case '{', '[':
				depth++
			case '}', ']':
				if depth--; depth == 0 {
					return at + 1
				}
			}

			at++
		}
	}

	for at < len(d) && strings.IndexByte(",]} \t\r\n", d[at]) < 0 {
		at++
	}

	return at
}

func (d document) endString(at int) int {
	for at++; d[at] != '"'; at++ {
		if d[at] == '\\' {
			at++
		}
	}
	return at + 1
}

// next steps from the end of an element to the first byte of the next one, and
// reports whether there is one.
func (d document) next(at int) (int, bool) {
	at = d.space(at)
	if d[at] != ',' {
		return at, false
	}
	return d.space(at + 1), true
}

// first steps into the object or list at at.
func (d document) first(at int) (int, bool) {
	at = d.space(at + 1)
	return at, d[at] != '}' && d[at] != ']'
}

// key reads a member's name at at and returns where its value starts.
func (d document) key(at int) ([]byte, int) {
	end := d.endString(at)
	name := []byte(d[at+1 : end-1])
	if bytes.IndexByte(name, '\\') >= 0 {
		name = []byte(d.unquote(at, end))
	}
	return name, d.space(d.space(end) + 1)
}

func (d document) unquote(at, end int) string {
	raw := d[at+1 : end-1]
	if bytes.IndexByte(raw, '\\') < 0 {
		return string(raw)
	}
	var s string
	// The document is valid, so this string is.
	_ = json.Unmarshal(d[at:end], &s)
	return s
}

// text reads a string.
func (d document) text(at int) (string, error) {
	if d[at] != '"' {
		return "", d.mismatch(at, "String")
	}
	s := d.unquote(at, d.endString(at))
	for i := range len(s) {
		if s[i] == 0 {
			return "", serialization("U+0000 is not allowed in a string")
		}
	}
	return s, nil
}

// integer reads a number as AWS does: a fraction is dropped, and what no 32-bit
// integer can hold becomes the nearest one that it can.
func (d document) integer(at int) (int, error) {
	if d[at] != '-' && (d[at] < '0' || d[at] > '9') {
		return 0, d.mismatch(at, "Integer")
	}
	// Out of range is an infinity, which the bounds below take care of.
	f, _ := strconv.ParseFloat(string(d[at:d.end(at)]), 64)
	return int(math.Trunc(max(math.MinInt32, min(math.MaxInt32, f)))), nil
}

func (d document) boolean(at int) (bool, error) {
	if d[at] != 't' && d[at] != 'f' {
		return false, d.mismatch(at, "Boolean")
	}
	return d[at] == 't', nil
}

// mismatch says in AWS's words that the value at at is of another type.
func (d document) mismatch(at int, want string) error {
	switch c := d[at]; c {
	case '{':
		return serialization("Start of structure or map found where not expected")
	case '[':
		return serialization("Unrecognized collection type class java.lang." + want)
	case '"':
		return serialization("STRING_VALUE cannot be converted to " + want)
	case 't':
		return serialization("TRUE_VALUE cannot be converted to " + want)
	case 'f':
		return serialization("FALSE_VALUE cannot be converted to " + want)
	}

	if bytes.ContainsAny(d[at:d.end(at)], ".eE") {
		return serialization("DECIMAL_VALUE cannot be converted to " + want)
	}

	return serialization("NUMBER_VALUE cannot be converted to " + want)
}
