// Package catalog knows resource types as far as a sandbox needs to: what name
// and physical id a resource gets, what its attributes look like, and which of
// its properties cannot be changed in place.
//
// Nothing is provisioned, so everything is made up; but it is made up the same
// way every time from the stack, the logical id and how often the resource was
// replaced, and in the form AWS gives it, so that what refers to it reads right.
//
// The types stand in types.txt. A type that does not stand there gets a plain
// id, any attribute it is asked for (a list if its name is a plural), and replacement "Conditionally" for every
// change, because the catalog cannot know. For one that does, asking for an
// attribute it does not have is an error, as at AWS.
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

// A Catalog holds the known types. It is immutable and may be shared.
type Catalog struct {
	known map[string]*typeInfo
}

// typeInfo is what is known of one type.
type typeInfo struct {
	nameProperty string // the property that names it, "" when nothing does
	nameLength   int    // of a generated name
	lower        bool   // generated names are lower case
	id           string // format of the physical id
	attributes   map[string]string
	always       []string // properties whose change replaces the resource
	maybe        []string // properties whose change may
	unique       bool     // a chosen name is taken once it is used
	untagged     bool
	open         bool // further attributes are made up, as for custom resources
}

// New reads the catalog.
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
