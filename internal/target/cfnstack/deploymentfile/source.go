package deploymentfile

import (
	"bytes"
	"fmt"
	"io"
	"regexp"
	"strconv"
	"strings"

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

// lfsPointer is how the file begins that Git has in place of one that is kept in LFS.
const lfsPointer = "version https://git-lfs.github.com/spec/"

var yamlLine = regexp.MustCompile(`^yaml: (?:line (\d+): )?(.*)$`)

// root returns the mapping that the file consists of.
func (s source) root(data []byte) (*yaml.Node, error) {
	data = bytes.TrimPrefix(data, []byte("\ufeff"))
	if bytes.HasPrefix(data, []byte(lfsPointer)) {
		return nil, s.errorf(0, "", "the file is a Git LFS pointer, and Lockstep reads only what is in Git; "+
			"take the file out of LFS with `git lfs untrack` and commit it")
	}

	if isJSON(data) {
		root, err := decodeJSON(data)
		if err != nil {
			return nil, s.errorf(0, "", "%s", err)
		}
		return root, nil
	}

	decoder := yaml.NewDecoder(bytes.NewReader(data))
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

// eachKey calls visit for every key of a mapping, in order. Of a key of a template that
// is there several times only the last one counts, as at AWS; see duplicates.
func (s source) eachKey(n *yaml.Node, prefix string, visit func(key string, name, value *yaml.Node) error) error {
	last := make(map[string]int, len(n.Content)/2)
	for i := 0; i+1 < len(n.Content); i += 2 {
		name := n.Content[i]
		if name.Kind != yaml.ScalarNode || name.ShortTag() == "!!null" || name.ShortTag() == "!!merge" {
			return s.errorf(name.Line, strings.TrimSuffix(prefix, "."), "a key of the mapping is not a plain name")
		}
		last[name.Value] = i
	}

	for i := 0; i+1 < len(n.Content); i += 2 {
		name := n.Content[i]
		if last[name.Value] != i {
			continue
		}
		if err := visit(prefix+name.Value, name, n.Content[i+1]); err != nil {
			return err
		}
	}

	return nil
}

// refuseDuplicates refuses keys that a mapping has several times. Of a deployment file
// either could be meant, and both are read by people.
func (s source) refuseDuplicates(node *yaml.Node, prefix string) error {
	lines := map[string]int{}
	for i, child := range node.Content {
		key := prefix
		if node.Kind == yaml.MappingNode && i%2 == 0 {
			if first, ok := lines[child.Value]; ok {
				return s.errorf(child.Line, prefix+child.Value, "the key is a duplicate of line %d", first)
			}
			lines[child.Value] = child.Line
			continue
		}

		if node.Kind == yaml.MappingNode {
			key += node.Content[i-1].Value + "."
		}
		if err := s.refuseDuplicates(child, key); err != nil {
			return err
		}
	}
	return nil
}

// maxDuplicates is how many duplicate keys of a file are reported.
const maxDuplicates = 5

// duplicates returns a warning for each key that a mapping of the file has several
// times, with the place of the one that counts.
func (s source) duplicates(node *yaml.Node, prefix string) (warnings []string) {
	if node.Kind != yaml.MappingNode {
		for _, child := range node.Content {
			warnings = append(warnings, s.duplicates(child, prefix)...)
		}
		return warnings[:min(len(warnings), maxDuplicates)]
	}

	lines := map[string]int{}
	for i := 0; i+1 < len(node.Content) && len(warnings) < maxDuplicates; i += 2 {
		name := node.Content[i]
		if first, ok := lines[name.Value]; ok {
			warnings = append(warnings, fmt.Sprintf("%s %q, line %d, key %s: the key is a duplicate of line %d; "+
				"this one counts.", s.what, s.name, name.Line, prefix+name.Value, first))
		}
		lines[name.Value] = name.Line
		warnings = append(warnings, s.duplicates(node.Content[i+1], prefix+name.Value+".")...)
	}

	return warnings[:min(len(warnings), maxDuplicates)]
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

// lookup returns the value of a key of a mapping, or nil. Of several it returns the
// last.
func lookup(node *yaml.Node, key string) (value *yaml.Node) {
	if node == nil || node.Kind != yaml.MappingNode {
		return nil
	}
	for i := 0; i+1 < len(node.Content); i += 2 {
		if node.Content[i].Kind == yaml.ScalarNode && node.Content[i].Value == key {
			value = node.Content[i+1]
		}
	}
	return value
}

// isNull reports whether a key has no value, as in "tags:" or "tags: null".
func isNull(node *yaml.Node) bool { return node.Kind == yaml.ScalarNode && node.ShortTag() == "!!null" }
