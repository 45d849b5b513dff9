package sandbox

import (
	"errors"
	"fmt"

	"github.com/google/uuid"

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

	st, create, err := c.changeSetStack(name)
	if err != nil {
		return nil, err
	}
	if same, found, err := c.repeatedChangeSet(st, name); err != nil || found {
		return same, err
	}

	before := &st.Definition
	if create {
		before = nil
	}

	p, err := c.readProposal(before)
	if err != nil {
		return nil, err
	}

	d := &p.def.Settings
	d.ChangeSetType = "UPDATE"
	if create {
		d.ChangeSetType = "CREATE"
	}

	d.ChangeSetDescription = c.form.Text("Description")
	if d.OnFailure, err = parseOnFailure("onStackFailure", c.form.Text("OnStackFailure")); err != nil {
		return nil, err
	}
	if !create && d.OnFailure == rollout.Remove {
		return nil, validationError("OnStackFailure DELETE is only valid for a change set of type CREATE.")
	}

	cs := store.ChangeSet{Name: name, FinalStatus: "CREATE_COMPLETE", ClientToken: c.form.Text("ClientToken")}
	cs.ARN = "arn:" + c.who.partition() + ":cloudformation:" + st.Region + ":" + st.Account + ":changeSet/" + name + "/" + uuid.NewString()
	d.ChangeSetARN = cs.ARN
	cs.Definition = p.def

	if err := c.computeChanges(&cs, st, p); err != nil {
		return nil, err
	}

	cs.ReadyAt = c.Now()
	if c.s.opt.Each == 0 {
		cs.ReadyAt += store.ReadyAfter
	}

	arn, err := c.InsertChangeSet(st, cs)
	return createChangeSetResult{ID: arn, StackID: st.ARN}, err
}

// computeChanges computes the changes. What is wrong with the template's values
// fails the change set rather than the request, as at AWS.
func (c *call) computeChanges(cs *store.ChangeSet, st *store.Stack, p *proposal) error {
	pl, err := c.evaluatePlan(st, p)
	if e, ok := errors.AsType[*syntax.Error](err); ok {
		cs.FinalStatus, cs.FinalReason = "FAILED", e.Message
		return nil
	}

	if err != nil {
		return err
	}

	cs.Changes = pl.changes
	switch {
	case pl.missing != nil:
		cs.FinalStatus, cs.FinalReason = "FAILED", pl.missing.Error()
	case !pl.changed:
		cs.FinalStatus, cs.FinalReason = "FAILED", noChanges
	}

	return nil
}

// changeSetStack finds the stack that a new change set is for, or makes it, in
// review, for one that creates it.
func (c *call) changeSetStack(changeSetName string) (st *store.Stack, create bool, err error) {
	name := c.form.Text("StackName")
	st, err = c.FindStack(name)
	missing := errors.Is(err, store.ErrNoStack) || err == nil && st.IsDeleted(c.Now())
	if err != nil && !missing {
		return nil, false, err
	}

	switch kind := c.form.Text("ChangeSetType"); kind {
	case "CREATE":
		if missing {
			st, err = c.createReviewStack(name)
			return st, true, err
		}

		if st.Status != "REVIEW_IN_PROGRESS" {
			return nil, false, validationError("Stack [%s] already exists and cannot be created again with the changeSet [%s].", st.Name, changeSetName)
		}
		return st, true, nil
	case "", "UPDATE":
		if missing {
			return nil, false, validationError("Stack [%s] does not exist", syntax.Clip(name))
		}
		if !st.IsUpdatable() {
			return nil, false, c.notUpdatableError(st)
		}
		return st, false, nil

	case "IMPORT":
		return nil, false, validationError("the sandbox does not expand ChangeSetType IMPORT")
	default:
		return nil, false, constraintError("changeSetType", kind, "Member must satisfy enum value set: [IMPORT, UPDATE, CREATE]")
	}
}

// createReviewStack makes a stack that only has change sets so far.
func (c *call) createReviewStack(name string) (*store.Stack, error) {
	if err := validateStackName(name); err != nil {
		return nil, err
	}
	st, err := c.InsertStack(name, false)
	if err != nil {
		return nil, err
	}
	st.Status = "REVIEW_IN_PROGRESS"
	moments := []rollout.Moment{{Status: st.Status, Reason: "User Initiated"}}
	return st, c.Record(store.Operation{Stack: st}, moments)
}

