package deploymentfile

import (
	"regexp"
	"strings"
	"unicode/utf8"

	"go.yaml.in/yaml/v3"
)

// Limits of a deployment file. The counts and the lengths are CloudFormation's: a
// parameter's value is counted in bytes, a tag in characters.
const (
	maxDeploymentFile = 1 << 20
	maxParameters     = 50
	maxTags           = 50
	maxValue          = 4096
	maxTagKey         = 128
	maxTagValue       = 256
)

// A File is AWS's stack deployment file: a template, its parameters and tags.
type File struct {
	source     source
	Name       string // of the stack, from lockstep.name; "" if the file has none
	Template   string // a clean path
	Parameters []Parameter
	// Tags are the stack's tags. Without HasTags the stack keeps its own.
	Tags    []Tag
	HasTags bool
}

// A Parameter is one value of a deployment file.
type Parameter struct {
	Name   string
	Value  string
	IsList bool // written as a list
	Line   int
}

// A Tag is one tag of a deployment file.
type Tag struct {
	Key   string
	Value string
}

var parameterName = regexp.MustCompile(`^[A-Za-z0-9]{1,255}$`)

// parseDeploymentFile reads a deployment file strictly. An unknown key is an error,
// since a key that is ignored is a change that never happens.
func parseDeploymentFile(name string, data []byte) (File, error) {
	file := File{source: source{deploymentFile, name}}
	root, err := file.source.root(data)
	if err != nil {
		return file, err
	}

	if lookup(root, "AWSTemplateFormatVersion") != nil || lookup(root, "Resources") != nil {
		return file, file.source.errorf(0, "",
			"this is a template; a deployment file names one under template-file-path")
	}
	if err := file.source.refuseAliases(root); err != nil {
		return file, err
	}
	if err := file.source.refuseDuplicates(root, ""); err != nil {
		return file, err
	}
	if err := file.source.eachKey(root, "", file.setKey); err != nil {
		return file, err
	}

	if file.Template == "" {
		return file, file.source.errorf(0, "template-file-path", "the key is missing")
	}

	return file, nil
}

// setKey reads one key of the top level.
func (f *File) setKey(key string, keyNode, value *yaml.Node) (err error) {
	if isNull(value) && (key == "parameters" || key == "tags") {
		return nil // as at AWS: the key is absent
	}

	switch key {
	case "template-file-path":
		if value.Kind != yaml.ScalarNode || value.ShortTag() != "!!str" {
			return f.source.errorf(value.Line, key, "the value is not a path in the repository")
		}

		var problem string
		if f.Template, problem = cleanPath(value.Value); problem != "" {
			return f.source.errorf(value.Line, key, "%s", problem)
		}

		return nil
	case "parameters":
		if err := f.checkMapping(key, value, maxParameters); err != nil {
			return err
		}
		return f.source.eachKey(value, "parameters.", f.addParameter)
	case "tags":
		if err := f.checkMapping(key, value, maxTags); err != nil {
			return err
		}

		f.HasTags = true
		return f.source.eachKey(value, "tags.", f.addTag)
	case extensionKey:
		if value.Kind != yaml.MappingNode {
			return f.source.errorf(value.Line, key, "the value is not a mapping, such as {name: web}")
		}
		return f.source.eachKey(value, extensionKey+".", f.setExtension)
	}

	return f.source.errorf(keyNode.Line, key, "%s", suggestKey(key))
}

// deploymentFile is how messages call the file.
const deploymentFile = "Deployment file"

// extensionKey is the key of what AWS's format does not have.
const extensionKey = "lockstep"

// setExtension reads one key of Lockstep's own.
func (f *File) setExtension(key string, name, value *yaml.Node) error {
	if name.Value != "name" {
		return f.source.errorf(name.Line, key, "the key is unknown; %s has name", extensionKey)
	}
	if value.Kind != yaml.ScalarNode || ValidateStackName(value.Value) != nil {
		return f.source.errorf(value.Line, key, "the value is not a stack name: use letters, digits and hyphens, "+
			"at most %d, and begin with a letter", maxName)
	}

	f.Name = value.Value
	return nil
}

