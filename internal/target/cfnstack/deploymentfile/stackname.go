package deploymentfile

import (
	"regexp"
	"strings"

	"github.com/lockstephq/lockstep"
)

// maxName is the longest resource name of the sync API. CloudFormation allows longer
// stack names.
const maxName = 100

var (
	stackNamePattern = regexp.MustCompile(`^[A-Za-z][-A-Za-z0-9]*$`)
	invalidInName    = regexp.MustCompile(`[^-A-Za-z0-9]+`)
)

// ValidateStackName returns an Invalid error if no stack can have the name.
func ValidateStackName(name string) error {
	if len(name) > maxName {
		return lockstep.Errorf(lockstep.Invalid, "A stack name has at most %d characters, this one has %d.", maxName,
			len(name))
	}
	if !stackNamePattern.MatchString(name) {
		return lockstep.Errorf(lockstep.Invalid,
			"%q is not a valid stack name: use letters, digits and hyphens, and begin with a letter.",
			lockstep.Truncate(name, maxName))
	}
	return nil
}

// makeStackName returns a valid stack name made of any text. Equal texts have equal
// names.
func makeStackName(name string) string {
	name = strings.Trim(invalidInName.ReplaceAllString(name, "-"), "-")
	if name == "" {
		return "stack"
	}
	if !stackNamePattern.MatchString(name) {
		name = "stack-" + name
	}
	return strings.TrimRight(name[:min(len(name), maxName)], "-")
}
