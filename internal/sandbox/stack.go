package sandbox

import (
	"errors"
	"regexp"
	"slices"
	"strconv"

	"github.com/lockstephq/lockstep/internal/awsquery"
	"github.com/lockstephq/lockstep/internal/cfn/syntax"
	"github.com/lockstephq/lockstep/internal/sandbox/rollout"
	"github.com/lockstephq/lockstep/internal/sandbox/store"
)

type stackID struct {
	StackID string `xml:"StackId"`
}

func (c *call) createStack() (any, error) {
	name := c.form.Text("StackName")
	if err := validateStackName(name); err != nil {
		return nil, err
	}
	if arn, done, err := c.previousAnswer(name); err != nil || done {
		return stackID{arn}, err
	}

	if _, err := c.FindStack(name); err == nil {
		return nil, &awsquery.Error{Code: "AlreadyExistsException", Message: "Stack [" + name + "] already exists"}
	} else if !errors.Is(err, store.ErrNoStack) {
		return nil, err
	}

	proposal, err := c.form.readProposal(nil)
	if err != nil {
		return nil, err
	}

	settings := &proposal.definition.Settings
	if settings.OnFailure, err = c.form.readOnFailure(); err != nil {
		return nil, err
	}

	if text := c.form.Text("TimeoutInMinutes"); text != "" {
		if settings.TimeoutMinutes, err = strconv.Atoi(text); err != nil || settings.TimeoutMinutes < 1 {
			return nil, constraintError("timeoutInMinutes", text, "Member must have value greater than or equal to 1")
		}
	}

	protected, err := c.form.Flag("EnableTerminationProtection")
	if err != nil {
		return nil, err
	}

	stack, err := c.InsertStack(name, protected)
	if err != nil {
		return nil, err
	}

	plan, err := c.evaluatePlan(stack, proposal)
	if err != nil {
		return nil, err
	}
	if _, err = c.deploy(deployment{
		stack:      stack,
		plan:       plan,
		definition: proposal.definition,
		create:     true,
		token:      c.form.Text("ClientRequestToken"),
	}); err != nil {
		return nil, err
	}

	return stackID{stack.ARN}, c.recordToken(name, stack.ARN)
}

func (c *call) updateStack() (any, error) {
	name := c.form.Text("StackName")
	stack, err := c.FindStack(name)
	if errors.Is(err, store.ErrNoStack) || err == nil && stack.IsDeleted(c.Now()) {
		return nil, validationError("Stack [%s] does not exist", syntax.Clip(name))
	}

	if err != nil {
		return nil, err
	}
	if arn, done, err := c.previousAnswer(stack.ARN); err != nil || done {
		return stackID{arn}, err
	}
	if !stack.IsUpdatable() {
		return nil, c.notUpdatableError(stack)
	}

	proposal, err := c.form.readProposal(&stack.Definition)
	if err != nil {
		return nil, err
	}
	if proposal.definition.Settings.OnFailure, err = c.form.readOnFailure(); err != nil {
		return nil, err
	}

	plan, err := c.evaluatePlan(stack, proposal)
	if err != nil {
		return nil, err
	}
	if !plan.hasChanges {
		return nil, validationError("No updates are to be performed.")
	}

	if err := c.MarkChangeSetsObsolete(stack, 0); err != nil {
		return nil, err
	}
	if _, err := c.deploy(deployment{
		stack:      stack,
		plan:       plan,
		definition: proposal.definition,
		token:      c.form.Text("ClientRequestToken"),
	}); err != nil {
		return nil, err
	}

	return stackID{stack.ARN}, c.recordToken(stack.ARN, stack.ARN)
}

