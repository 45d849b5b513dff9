package deploymentfile

import (
	"bytes"
	"fmt"
	"io"
	"regexp"
	"strconv"
	"strings"
	"unicode/utf16"

	"go.yaml.in/yaml/v3"

	"github.com/lockstephq/lockstep"
)

// A source is a YAML or JSON file that is read strictly. Its errors name the file,
// the line and the key, and never a value, since values may be secrets.
type source struct {
	what string // Deployment file or Template
	name string
}

// errorf returns an error at a line and a key. Line 0 and key "" are left out.
func (s source) errorf(line int, key, format string, args ...any) error {
	at := fmt.Sprintf("%s %q", s.what, s.name)
	if line > 0 {
		at += ", line " + strconv.Itoa(line)
	}
	if key != "" {
		at += ", key " + key
	}
	return lockstep.Errorf(lockstep.Invalid, "%s: %s.", at, fmt.Sprintf(format, args...))
}

var yamlLine = regexp.MustCompile(`^yaml: (?:line (\d+): )?(.*)$`)

// root returns the mapping that the file consists of.
func (s source) root(data []byte) (*yaml.Node, error) {
	decoder := yaml.NewDecoder(bytes.NewReader(joinSurrogates(data)))
	var doc yaml.Node
	err := decoder.Decode(&doc)
	if err == io.EOF {
		return nil, s.errorf(0, "", "the file is empty")
	}

	if err != nil {
		match := yamlLine.FindStringSubmatch(strings.ReplaceAll(err.Error(), "\n", " "))
		if match == nil {
			return nil, s.errorf(0, "", "the file is neither YAML nor JSON")
		}

		line, _ := strconv.Atoi(match[1])
		if strings.Contains(match[2], "anchor") { // the parser's message would contain the value
			match[2] = "put a value that begins with * or & in quotes"
		}

		return nil, s.errorf(line, "", "the file is neither YAML nor JSON: %s", match[2])
	}

	if doc.Kind != yaml.DocumentNode || len(doc.Content) != 1 || doc.Content[0].Kind != yaml.MappingNode {
		return nil, s.errorf(1, "", "the file is not a mapping of keys to values")
	}

	var second yaml.Node
	if err := decoder.Decode(&second); err != io.EOF {
		return nil, s.errorf(second.Line, "", "the file has more than one document")
	}

	return doc.Content[0], nil
}

// refuseAliases refuses anchors and aliases, since a small file could expand to a
// huge one.
func (s source) refuseAliases(node *yaml.Node) error {
	if node.Kind == yaml.AliasNode || node.Anchor != "" {
		return s.errorf(node.Line, "", "anchors and aliases are not allowed; write the value out")
	}
	for _, child := range node.Content {
		if err := s.refuseAliases(child); err != nil {
			return err
		}
	}
	return nil
}

// eachKey calls visit for every key of a mapping, in order. It refuses duplicate
// keys.
func (s source) eachKey(n *yaml.Node, prefix string, visit func(key string, name, value *yaml.Node) error) error {
	seen := make(map[string]int, len(n.Content)/2)
	for i := 0; i+1 < len(n.Content); i += 2 {
		name, value := n.Content[i], n.Content[i+1]
		if name.Kind != yaml.ScalarNode || name.ShortTag() == "!!null" || name.ShortTag() == "!!merge" {
			return s.errorf(name.Line, strings.TrimSuffix(prefix, "."), "a key of the mapping is not a plain name")
		}
		if first, twice := seen[name.Value]; twice {
			return s.errorf(name.Line, prefix+name.Value, "the key is a duplicate of line %d", first)
		}

		seen[name.Value] = name.Line
		if err := visit(prefix+name.Value, name, value); err != nil {
			return err
		}
	}

	return nil
}

// scalar returns the text of a string, number or boolean. A number keeps its text,
// so that 1.10 stays 1.10.
func (s source) scalar(node *yaml.Node, key string) (string, error) {
	if node.Kind != yaml.ScalarNode {
		return "", s.errorf(node.Line, key, "the value is neither a string nor a number nor a boolean")
	}

	switch tag := node.ShortTag(); tag {
	case "!!str", "!!int", "!!float", "!!timestamp":
		return node.Value, nil
	case "!!bool":
		return strings.ToLower(node.Value), nil
	case "!!null":
		return "", s.errorf(node.Line, key, "a value cannot be null; write \"\" for an empty one")
	default:
		return "", s.errorf(node.Line, key, "the tag %s is not supported", lockstep.Truncate(tag, 40))
	}
}

var jsonEscape = regexp.MustCompile(`\\(?:u([dD][89abAB][0-9a-fA-F]{2})\\u([dD][c-fC-F][0-9a-fA-F]{2})|.)`)

// joinSurrogates replaces JSON's pairs of escapes for characters above U+FFFF by the
// characters, since YAML does not have these pairs.
func joinSurrogates(data []byte) []byte {
	if !bytes.HasPrefix(bytes.TrimSpace(data), []byte("{")) || !bytes.Contains(bytes.ToLower(data), []byte(`\ud`)) {
		return data
	}

	return jsonEscape.ReplaceAllFunc(data, func(escape []byte) []byte {
		match := jsonEscape.FindSubmatch(escape)
		if match[1] == nil {
			return escape
		}

		high, _ := strconv.ParseUint(string(match[1]), 16, 16)
		low, _ := strconv.ParseUint(string(match[2]), 16, 16)
		return []byte(string(utf16.DecodeRune(rune(high), rune(low))))
	})
}

// lookup returns the value of a key of a mapping, or nil.
func lookup(node *yaml.Node, key string) *yaml.Node {
	if node == nil || node.Kind != yaml.MappingNode {
		return nil
	}
	for i := 0; i+1 < len(node.Content); i += 2 {
		if node.Content[i].Kind == yaml.ScalarNode && node.Content[i].Value == key {
			return node.Content[i+1]
		}
	}
	return nil
}
