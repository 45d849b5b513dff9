package awsjson

import (
	"encoding/json"
	"reflect"
	"strconv"
	"unicode/utf8"
)

// Raw is an output that is encoded already, as a JSON object. It is sent as it is.
type Raw []byte

// appendStructure appends a struct. Optional members are left out if they are zero
// (a nil list, but not an empty one), required lists are never null, and fields that
// are not members of the service are left out.
func appendStructure(b []byte, schema *structure, value reflect.Value) ([]byte, error) {
	b = append(b, '{')
	first := true
	for i := range schema.members {
		member := &schema.members[i]
		field := value.Field(member.field)
		if !member.required && isZero(field) {
			continue
		}

		if member.pointer {
			if field.IsNil() {
				continue
			}
			field = field.Elem()
		}

		if !first {
			b = append(b, ',')
		}

		first = false
		var err error
		if b, err = appendValue(append(b, member.key...), member, field); err != nil {
			return nil, err
		}
	}

	return append(b, '}'), nil
}

// isZero reports whether encoding/json's omitzero leaves value out.
func isZero(value reflect.Value) bool {
	if value.Kind() == reflect.Struct {
		if z, ok := value.Interface().(interface{ IsZero() bool }); ok {
			return z.IsZero()
		}
	}
	return value.IsZero()
}

func appendValue(b []byte, member *member, value reflect.Value) ([]byte, error) {
	switch member.kind {
	case text:
		return appendText(b, value.String()), nil
	case integer:
		return appendInt(b, int(value.Int())), nil
	case boolean:
		return strconv.AppendBool(b, value.Bool()), nil
	case structureKind:
		return appendStructure(b, member.of, value)
	case custom:
		// encoding/json checks what the type writes.
		raw, err := json.Marshal(value.Interface())
		return append(b, raw...), err
	}

	b = append(b, '[')
	for i := range value.Len() {
		if i > 0 {
			b = append(b, ',')
		}

		if member.kind == textList {
			b = appendText(b, value.Index(i).String())
			continue
		}

		var err error
		if b, err = appendStructure(b, member.of, value.Index(i)); err != nil {
			return nil, err
		}
	}

	return append(b, ']'), nil
}

func appendInt(b []byte, n int) []byte { return strconv.AppendInt(b, int64(n), 10) }

// appendText appends a JSON string. Like AWS, and unlike encoding/json, it does not
// escape <, > and &. Invalid UTF-8 becomes U+FFFD.
func appendText(b []byte, text string) []byte {
	const hex = "0123456789abcdef"
	b = append(b, '"')
	start := 0
	for i := 0; i < len(text); {
		char := text[i]
		if char >= ' ' && char != '"' && char != '\\' && char < utf8.RuneSelf {
			i++
			continue
		}

		width := 1
		if char >= utf8.RuneSelf {
			var r rune
			if r, width = utf8.DecodeRuneInString(text[i:]); r != utf8.RuneError || width > 1 {
				i += width
				continue
			}
		}

		b = append(b, text[start:i]...)
		switch {
		case char == '"', char == '\\':
			b = append(b, '\\', char)
		case char == '\n':
			b = append(b, `\n`...)
		case char == '\r':
			b = append(b, `\r`...)
		case char == '\t':
			b = append(b, `\t`...)
		case char < ' ':
			b = append(b, `\u00`...)
			b = append(b, hex[char>>4], hex[char&15])
		default:
			b = append(b, "\uFFFD"...)
		}

		i += width
		start = i
	}

	return append(append(b, text[start:]...), '"')
}