func (c *call) deleteStack() (any, error) {
	name := c.form.Text("StackName")
	if name == "" {
		return nil, constraintError("stackName", "", "Member must not be null")
	}

	stack, err := c.FindStack(name)
	if errors.Is(err, store.ErrNoStack) || err == nil &&
		(stack.IsDeleted(c.Now()) || stack.Status == "DELETE_IN_PROGRESS") {
		return nil, nil // there is nothing to delete, and the operation has no result
	}
	if err != nil {
		return nil, err
	}

	if done, err := c.isRepeated(stack.ARN); err != nil || done {
		return nil, err
	}
	if err := c.checkDeletable(stack); err != nil {
		return nil, err
	}
	if err := c.DropFuture(stack); err != nil {
		return nil, err
	}

	if err := c.MarkChangeSetsObsolete(stack, 0); err != nil {
		return nil, err
	}
	if err := c.deleteResources(stack); err != nil {
		return nil, err
	}

	return nil, c.recordToken(stack.ARN, "")
}

// checkDeletable returns an error if the stack cannot be deleted.
func (c *call) checkDeletable(stack *store.Stack) error {
	if stack.Protected {
		return validationError("Stack [%s] cannot be deleted while TerminationProtection is enabled", stack.Name)
	}
	if stack.IsInProgress() && !slices.Contains([]rollout.Status{"CREATE_IN_PROGRESS", "ROLLBACK_IN_PROGRESS"},
		stack.Status) {
		return validationError("Stack [%s] cannot be deleted while in status %s", stack.ARN, stack.Status)
	}
	if len(c.form.Texts("RetainResources")) > 0 && stack.Status != "DELETE_FAILED" {
		return validationError("Invalid operation on stack [%s]. When you delete a stack, specify which resources to "+
			"retain only when the stack is in the DELETE_FAILED state.", stack.ARN)
	}

	for _, output := range stack.Outputs {
		if output.Export == "" {
			continue
		}

		users, err := c.Importers(output.Export)
		if err != nil {
			return err
		}
		if len(users) > 0 {
			return validationError("%s", exportInUse("deleted", output.Export, users))
		}
	}

	return nil
}

// deleteResources computes and records the deletion of a stack.
func (c *call) deleteResources(stack *store.Stack) error {
	old, err := c.Resources(stack)
	if err != nil {
		return err
	}

	transitions := rollout.Delete(rollout.DeleteRequest{
		Existing:         old,
		Retain:           c.form.Texts("RetainResources"),
		Force:            c.form.Text("DeletionMode") == "FORCE_DELETE_STACK",
		ResourceDuration: c.sandbox.options.ResourceDuration,
	})
	if err := c.Prune(stack); err != nil {
		return err
	}
	if err := c.CountOperation(stack); err != nil {
		return err
	}

	operation := store.Operation{
		Stack:      stack,
		Before:     stack.DefinitionID,
		After:      stack.DefinitionID,
		OldOutputs: stack.Outputs,
		NewOutputs: stack.Outputs,
		UpdatedAt:  stack.UpdatedAt,
		Token:      c.form.Text("ClientRequestToken"),
	}
	if err := c.Record(operation, transitions); err != nil {
		return err
	}

	last := transitions[len(transitions)-1]
	if last.Status != "DELETE_COMPLETE" {
		return nil
	}

	for _, sql := range []string{
		`UPDATE export SET until_at = $1 WHERE stack_id = $2 AND until_at IS NULL`,
		`UPDATE import SET until_at = $1 WHERE stack_id = $2 AND until_at IS NULL`,
	} {
		if _, err := c.Tx.Exec(sql, c.TimeOf(last), stack.ID); err != nil {
			return err
		}
	}

	return nil
}

func (c *call) notUpdatableError(s *store.Stack) error {
	return validationError("Stack:%s is in %s state and can not be updated.", s.ARN, s.Status)
}

// requestedStack returns the stack of the request, with AWS's errors of operations that
// read.
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

// namePattern matches the names of stacks and change sets.
var namePattern = regexp.MustCompile(`^[a-zA-Z][-a-zA-Z0-9]*$`)

// validateStackName checks the name of a new stack.
func validateStackName(name string) error {
	switch {
	case name == "":
		return constraintError("stackName", "", "Member must not be null")
	case !namePattern.MatchString(name):
		return constraintError("stackName", name,
			"Member must satisfy regular expression pattern: [a-zA-Z][-a-zA-Z0-9]*")
	case len(name) > 128:
		return constraintError("stackName", name, "Member must have length less than or equal to 128")
	}
	return nil
}
