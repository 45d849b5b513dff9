package sandbox

import (
	"errors"
	"regexp"

	"github.com/lockstephq/lockstep/internal/cfn/syntax"
	"github.com/lockstephq/lockstep/internal/sandbox/store"
)

func (c *call) notUpdatableError(s *store.Stack) error {
	return validationError("Stack:%s is in %s state and can not be updated.", s.ARN, s.Status)
}

// requestedStack looks up the stack that the member StackName names, in the words of
// operations that read.
func (c *call) requestedStack() (*store.Stack, error) {
	name := c.form.Text("StackName")
	if name == "" {
		return nil, constraintError("stackName", "", "Member must not be null")
	}
	stack, err := c.FindStack(name)
	if errors.Is(err, store.ErrNoStack) {
		return nil, validationError("Stack with id %s does not exist", syntax.Clip(name))
	}
	return stack, err
}

// namePattern is that of stacks and change sets.
var namePattern = regexp.MustCompile(`^[a-zA-Z][-a-zA-Z0-9]*$`)

// validateStackName checks the name of a stack that is to be made.
func validateStackName(name string) error {
	switch {
	case name == "":
		return constraintError("stackName", "", "Member must not be null")
	case !namePattern.MatchString(name):
		return constraintError("stackName", name, "Member must satisfy regular expression pattern: [a-zA-Z][-a-zA-Z0-9]*")
	case len(name) > 128:
		return constraintError("stackName", name, "Member must have length less than or equal to 128")
	}
	return nil
}
