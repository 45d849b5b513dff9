package sandbox

import (
	"errors"
	"fmt"
	"strings"

	"github.com/lockstephq/lockstep/internal/awsquery"
	"github.com/lockstephq/lockstep/internal/cfn/syntax"
	"github.com/lockstephq/lockstep/internal/cfn/template"
	"github.com/lockstephq/lockstep/internal/db"
	"github.com/lockstephq/lockstep/internal/sandbox/rollout"
	"github.com/lockstephq/lockstep/internal/sandbox/store"
)

type createChangeSetResult struct {
	ID      string `xml:"Id"`
	StackID string `xml:"StackId"`
}

func (c *call) createChangeSet() (any, error) {
	name := c.form.Text("ChangeSetName")
	if err := validateChangeSetName(name); err != nil {
		return nil, err
	}

	stack, create, err := c.changeSetStack(name)
	if err != nil {
		return nil, err
	}
	if same, found, err := c.repeatedChangeSet(stack, name); err != nil || found {
		return same, err
	}

	before := &stack.Definition
	if create {
		before = nil
	}

	proposal, err := c.form.readProposal(before)
	if err != nil {
		return nil, err
	}

	settings := &proposal.definition.Settings
	settings.ChangeSetType = "UPDATE"
	if create {
		settings.ChangeSetType = "CREATE"
	}

	settings.ChangeSetDescription = c.form.Text("Description")
	if settings.OnFailure, err = parseOnFailure("onStackFailure", c.form.Text("OnStackFailure")); err != nil {
		return nil, err
	}
	if !create && settings.OnFailure == rollout.DeleteStack {
		return nil, validationError("OnStackFailure DELETE is only valid for a change set of type CREATE.")
	}

	changeSet := store.ChangeSet{Name: name, FinalStatus: "CREATE_COMPLETE", ClientToken: c.form.Text("ClientToken")}
	changeSet.ARN = c.NewARN("changeSet", name)
	settings.ChangeSetARN = changeSet.ARN
	changeSet.Definition = proposal.definition

	if err := c.computeChanges(&changeSet, stack, proposal); err != nil {
		return nil, err
	}

	changeSet.ReadyAt = c.Now()
	if c.sandbox.options.ResourceDuration == 0 {
		changeSet.ReadyAt += store.ReadyAfter
	}

	arn, err := c.InsertChangeSet(stack, changeSet)
	return createChangeSetResult{ID: arn, StackID: stack.ARN}, err
}

// computeChanges computes the changes of a change set. As at AWS, errors of the
// template's values fail the change set and not the request.
func (c *call) computeChanges(changeSet *store.ChangeSet, st *store.Stack, p *proposal) error {
	plan, err := c.evaluatePlan(st, p)
	if e, ok := errors.AsType[*syntax.Error](err); ok {
		changeSet.FinalStatus = "FAILED"
		changeSet.FinalReason = e.Message
		return nil
	}

	if err != nil {
		return err
	}

	changeSet.Changes = plan.changes
	switch {
	case plan.missingExport != nil:
		changeSet.FinalStatus = "FAILED"
		changeSet.FinalReason = plan.missingExport.Error()
	case !plan.hasChanges:
		changeSet.FinalStatus = "FAILED"
		changeSet.FinalReason = noChanges
	}

	return nil
}

// changeSetStack returns the stack of a new change set. If the change set creates the
// stack, it inserts the stack in REVIEW_IN_PROGRESS.
func (c *call) changeSetStack(changeSetName string) (stack *store.Stack, create bool, err error) {
	name := c.form.Text("StackName")
	stack, err = c.FindStack(name)
	missing := errors.Is(err, store.ErrNoStack) || err == nil && stack.IsDeleted(c.Now())
	if err != nil && !missing {
		return nil, false, err
	}

	switch kind := c.form.Text("ChangeSetType"); kind {
	case "CREATE":
		if missing {
			stack, err = c.createReviewStack(name)
			return stack, true, err
		}

		if stack.Status != "REVIEW_IN_PROGRESS" {
			return nil, false, validationError("Stack [%s] already exists and cannot be created again with "+
				"the changeSet [%s].", stack.Name, changeSetName)
		}
		return stack, true, nil
	case "", "UPDATE":
		if missing {
			return nil, false, validationError("Stack [%s] does not exist", syntax.Clip(name))
		}
		if !stack.IsUpdatable() {
			return nil, false, c.notUpdatableError(stack)
		}
		return stack, false, nil

	case "IMPORT":
		return nil, false, validationError("the sandbox does not support ChangeSetType IMPORT")
	default:
		return nil, false, constraintError("changeSetType", kind,
			"Member must satisfy enum value set: [IMPORT, UPDATE, CREATE]")
	}
}

// createReviewStack inserts a stack that has only change sets.
func (c *call) createReviewStack(name string) (*store.Stack, error) {
	if err := validateStackName(name); err != nil {
		return nil, err
	}
	stack, err := c.InsertStack(name, false)
	if err != nil {
		return nil, err
	}
	stack.Status = "REVIEW_IN_PROGRESS"
	transitions := []rollout.Transition{{Status: stack.Status, Reason: "User Initiated"}}
	return stack, c.Record(store.Operation{Stack: stack}, transitions)
}

