package awsjson

import (
	"bytes"
	"encoding/json"
	"math"
	"strconv"
	"strings"
	"unicode/utf8"
)

// A document is JSON that checkSyntax has accepted, so that its methods need not
// return syntax errors. Positions are offsets of the first byte of a value.
type document []byte

// checkSyntax returns a SerializationException unless body is JSON in UTF-8 that is
// nested at most levels deep.
func checkSyntax(body []byte, levels int) error {
	depth, quoted := 0, false
	for i := 0; i < len(body); i++ {
		switch char := body[i]; {
		case quoted && char == '\\':
			i++
		case char == '"':
			quoted = !quoted
		case quoted:
		case char == '{', char == '[':
			if depth++; depth > levels {
				return serializationError("Input is nested too deeply")
			}
		case char == '}', char == ']':
			depth--
		}
	}

	if !json.Valid(body) || !utf8.Valid(body) {
		return serializationError("")
	}

	return nil
}

func (d document) skipSpace(at int) int {
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

// next returns the position of the next element, given the end of an element, and
// reports whether there is one.
func (d document) next(at int) (int, bool) {
	at = d.skipSpace(at)
	if d[at] != ',' {
		return at, false
	}
	return d.skipSpace(at + 1), true
}

// first returns the position of the first element of the object or list at at, and
// reports whether there is one.
func (d document) first(at int) (int, bool) {
	at = d.skipSpace(at + 1)
	return at, d[at] != '}' && d[at] != ']'
}

// key returns the member name at at, and the position of its value.
func (d document) key(at int) ([]byte, int) {
	end := d.endString(at)
	name := []byte(d[at+1 : end-1])
	if bytes.IndexByte(name, '\\') >= 0 {
		name = []byte(d.unquote(at, end))
	}
	return name, d.skipSpace(d.skipSpace(end) + 1)
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

// text returns the string at at.
func (d document) text(at int) (string, error) {
	if d[at] != '"' {
		return "", d.mismatch(at, "String")
	}
	text := d.unquote(at, d.endString(at))
	for i := range len(text) {
		if text[i] == 0 {
			return "", serializationError("U+0000 is not allowed in a string")
		}
	}
	return text, nil
}

// integer returns the number at at as AWS reads it: a fraction is dropped, and a
// number outside the range of 32-bit integers becomes the nearest in it.
func (d document) integer(at int) (int, error) {
	if d[at] != '-' && (d[at] < '0' || d[at] > '9') {
		return 0, d.mismatch(at, "Integer")
	}
	// A number out of range is an infinity.
	f, _ := strconv.ParseFloat(string(d[at:d.end(at)]), 64)
	return int(math.Trunc(max(math.MinInt32, min(math.MaxInt32, f)))), nil
}

func (d document) boolean(at int) (bool, error) {
	if d[at] != 't' && d[at] != 'f' {
		return false, d.mismatch(at, "Boolean")
	}
	return d[at] == 't', nil
}

// mismatch returns AWS's error for a value of another type than want.
func (d document) mismatch(at int, want string) error {
	switch c := d[at]; c {
	case '{':
		return serializationError("Start of structure or map found where not expected")
	case '[':
		return serializationError("Unrecognized collection type class java.lang." + want)
	case '"':
		return serializationError("STRING_VALUE cannot be converted to " + want)
	case 't':
		return serializationError("TRUE_VALUE cannot be converted to " + want)
	case 'f':
		return serializationError("FALSE_VALUE cannot be converted to " + want)
	}

	if bytes.ContainsAny(d[at:d.end(at)], ".eE") {
		return serializationError("DECIMAL_VALUE cannot be converted to " + want)
	}

	return serializationError("NUMBER_VALUE cannot be converted to " + want)
}
