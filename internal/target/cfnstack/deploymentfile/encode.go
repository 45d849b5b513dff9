package deploymentfile

import (
	"bytes"
	"fmt"
	"maps"
	"regexp"
	"slices"

	"go.yaml.in/yaml/v3"

	"github.com/lockstephq/lockstep"
	"github.com/lockstephq/lockstep/internal/target"
)

// An Encoder writes deployment files.
type Encoder struct{}

// Encode returns a deployment file, with AWS's three keys as its console writes
// them. Invalid where no deployment file could say that.
func (Encoder) Encode(w target.Deployment) ([]byte, error) {
	root := &yaml.Node{Kind: yaml.MappingNode}
	add := func(key string, value *yaml.Node) {
		root.Content = append(root.Content, &yaml.Node{Kind: yaml.ScalarNode, Value: key}, value)
	}
	add("template-file-path", stringNode(w.Template))
	add("parameters", mappingNode(w.Parameters))
	add("tags", mappingNode(w.Tags))
	var b bytes.Buffer
	out := yaml.NewEncoder(&b)
	out.SetIndent(2)

	if err := out.Encode(root); err != nil {
		return nil, fmt.Errorf("encode deployment file: %w", err)
	}
	if _, err := parseDeploymentFile("new", b.Bytes()); err != nil {
		return nil, lockstep.Wrapf(lockstep.Invalid, err, "No deployment file can say that: %s", lockstep.Shown(err))
	}

	return b.Bytes(), nil
}

// yaml11Boolean is what YAML 1.1, which others read these files with, takes for true
// or false. What newer YAML takes for something else the library puts in quotes.
var yaml11Boolean = regexp.MustCompile(`^(?i:y|n|yes|no|on|off)$`)

// stringNode is a string whatever it looks like: 007 and yes too.
func stringNode(value string) *yaml.Node {
	node := &yaml.Node{}
	node.SetString(value)
	if yaml11Boolean.MatchString(value) {
		node.Style = yaml.DoubleQuotedStyle
	}
	return node
}

func mappingNode(values map[string]string) *yaml.Node {
	node := &yaml.Node{Kind: yaml.MappingNode}
	if len(values) == 0 {
		node.Style = yaml.FlowStyle // {}
	}
	for _, key := range slices.Sorted(maps.Keys(values)) {
		node.Content = append(node.Content, stringNode(key), stringNode(values[key]))
	}
	return node
}

// Equal reports whether two deployment files ask for the same, however they are
// written. No tags at all are not the same as {}: that clears the stack's.
func (Encoder) Equal(a, b []byte) bool {
	first, errX := parseDeploymentFile("a", a)
	second, errY := parseDeploymentFile("b", b)
	if errX != nil || errY != nil || first.Template != second.Template || first.HasTags != second.HasTags {
		return false
	}
	return maps.Equal(first.parameterValues(), second.parameterValues()) && maps.Equal(first.tagValues(), second.tagValues())
}

func (f File) parameterValues() map[string]string {
	all := map[string]string{}
	for _, p := range f.Parameters {
		all[p.Name] = p.Value
	}
	return all
}

func (f File) tagValues() map[string]string {
	all := map[string]string{}
	for _, t := range f.Tags {
		all[t.Key] = t.Value
	}
	return all
}
