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

// Encode returns a deployment file with AWS's three keys, as AWS's console writes
// them. The error is Invalid if no deployment file can express the deployment.
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
		return nil, lockstep.Wrapf(lockstep.Invalid, err,
			"A deployment file cannot express this: %s", lockstep.Shown(err))
	}

	return b.Bytes(), nil
}

// yaml11Boolean matches the booleans of YAML 1.1, which other programs read these
// files with. The library quotes those of newer YAML.
var yaml11Boolean = regexp.MustCompile(`^(?i:y|n|yes|no|on|off)$`)

// stringNode returns a string, also of text that looks like another type: 007 or yes.
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

// Equal reports whether two deployment files ask for the same deployment. A file
// without tags differs from one with tags {}, which removes the stack's tags.
func (Encoder) Equal(a, b []byte) bool {
	first, firstErr := parseDeploymentFile("a", a)
	second, secondErr := parseDeploymentFile("b", b)
	if firstErr != nil || secondErr != nil || first.Template != second.Template || first.HasTags != second.HasTags {
		return false
	}
	return maps.Equal(first.parameterValues(), second.parameterValues()) &&
		maps.Equal(first.tagValues(), second.tagValues())
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
