package cli

import (
	"fmt"
	"regexp"
	"strings"
)

var uuid = regexp.MustCompile(`^[0-9a-fA-F]{8}(?:-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}$`)

// A named is a thing that a person calls by a name and the API by an id, or an
// ARN. Names need not be unique.
type named struct{ name, id string }

// arnOf gives the ARN of the thing that is called so. A text that is an ARN is
// it already, and nothing is asked for.
func arnOf(what, nameOrARN string, list func() ([]named, error)) (string, error) {
	if strings.HasPrefix(nameOrARN, "arn:") {
		return nameOrARN, nil
	}
	all, err := list()
	if err != nil {
		return "", err
	}
	return single(what, nameOrARN, all)
}

// single gives the id of the only thing with a name, or says what there is.
func single(what, name string, all []named) (string, error) {
	var ids, names []string
	for _, n := range all {
		names = append(names, n.name)
		if n.name == name {
			ids = append(ids, n.id)
		}
	}

	switch {
	case len(ids) == 1:
		return ids[0], nil
	case len(ids) > 1:
		return "", &failure{problem: fmt.Sprintf("There are %d %ss %s.", len(ids), what, name),
			remedy: "Name one of them: " + strings.Join(ids, ", ") + "."}
	case len(all) == 0:
		return "", &failure{problem: fmt.Sprintf("There is no %s %s; there is none at all.", what, name)}
	}

	return "", &failure{problem: fmt.Sprintf("There is no %s %s.", what, name),
		remedy: "There is: " + cut(strings.Join(names, ", "), 400) + "."}
}

// splitRepository takes OWNER/NAME apart. The owner may hold slashes; "-"
// stands for none.
func splitRepository(text string) (owner, name string) {
	text = strings.Trim(text, "/")
	slash := strings.LastIndexByte(text, '/')
	if slash < 0 {
		return "-", text
	}
	return text[:slash], text[slash+1:]
}

// joinRepository puts OWNER/NAME together again.
func joinRepository(owner, name string) string {
	if owner == "-" {
		return name
	}
	return owner + "/" + name
}
