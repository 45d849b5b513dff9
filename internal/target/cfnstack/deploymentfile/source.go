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
		m := yamlLine.FindStringSubmatch(strings.ReplaceAll(err.Error(), "\n", " "))
		if m == nil {
			return nil, s.errorf(0, "", "the file is neither YAML nor JSON")
		}

		line, _ := strconv.Atoi(m[1])
		if strings.Contains(m[2], "anchor") { // the parser's text would quote a value that begins with *
			m[2] = "a value that begins with * or & has to stand in quotes"
		}

		return nil, s.errorf(line, "", "the file is neither YAML nor JSON: %s", m[2])
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
func (s source) refuseAliases(n *yaml.Node) error {
	if n.Kind == yaml.AliasNode || n.Anchor != "" {
		return s.errorf(n.Line, "", "anchors and aliases are not allowed; write the value out")
	}
	for _, child := range n.Content {
		if err := s.refuseAliases(child); err != nil {
			return err
		}
	}
	return nil
}

// eachKey calls visit for every key of a mapping, in order, and refuses a key
// that comes twice.
func (s source) eachKey(n *yaml.Node, prefix string, visit func(key string, k, v *yaml.Node) error) error {
	seen := make(map[string]int, len(n.Content)/2)
	for i := 0; i+1 < len(n.Content); i += 2 {
		k, v := n.Content[i], n.Content[i+1]
		if k.Kind != yaml.ScalarNode || k.ShortTag() == "!!null" || k.ShortTag() == "!!merge" {
			return s.errorf(k.Line, strings.TrimSuffix(prefix, "."), "a key of the mapping is not a plain name")
		}
		if first, twice := seen[k.Value]; twice {
			return s.errorf(k.Line, prefix+k.Value, "the key stands here twice, first in line %d", first)
		}

		seen[k.Value] = k.Line
		if err := visit(prefix+k.Value, k, v); err != nil {
			return err
		}
	}

	return nil
}

// scalar gives the text of a string, number or boolean. A number keeps the
// text it was written in, so that 1.10 stays 1.10.
func (s source) scalar(n *yaml.Node, key string) (string, error) {
	if n.Kind != yaml.ScalarNode {
		return "", s.errorf(n.Line, key, "the value is neither a string nor a number nor a boolean")
	}

	switch tag := n.ShortTag(); tag {
	case "!!str", "!!int", "!!float", "!!timestamp":
		return n.Value, nil
	case "!!bool":
		return strings.ToLower(n.Value), nil
	case "!!null":
		return "", s.errorf(n.Line, key, "a value cannot be null; write \"\" for an empty one")
	default:
		return "", s.errorf(n.Line, key, "the tag %s means nothing here", lockstep.Truncate(tag, 40))
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
		m := jsonEscape.FindSubmatch(escape)
		if m[1] == nil {
			return escape
		}

		high, _ := strconv.ParseUint(string(m[1]), 16, 16)
		low, _ := strconv.ParseUint(string(m[2]), 16, 16)
		return []byte(string(utf16.DecodeRune(rune(high), rune(low))))
	})
}

// lookup gives the value of a key of a mapping, nil where there is none.
func lookup(n *yaml.Node, key string) *yaml.Node {
	if n == nil || n.Kind != yaml.MappingNode {
		return nil
	}
	for i := 0; i+1 < len(n.Content); i += 2 {
		if n.Content[i].Kind == yaml.ScalarNode && n.Content[i].Value == key {
			return n.Content[i+1]
		}
	}
	return nil
}