func (f *File) checkMapping(key string, value *yaml.Node, most int) error {
	if value.Kind == yaml.SequenceNode {
		return f.source.errorf(value.Line, key,
			"the value is a list; write it as a mapping, one \"Name: value\" a line")
	}
	if value.Kind != yaml.MappingNode {
		return f.source.errorf(value.Line, key, "the value is not a mapping; write {} for an empty one")
	}
	if n := len(value.Content) / 2; n > most {
		return f.source.errorf(value.Line, key, "there are %d entries, at most %d are allowed", n, most)
	}
	return nil
}

func (f *File) addParameter(key string, name, value *yaml.Node) error {
	if !parameterName.MatchString(name.Value) {
		return f.source.errorf(name.Line, key, "a parameter's name has letters and digits only")
	}

	parameter := Parameter{Name: name.Value, Line: name.Line, IsList: value.Kind == yaml.SequenceNode}
	var err error
	if parameter.IsList {
		parameter.Value, err = f.joinList(key, value)
	} else if value.Kind == yaml.MappingNode {
		err = f.source.errorf(value.Line, key, "the value is a mapping; a parameter is a string, number, boolean or "+
			"list of these")
	} else {
		parameter.Value, err = f.source.scalar(value, key)
	}

	if err != nil {
		return err
	}
	if len(parameter.Value) > maxValue {
		return f.source.errorf(value.Line, key, "the value has %d bytes, at most %d are allowed", len(parameter.Value),
			maxValue)
	}

	f.Parameters = append(f.Parameters, parameter)
	return nil
}

// joinList joins a list with commas, which is the form of CloudFormation's list
// parameters.
func (f *File) joinList(key string, v *yaml.Node) (string, error) {
	parts := make([]string, 0, len(v.Content))
	for _, element := range v.Content {
		part, err := f.source.scalar(element, key)
		if err != nil {
			return "", err
		}
		if strings.Contains(part, ",") {
			return "", f.source.errorf(element.Line, key,
				"an element contains a comma, at which CloudFormation would split it")
		}

		parts = append(parts, part)
	}

	return strings.Join(parts, ","), nil
}

func (f *File) addTag(key string, name, value *yaml.Node) error {
	switch {
	case name.Value == "" || utf8.RuneCountInString(name.Value) > maxTagKey:
		return f.source.errorf(name.Line, "tags", "a tag's key has 1 to %d characters", maxTagKey)
	case strings.HasPrefix(strings.ToLower(name.Value), "aws:"):
		return f.source.errorf(name.Line, key, "keys that begin with aws: are reserved")
	case value.Kind != yaml.ScalarNode:
		return f.source.errorf(value.Line, key, "the value is not a string")
	case isNull(value):
		return f.source.errorf(value.Line, key, "a value cannot be null; write \"\" for an empty one")
	case value.ShortTag() != "!!str":
		return f.source.errorf(value.Line, key, "the value is not a string; put it in quotes")
	case utf8.RuneCountInString(value.Value) > maxTagValue:
		return f.source.errorf(value.Line, key, "the value has %d characters, at most %d are allowed",
			utf8.RuneCountInString(value.Value), maxTagValue)
	}

	f.Tags = append(f.Tags, Tag{name.Value, value.Value})
	return nil
}

// suggestKey returns the problem of an unknown key, and the key that was probably
// meant.
func suggestKey(key string) string {
	plain := strings.NewReplacer("-", "", "_", "").Replace(strings.ToLower(key))
	switch plain {
	case "parameters", "parameter":
		return "the key is spelled parameters"
	case "tags", "tag":
		return "the key is spelled tags"
	case "templatefilepath", "templatepath", "templatefile", "template", "templateurl":
		return "the key is spelled template-file-path"
	case "stackname", "name", "resourcename":
		return "the stack's name is the resource name of the sync configuration; for discovery it is lockstep.name"
	case "capabilities", "capability":
		return "all capabilities are passed; remove the key"
	case "region", "rolearn", "role", "branch", "account", "accountid":
		return "that belongs to the sync configuration; remove the key"
	}

	return "the key is unknown; a deployment file has template-file-path, parameters, tags and lockstep"
}
