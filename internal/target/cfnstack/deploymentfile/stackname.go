package deploymentfile

import (
	"regexp"
	"strings"

	"github.com/lockstephq/lockstep"
)

// maxName is the longest resource name of the sync API. Stack names may be
// longer, but such a stack cannot be named there.
const maxName = 100

var (
	stackNamePattern = regexp.MustCompile(`^[A-Za-z][-A-Za-z0-9]*$`)
	invalidInName    = regexp.MustCompile(`[^-A-Za-z0-9]+`)
)

// ValidateStackName says why no stack can have a name, nil where one can. The error is
// Invalid.
func ValidateStackName(name string) error {
	if len(name) > maxName {
		return lockstep.Errorf(lockstep.Invalid, "A stack name has at most %d characters, this one has %d.", maxName, len(name))
	}
	if !stackNamePattern.MatchString(name) {
		return lockstep.Errorf(lockstep.Invalid,
			"%q cannot be a stack's name: it begins with a letter, then come letters, digits and hyphens.", lockstep.Truncate(name, maxName))
	}
	return nil
}

// makeStackName makes a stack name of any text, always the same one.
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
