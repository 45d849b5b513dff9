package deploymentfile

import (
	"bytes"
	"encoding/json"
	"errors"
	"io"

	"go.yaml.in/yaml/v3"
)

// maxJSONDepth is how deep a JSON file may nest.
const maxJSONDepth = 100

var errJSONDepth = errors.New("the file nests too deeply")

// isJSON reports whether a file is JSON: it begins with a brace, and the whole is
// valid. Not all JSON is YAML, which has no \/ and no keys above 1,024 characters, and
// not all text that begins with a brace is JSON.
func isJSON(data []byte) bool {
	return bytes.HasPrefix(bytes.TrimLeft(data, " \t\r\n"), []byte("{")) && json.Valid(data)
}

// A jsonReader converts JSON to the nodes that the YAML library makes of it.
type jsonReader struct {
	data    []byte
	decoder *json.Decoder
	counted int // offset up to which lines are counted
	line    int
}

func decodeJSON(data []byte) (*yaml.Node, error) {
	reader := &jsonReader{data: data, decoder: json.NewDecoder(bytes.NewReader(data)), line: 1}
	reader.decoder.UseNumber()
	return reader.value(0)
}

func (r *jsonReader) value(depth int) (*yaml.Node, error) {
	if depth > maxJSONDepth {
		return nil, errJSONDepth
	}

	token, err := r.decoder.Token()
	if err != nil {
		return nil, err
	}

	node := &yaml.Node{Kind: yaml.ScalarNode, Line: r.currentLine()}
	switch value := token.(type) {
	case json.Delim:
		node.Kind = yaml.SequenceNode
		node.Tag = "!!seq"
		if value == '{' {
			node.Kind = yaml.MappingNode
			node.Tag = "!!map"
		}
		return node, r.children(node, depth)

	case string:
		node.SetString(value)
	case json.Number:
		node.Tag = "!!float"
		node.Value = value.String()
	case bool:
		node.Tag = "!!bool"
		node.Value = "false"
		if value {
			node.Value = "true"
		}
	default:
		node.Tag = "!!null"
	}

	return node, nil
}

// children reads the elements of a list, or the keys and values of an object, in turn.
func (r *jsonReader) children(node *yaml.Node, depth int) error {
	for r.decoder.More() {
		child, err := r.value(depth + 1)
		if err != nil {
			return err
		}
		node.Content = append(node.Content, child)
	}

	_, err := r.decoder.Token()
	if errors.Is(err, io.EOF) {
		return io.ErrUnexpectedEOF
	}
	return err
}

// currentLine returns the line of the last token.
func (r *jsonReader) currentLine() int {
	end := int(r.decoder.InputOffset())
	r.line += bytes.Count(r.data[r.counted:end], []byte("\n"))
	r.counted = end
	return r.line
}
