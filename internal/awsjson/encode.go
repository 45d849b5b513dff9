package awsjson

import (
	"encoding/json"
	"reflect"
	"strconv"
	"unicode/utf8"
)

// Raw is an output that is encoded already: a whole JSON object, sent as it is.
// An operation that returns *Raw vouches for it.
type Raw []byte

// appendStructure writes v, a struct that s describes: optional members are
// left out when zero (a nil list, but not an empty one), required lists are
// never null, and what is no member of the service is not written.
func appendStructure(b []byte, s *structure, v reflect.Value) ([]byte, error) {
	b = append(b, '{')
	first := true
	for i := range s.members {
		m := &s.members[i]
		f := v.Field(m.field)
		if !m.required && isZero(f) {
			continue
		}

		if m.pointer {
			if f.IsNil() {
				continue
			}
			f = f.Elem()
		}

		if !first {
			b = append(b, ',')
		}

		first = false
		var err error
		if b, err = appendValue(append(b, m.key...), m, f); err != nil {
			return nil, err
		}
	}

	return append(b, '}'), nil
}

// isZero is what omitzero of encoding/json asks.
func isZero(v reflect.Value) bool {
	if v.Kind() == reflect.Struct {
		if z, ok := v.Interface().(interface{ IsZero() bool }); ok {
			return z.IsZero()
		}
	}
	return v.IsZero()
}

func appendValue(b []byte, m *member, v reflect.Value) ([]byte, error) {
	switch m.kind {
	case text:
		return appendText(b, v.String()), nil
	case integer:
		return appendInt(b, int(v.Int())), nil
	case boolean:
		return strconv.AppendBool(b, v.Bool()), nil
	case structureKind:
		return appendStructure(b, m.of, v)
	case custom:
		// encoding/json checks what the type writes.
		raw, err := json.Marshal(v.Interface())
		return append(b, raw...), err
	}

	b = append(b, '[')
	for i := range v.Len() {
		if i > 0 {
			b = append(b, ',')
		}

		if m.kind == textList {
			b = appendText(b, v.Index(i).String())
			continue
		}

		var err error
		if b, err = appendStructure(b, m.of, v.Index(i)); err != nil {
			return nil, err
		}
	}

	return append(b, ']'), nil
}

func appendInt(b []byte, n int) []byte { return strconv.AppendInt(b, int64(n), 10) }

// appendText writes a JSON string. Unlike encoding/json it leaves <, > and &
// as they are, as AWS does; what is not UTF-8 becomes U+FFFD.
func appendText(b []byte, s string) []byte {
	const hex = "0123456789abcdef"
	b = append(b, '"')
	start := 0
	for i := 0; i < len(s); {
		c := s[i]
		if c >= ' ' && c != '"' && c != '\\' && c < utf8.RuneSelf {
			i++
			continue
		}

		n := 1
		if c >= utf8.RuneSelf {
			var r rune
			if r, n = utf8.DecodeRuneInString(s[i:]); r != utf8.RuneError || n > 1 {
				i += n
				continue
			}
		}

		b = append(b, s[start:i]...)
		switch {
		case c == '"', c == '\\':
			b = append(b, '\\', c)
		case c == '\n':
			b = append(b, `\n`...)
		case c == '\r':
			b = append(b, `\r`...)
		case c == '\t':
			b = append(b, `\t`...)
		case c < ' ':
			b = append(b, `\u00`...)
			b = append(b, hex[c>>4], hex[c&15])
		default:
			b = append(b, "\uFFFD"...)
		}

		i += n
		start = i
	}

	return append(append(b, s[start:]...), '"')
}
