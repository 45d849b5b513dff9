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

// A source is a YAML or JSON file that is being read strictly. Its errors name
// file, line and key, and never a value: values may be secrets.
type source struct {
	what string // Deployment file or Template
	name string
}

// errorf makes an error at a node; key is "" for the file as a whole.
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

// root gives the file's one mapping.
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
		if strings.Contains(match[2], "anchor") { // the parser's text would quote a value that begins with *
			match[2] = "a value that begins with * or & has to stand in quotes"
		}

		return nil, s.errorf(line, "", "the file is neither YAML nor JSON: %s", match[2])
	}

	if doc.Kind != yaml.DocumentNode || len(doc.Content) != 1 || doc.Content[0].Kind != yaml.MappingNode {
		return nil, s.errorf(1, "", "the file is not a mapping of keys to values")
	}

	var second yaml.Node
	if err := decoder.Decode(&second); err != io.EOF {
		return nil, s.errorf(second.Line, "", "there is more than one document in the file")
	}

	return doc.Content[0], nil
}

// refuseAliases refuses anchors and aliases, with which a small file can stand for
// a huge one.
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

// eachKey calls visit for every key of a mapping, in order, and refuses a key
// that comes twice.
func (s source) eachKey(n *yaml.Node, prefix string, visit func(key string, name, value *yaml.Node) error) error {
	seen := make(map[string]int, len(n.Content)/2)
	for i := 0; i+1 < len(n.Content); i += 2 {
		name, value := n.Content[i], n.Content[i+1]
		if name.Kind != yaml.ScalarNode || name.ShortTag() == "!!null" || name.ShortTag() == "!!merge" {
			return s.errorf(name.Line, strings.TrimSuffix(prefix, "."), "a key of the mapping is not a plain name")
		}
		if first, twice := seen[name.Value]; twice {
			return s.errorf(name.Line, prefix+name.Value, "the key stands here twice, first in line %d", first)
		}

		seen[name.Value] = name.Line
		if err := visit(prefix+name.Value, name, value); err != nil {
			return err
		}
	}

	return nil
}

// scalar gives the text of a string, number or boolean. A number keeps the
// text it was written in, so that 1.10 stays 1.10.
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
		return "", s.errorf(node.Line, key, "the tag %s means nothing here", lockstep.Truncate(tag, 40))
	}
}

var jsonEscape = regexp.MustCompile(`\\(?:u([dD][89abAB][0-9a-fA-F]{2})\\u([dD][c-fC-F][0-9a-fA-F]{2})|.)`)

// joinSurrogates writes the pairs of escapes by which JSON spells characters
// above U+FFFF as those characters: YAML, otherwise a superset, lacks them.
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

// lookup gives the value of a key of a mapping, nil where there is none.
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