// repeatedChangeSet returns the change set of a repeated request, and refuses another
// one of the same name.
func (c *call) repeatedChangeSet(st *store.Stack, name string) (same createChangeSetResult, found bool, err error) {
	var token string
	same.StackID = st.ARN
	err = c.Tx.QueryRow(`SELECT arn, client_token FROM change_set WHERE stack_id = $1 AND name = $2`,
		st.ID, name).Scan(&same.ID, &token)
	if errors.Is(err, db.ErrNoRows) {
		return same, false, nil
	}

	if err != nil {
		return same, false, err
	}
	if sent := c.form.Text("ClientToken"); sent != "" && sent == token {
		return same, true, nil
	}

	return same, false, &awsquery.Error{Code: "AlreadyExistsException",
		Message: fmt.Sprintf("ChangeSet %s cannot be created due to a mismatch with existing attribute "+
			"ClientToken", name)}
}

func (c *call) executeChangeSet() (any, error) {
	changeSet, err := c.requestedChangeSet()
	if err != nil {
		return nil, err
	}

	repeated, err := c.isRepeated(changeSet.ARN)
	if err != nil || repeated {
		return nil, err
	}
	if changeSet.Status != "CREATE_COMPLETE" {
		return nil, notExecutableError(changeSet, "current status", changeSet.Status)
	}

	if changeSet.ExecutionStatus != "AVAILABLE" {
		return nil, notExecutableError(changeSet, "current execution status", changeSet.ExecutionStatus)
	}

	stack, create := changeSet.Stack, changeSet.Definition.Settings.ChangeSetType == "CREATE"
	if create && stack.Status != "REVIEW_IN_PROGRESS" || !create && !stack.IsUpdatable() {
		return nil, c.notUpdatableError(stack)
	}
	if err := c.form.readExecutionSettings(&changeSet.Definition.Settings); err != nil {
		return nil, err
	}

	t, err := template.Parse(changeSet.Definition.Body)
	if err != nil {
		return nil, err
	}

	plan, err := c.evaluatePlan(stack, &proposal{definition: changeSet.Definition, template: t})
	if err != nil {
		return nil, err
	}

	out, err := c.deploy(deployment{
		stack:      stack,
		plan:       plan,
		definition: changeSet.Definition,
		create:     create,
		token:      c.form.Text("ClientRequestToken"),
	})
	if err != nil {
		return nil, err
	}

	if err := c.MarkExecuted(changeSet, out); err != nil {
		return nil, err
	}
	if err := c.MarkChangeSetsObsolete(stack, changeSet.ID); err != nil {
		return nil, err
	}

	return nil, c.recordToken(changeSet.ARN, "")
}

func notExecutableError(cs *store.ChangeSet, what, status string) error {
	return &awsquery.Error{Code: "InvalidChangeSetStatus",
		Message: fmt.Sprintf("ChangeSet [%s] cannot be executed in its %s of [%s]", cs.ARN, what, status)}
}

// readExecutionSettings reads the members of ExecuteChangeSet about failure.
func (f requestForm) readExecutionSettings(settings *store.Settings) error {
	if f.Has("DisableRollback") {
		disable, err := f.Flag("DisableRollback")
		if err != nil {
			return err
		}
		if settings.OnFailure != rollout.Rollback && settings.OnFailure != "" {
			return validationError("DisableRollback cannot be specified for a change set that has OnStackFailure.")
		}

		if disable {
			settings.OnFailure = rollout.DoNothing
		}
	}

	keep, err := f.Flag("RetainExceptOnCreate")
	settings.RetainExceptOnCreate = settings.RetainExceptOnCreate || keep
	return err
}

func (c *call) deleteChangeSet() (any, error) {
	changeSet, err := c.requestedChangeSet()
	if e, ok := errors.AsType[*awsquery.Error](err); ok && e.Code == "ChangeSetNotFound" {
		return nil, nil // there is nothing to delete, and the operation has no result
	}
	if err != nil {
		return nil, err
	}

	if changeSet.ExecutionStatus == "EXECUTE_IN_PROGRESS" || changeSet.ExecutedAt != nil &&
		changeSet.Stack.IsInProgress() {
		return nil, &awsquery.Error{Code: "InvalidChangeSetStatus",
			Message: fmt.Sprintf("ChangeSet [%s] cannot be deleted in its current execution status of [%s]",
				changeSet.ARN,
				changeSet.ExecutionStatus)}
	}

	return nil, c.DeleteChangeSet(changeSet)
}

// noChanges is CloudFormation's reason of a change set without changes.
const noChanges = "The submitted information didn't contain changes. Submit different information to create a " +
	"change set."

// requestedChangeSet returns the change set of the request, with AWS's errors.
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
		return nil, &awsquery.Error{
			Code:    "ChangeSetNotFound",
			Message: "ChangeSet [" + syntax.Clip(name) + "] does not exist",
			Status:  404,
		}
	}

	return changeSet, err
}

func validateChangeSetName(name string) error {
	switch {
	case name == "":
		return constraintError("changeSetName", "", "Member must not be null")
	case !namePattern.MatchString(name):
		return constraintError("changeSetName", name,
			"Member must satisfy regular expression pattern: [a-zA-Z][-a-zA-Z0-9]*")
	case len(name) > 128:
		return constraintError("changeSetName", name, "Member must have length less than or equal to 128")
	}
	return nil
}
