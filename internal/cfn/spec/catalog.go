// Package spec knows CloudFormation's resource types: which property changes
// replace a resource, which names are unique, and the form of physical ids and
// attributes.
//
// The types are in types.txt. An unknown type has a plain physical id, every
// attribute (a list if its name is a plural), and replacement "Conditionally" for
// every change. A known type has only its attributes, as at AWS.
//
// # Generated values
//
// [Catalog.Make] returns the physical id and the attributes that a resource would
// have. They have AWS's form and depend only on the stack, the logical id and the
// number of replacements, so that they are the same each time.
//
// The package provisions nothing and checks no properties.
package spec

import (
	"bufio"
	_ "embed"
	"fmt"
	"strconv"
	"strings"
)

//go:embed types.txt
var types string

// A Catalog has the known types. It is immutable and safe for concurrent use.
type Catalog struct {
	known map[string]*typeInfo
}

// typeInfo is what is known of a type.
type typeInfo struct {
	nameProperty string // the property that names it, "" when nothing does
	nameLength   int    // of a generated name
	lower        bool   // generated names are lower case
	id           string // format of the physical id
	attributes   map[string]string
	always       []string // properties whose change replaces the resource
	maybe        []string // properties whose change may replace the resource
	unique       bool     // a name in the template is unique in an account and region
	untagged     bool
	open         bool // has any attribute, as custom resources do
}

// New returns the catalog of types.txt.
func New() (*Catalog, error) {
	catalog := &Catalog{known: map[string]*typeInfo{}}
	var kind *typeInfo
	lines := bufio.NewScanner(strings.NewReader(types))
	for lineNumber := 1; lines.Scan(); lineNumber++ {
		line := lines.Text()
		switch {
		case strings.HasPrefix(line, "#") || strings.TrimSpace(line) == "":
		case !strings.HasPrefix(line, " "):
			kind = &typeInfo{attributes: map[string]string{}, nameLength: 255, id: "{name}"}
			catalog.known[line] = kind
		case kind == nil:
			return nil, fmt.Errorf("types.txt:%d: before the first type", lineNumber)
		default:
			if err := kind.read(strings.Fields(line)); err != nil {
				return nil, fmt.Errorf("types.txt:%d: %w", lineNumber, err)
			}
		}
	}

	return catalog, lines.Err()
}

func (k *typeInfo) read(words []string) error {
	rest := words[1:]
	switch words[0] {
	case "name":
		k.nameProperty = rest[0]
		fallthrough
	case "length":
		var err error
		k.nameLength, err = strconv.Atoi(rest[len(rest)-1])
		return err
	case "lower":
		k.lower = true
	case "id":
		k.id = rest[0]
	case "att":
		k.attributes[rest[0]] = strings.Join(rest[1:], " ")
	case "replace":
		k.always = append(k.always, rest...)
	case "maybe":
		k.maybe = append(k.maybe, rest...)
	case "unique":
		k.unique = true
	case "untagged":
		k.untagged = true
	case "open":
		k.open = true
	default:
		return fmt.Errorf("unknown word %q", words[0])
	}

	return nil
}