// repeatedChangeSet answers a repeated request, and refuses another of the same name.
func (c *call) repeatedChangeSet(st *store.Stack, name string) (same createChangeSetResult, found bool, err error) {
	var token string
	same.StackID = st.ARN
	err = c.Tx.QueryRow(`SELECT arn, client_token FROM change_set WHERE stack_id = $1 AND name = $2`, st.ID, name).Scan(&same.ID, &token)
	if errors.Is(err, db.ErrNoRows) {
		return same, false, nil
	}

	if err != nil {
		return same, false, err
	}
	if sent := c.form.Text("ClientToken"); sent != "" && sent == token {
		return same, true, nil
	}

	return same, false, &awsquery.Error{Code: "AlreadyExistsException", Message: fmt.Sprintf("ChangeSet %s cannot be created due to a mismatch with existing attribute ClientToken", name)}
}

func (c *call) executeChangeSet() (any, error) {
	cs, err := c.requestedChangeSet()
	if err != nil {
		return nil, err
	}

	repeated, err := c.isRepeated(cs.ARN)
	if err != nil || repeated {
		return nil, err
	}
	if cs.Status != "CREATE_COMPLETE" {
		return nil, notExecutableError(cs, "current status", cs.Status)
	}

	if cs.ExecutionStatus != "AVAILABLE" {
		return nil, notExecutableError(cs, "current execution status", cs.ExecutionStatus)
	}

	st, create := cs.Stack, cs.Definition.Settings.ChangeSetType == "CREATE"
	if create && st.Status != "REVIEW_IN_PROGRESS" || !create && !st.IsUpdatable() {
		return nil, c.notUpdatableError(st)
	}
	if err := c.readExecutionSettings(&cs.Definition.Settings); err != nil {
		return nil, err
	}

	t, err := template.Parse(cs.Definition.Body)
	if err != nil {
		return nil, err
	}

	pl, err := c.evaluatePlan(st, &proposal{def: cs.Definition, template: t})
	if err != nil {
		return nil, err
	}

	out, err := c.deploy(deployment{st: st, plan: pl, def: cs.Definition, create: create, token: c.form.Text("ClientRequestToken")})
	if err != nil {
		return nil, err
	}

	if err := c.MarkExecuted(cs, out); err != nil {
		return nil, err
	}
	if err := c.MarkChangeSetsObsolete(st, cs.ID); err != nil {
		return nil, err
	}

	return nil, c.recordToken(cs.ARN, "")
}

func notExecutableError(cs *store.ChangeSet, what, status string) error {
	return &awsquery.Error{Code: "InvalidChangeSetStatus", Message: fmt.Sprintf("ChangeSet [%s] cannot be executed in its %s of [%s]", cs.ARN, what, status)}
}

// readExecutionSettings reads what ExecuteChangeSet says of failure.
func (c *call) readExecutionSettings(d *store.Settings) error {
	if c.form.Has("DisableRollback") {
		disable, err := c.form.Flag("DisableRollback")
		if err != nil {
			return err
		}
		if d.OnFailure != rollout.Rollback && d.OnFailure != "" {
			return validationError("DisableRollback cannot be specified for a change set that has OnStackFailure.")
		}

		if disable {
			d.OnFailure = rollout.DoNothing
		}
	}

	keep, err := c.form.Flag("RetainExceptOnCreate")
	d.RetainExceptOnCreate = d.RetainExceptOnCreate || keep
	return err
}

func (c *call) deleteChangeSet() (any, error) {
	cs, err := c.requestedChangeSet()
	if e, ok := errors.AsType[*awsquery.Error](err); ok && e.Code == "ChangeSetNotFound" {
		return nil, nil // deleting what is not there is done, and the operation has no result
	}
	if err != nil {
		return nil, err
	}

	if cs.ExecutionStatus == "EXECUTE_IN_PROGRESS" || cs.ExecutedAt != nil && cs.Stack.IsInProgress() {
		return nil, &awsquery.Error{Code: "InvalidChangeSetStatus", Message: fmt.Sprintf("ChangeSet [%s] cannot be deleted in its current execution status of [%s]", cs.ARN, cs.ExecutionStatus)}
	}

	return nil, c.DeleteChangeSet(cs)
}
