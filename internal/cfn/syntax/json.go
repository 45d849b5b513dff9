package syntax

import (
	"bytes"
	"encoding/json"
	"errors"
	"io"
	"strings"
	"unicode/utf8"
)

// The limits of a template's text. That of the depth is ours, since CloudFormation
// publishes none.
const (
	MaxBody  = 51200 // bytes of a template sent in a request
	maxDepth = 100
	maxNodes = 60000 // more than 51,200 bytes can hold
)

// Decode decodes the text of a template. A text that begins with a brace is JSON, as
// for CloudFormation.
func Decode(body string) (*Node, error) {
	if len(body) > MaxBody {
		return nil, Errorf("Template may not exceed %d bytes in size.", MaxBody)
	}
	if !utf8.ValidString(body) {
		return nil, Errorf("Template format error: the template is not valid UTF-8")
	}

	text := strings.TrimLeft(strings.TrimPrefix(body, "\ufeff"), " \t\r\n")
	if text == "" {
		return nil, Errorf("Template format error: unsupported structure.")
	}
	if text[0] == '{' {
		return decodeJSON(body)
	}

	return decodeYAML(body)
}

// A jsonReader reads the tokens of a JSON text and counts the lines.
type jsonReader struct {
	body  []byte
	dec   *json.Decoder
	seen  int // offset up to which lines are counted
	line  int
	nodes int
}

func decodeJSON(body string) (*Node, error) {
	b := []byte(strings.TrimPrefix(body, "\ufeff"))
	reader := &jsonReader{body: b, dec: json.NewDecoder(bytes.NewReader(b)), line: 1}
	reader.dec.UseNumber()
	root, err := reader.value(0)
	if err != nil {
		return nil, err
	}
	if _, err := reader.dec.Token(); !errors.Is(err, io.EOF) {
		return nil, reader.malformed()
	}
	return root, nil
}

// currentLine returns the line of the last token.
func (r *jsonReader) currentLine() int {
	end := int(r.dec.InputOffset())
	if end > len(r.body) {
		end = len(r.body)
	}
	r.line += bytes.Count(r.body[r.seen:end], []byte("\n"))
	r.seen = end
	return r.line
}

func (r *jsonReader) malformed() error {
	line := r.currentLine()
	column := r.seen - bytes.LastIndexByte(r.body[:r.seen], '\n')
	return Errorf("Template format error: JSON not well-formed. (line %d, column %d)", line, column)
}

func (r *jsonReader) value(depth int) (*Node, error) {
	tok, err := r.dec.Token()
	if err != nil {
		return nil, r.malformed()
	}

	node := &Node{Line: r.currentLine()}
	if r.nodes++; depth > maxDepth || r.nodes > maxNodes {
		return nil, ErrorAt(node.Line,
			"Template format error: the template nests deeper than %d levels or has too many values", maxDepth)
	}

	switch t := tok.(type) {
	case json.Delim:
		if t == '[' {
			return node, r.list(node, depth)
		}
		if t == '{' {
			return node, r.object(node, depth)
		}
		return nil, r.malformed()

	case string:
		node.Text = t
	case json.Number:
		node.Text = t.String()
	case bool:
		node.Text = "false"
		if t {
			node.Text = "true"
		}

	default:
		node.Kind = Null
	}

	return node, nil
}

func (r *jsonReader) list(list *Node, depth int) error {
	list.Kind = List
	for r.dec.More() {
		item, err := r.value(depth + 1)
		if err != nil {
			return err
		}
		list.Items = append(list.Items, item)
	}
	return r.end()
}

func (r *jsonReader) object(object *Node, depth int) error {
	object.Kind = Object
	at := map[string]int{}
	for r.dec.More() {
		tok, err := r.dec.Token()
		if err != nil {
			return r.malformed()
		}

		name, ok := tok.(string)
		if !ok {
			return r.malformed()
		}

		line := r.currentLine()
		value, err := r.value(depth + 1)
		if err != nil {
			return err
		}

		object.setField(Field{Name: name, Line: line, Value: value}, at)
	}

	return r.end()
}

func (r *jsonReader) end() error {
	if _, err := r.dec.Token(); err != nil {
		return r.malformed()
	}
	return nil
}
