package sandbox

import (
	"errors"
	"strings"

	"github.com/lockstephq/lockstep/internal/awsquery"
	"github.com/lockstephq/lockstep/internal/cfn/syntax"
	"github.com/lockstephq/lockstep/internal/sandbox/store"
)

// noChanges is what CloudFormation says of a change set that would do nothing.
const noChanges = "The submitted information didn't contain changes. Submit different information to create a change set."

// requestedChangeSet is findChangeSet for the request's ChangeSetName, with AWS's errors.
func (c *call) requestedChangeSet() (*store.ChangeSet, error) {
	name := c.form.Text("ChangeSetName")
	if name == "" {
		return nil, constraintError("changeSetName", "", "Member must not be null")
	}
	if !strings.HasPrefix(name, "arn:") && c.form.Text("StackName") == "" {
		return nil, validationError("StackName must be specified if ChangeSetName is not specified as an ARN.")
	}

	changeSet, err := c.FindChangeSet(name, c.form.Text("StackName"))
	if errors.Is(err, store.ErrNoChangeSet) {
		return nil, &awsquery.Error{Code: "ChangeSetNotFound", Message: "ChangeSet [" + syntax.Clip(name) + "] does not exist", Status: 404}
	}

	return changeSet, err
}

func validateChangeSetName(name string) error {
	switch {
	case name == "":
		return constraintError("changeSetName", "", "Member must not be null")
	case !namePattern.MatchString(name):
		return constraintError("changeSetName", name, "Member must satisfy regular expression pattern: [a-zA-Z][-a-zA-Z0-9]*")
	case len(name) > 128:
		return constraintError("changeSetName", name, "Member must have length less than or equal to 128")
	}
	return nil
}
