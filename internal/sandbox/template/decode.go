package template

import (
	"bytes"
	"encoding/json"
	"errors"
	"io"
	"strings"
	"unicode/utf8"
)

// The limits of CloudFormation, and our own on depth, which it does not publish.
const (
	MaxBody       = 51200 // bytes of a template sent in a request
	maxDepth      = 100
	maxNodes      = 60000 // more than 51,200 bytes can hold
	maxResources  = 500
	maxParameters = 200
	maxOutputs    = 200
	maxMappings   = 200
)

// decode turns a body into nodes. A body that begins with a brace is JSON, as
// CloudFormation decides it.
func decode(body string) (*node, error) {
	if len(body) > MaxBody {
		return nil, errorf("Template may not exceed %d bytes in size.", MaxBody)
	}
	if !utf8.ValidString(body) {
		return nil, errorf("Template format error: the template is not valid UTF-8")
	}

	text := strings.TrimLeft(strings.TrimPrefix(body, "\ufeff"), " \t\r\n")
	if text == "" {
		return nil, errorf("Template format error: unsupported structure.")
	}
	if text[0] == '{' {
		return decodeJSON(body)
	}

	return decodeYAML(body)
}

// jsonReader walks the tokens of a JSON text, counting lines as it goes.
type jsonReader struct {
	body  []byte
	dec   *json.Decoder
	seen  int // offset up to which lines are counted
	line  int
	nodes int
}

func decodeJSON(body string) (*node, error) {
	b := []byte(strings.TrimPrefix(body, "\ufeff"))
	r := &jsonReader{body: b, dec: json.NewDecoder(bytes.NewReader(b)), line: 1}
	r.dec.UseNumber()
	n, err := r.value(0)
	if err != nil {
		return nil, err
	}
	if _, err := r.dec.Token(); !errors.Is(err, io.EOF) {
		return nil, r.malformed()
	}
	return n, nil
}

// here returns the line of the token read last.
func (r *jsonReader) here() int {
	end := int(r.dec.InputOffset())
	if end > len(r.body) {
		end = len(r.body)
	}
	r.line += bytes.Count(r.body[r.seen:end], []byte("\n"))
	r.seen = end
	return r.line
}

func (r *jsonReader) malformed() error {
	line := r.here()
	column := r.seen - bytes.LastIndexByte(r.body[:r.seen], '\n')
	return errorf("Template format error: JSON not well-formed. (line %d, column %d)", line, column)
}

func (r *jsonReader) value(depth int) (*node, error) {
	tok, err := r.dec.Token()
	if err != nil {
		return nil, r.malformed()
	}

	n := &node{line: r.here()}
	if r.nodes++; depth > maxDepth || r.nodes > maxNodes {
		return nil, faultf(n.line, "Template format error: the template nests deeper than %d levels or has too many values", maxDepth)
	}

	switch t := tok.(type) {
	case json.Delim:
		if t == '[' {
			return n, r.list(n, depth)
		}
		if t == '{' {
			return n, r.object(n, depth)
		}
		return nil, r.malformed()

	case string:
		n.text = t
	case json.Number:
		n.text = t.String()
	case bool:
		n.text = "false"
		if t {
			n.text = "true"
		}

	default:
		n.kind = null
	}

	return n, nil
}

func (r *jsonReader) list(n *node, depth int) error {
	n.kind = list
	for r.dec.More() {
		it, err := r.value(depth + 1)
		if err != nil {
			return err
		}
		n.items = append(n.items, it)
	}
	return r.end()
}

func (r *jsonReader) object(n *node, depth int) error {
	n.kind = object
	seen := map[string]bool{}
	for r.dec.More() {
		tok, err := r.dec.Token()
		if err != nil {
			return r.malformed()
		}

		name, ok := tok.(string)
		if !ok {
			return r.malformed()
		}

		line := r.here()
		if seen[name] {
			return faultf(line, "Template format error: duplicate key %q", clip(name))
		}

		seen[name] = true
		v, err := r.value(depth + 1)
		if err != nil {
			return err
		}

		n.fields = append(n.fields, field{name: name, line: line, value: v})
	}

	return r.end()
}

func (r *jsonReader) end() error {
	if _, err := r.dec.Token(); err != nil {
		return r.malformed()
	}
	return nil
}
