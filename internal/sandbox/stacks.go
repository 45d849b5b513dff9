package sandbox

import (
	"errors"
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

	p, err := c.readProposal(nil)
	if err != nil {
		return nil, err
	}

	d := &p.def.Settings
	if d.OnFailure, err = c.readOnFailure(); err != nil {
		return nil, err
	}

	if text := c.form.Text("TimeoutInMinutes"); text != "" {
		if d.TimeoutMinutes, err = strconv.Atoi(text); err != nil || d.TimeoutMinutes < 1 {
			return nil, constraintError("timeoutInMinutes", text, "Member must have value greater than or equal to 1")
		}
	}

	protected, err := c.form.Flag("EnableTerminationProtection")
	if err != nil {
		return nil, err
	}

	st, err := c.InsertStack(name, protected)
	if err != nil {
		return nil, err
	}

	pl, err := c.evaluatePlan(st, p)
	if err != nil {
		return nil, err
	}
	if _, err = c.deploy(deployment{st: st, plan: pl, def: p.def, create: true, token: c.form.Text("ClientRequestToken")}); err != nil {
		return nil, err
	}

	return stackID{st.ARN}, c.recordToken(name, st.ARN)
}

func (c *call) updateStack() (any, error) {
	name := c.form.Text("StackName")
	st, err := c.FindStack(name)
	if errors.Is(err, store.ErrNoStack) || err == nil && st.IsDeleted(c.Now()) {
		return nil, validationError("Stack [%s] does not exist", syntax.Clip(name))
	}

	if err != nil {
		return nil, err
	}
	if arn, done, err := c.previousAnswer(st.ARN); err != nil || done {
		return stackID{arn}, err
	}
	if !st.IsUpdatable() {
		return nil, c.notUpdatableError(st)
	}

	p, err := c.readProposal(&st.Definition)
	if err != nil {
		return nil, err
	}
	if p.def.Settings.OnFailure, err = c.readOnFailure(); err != nil {
		return nil, err
	}

	pl, err := c.evaluatePlan(st, p)
	if err != nil {
		return nil, err
	}
	if !pl.changed {
		return nil, validationError("No updates are to be performed.")
	}

	if err := c.MarkChangeSetsObsolete(st, 0); err != nil {
		return nil, err
	}
	if _, err := c.deploy(deployment{st: st, plan: pl, def: p.def, token: c.form.Text("ClientRequestToken")}); err != nil {
		return nil, err
	}

	return stackID{st.ARN}, c.recordToken(st.ARN, st.ARN)
}

func (c *call) deleteStack() (any, error) {
	name := c.form.Text("StackName")
	if name == "" {
		return nil, constraintError("stackName", "", "Member must not be null")
	}

	st, err := c.FindStack(name)
	if errors.Is(err, store.ErrNoStack) || err == nil && (st.IsDeleted(c.Now()) || st.Status == "DELETE_IN_PROGRESS") {
		return nil, nil // it is done, and the operation has no result
	}
	if err != nil {
		return nil, err
	}

	if done, err := c.isRepeated(st.ARN); err != nil || done {
		return nil, err
	}
	if err := c.checkDeletable(st); err != nil {
		return nil, err
	}
	if err := c.DropFuture(st); err != nil {
		return nil, err
	}

	if err := c.MarkChangeSetsObsolete(st, 0); err != nil {
		return nil, err
	}
	if err := c.deleteResources(st); err != nil {
		return nil, err
	}

	return nil, c.recordToken(st.ARN, "")
}

// checkDeletable refuses what AWS refuses at once.
func (c *call) checkDeletable(st *store.Stack) error {
	if st.Protected {
		return validationError("Stack [%s] cannot be deleted while TerminationProtection is enabled", st.Name)
	}
	if st.IsInProgress() && !slices.Contains([]rollout.Status{"CREATE_IN_PROGRESS", "ROLLBACK_IN_PROGRESS"}, st.Status) {
		return validationError("Stack [%s] cannot be deleted while in status %s", st.ARN, st.Status)
	}
	if len(c.form.Texts("RetainResources")) > 0 && st.Status != "DELETE_FAILED" {
		return validationError("Invalid operation on stack [%s]. When you delete a stack, specify which resources to retain only when the stack is in the DELETE_FAILED state.", st.ARN)
	}

	for _, o := range st.Outputs {
		if o.Export == "" {
			continue
		}

		users, err := c.Importers(o.Export)
		if err != nil {
			return err
		}
		if len(users) > 0 {
			return validationError("%s", exportInUse("deleted", o.Export, users))
		}
	}

	return nil
}

// deleteResources writes the course of a stack's deletion.
func (c *call) deleteResources(st *store.Stack) error {
	old, err := c.Resources(st)
	if err != nil {
		return err
	}

	moments := rollout.Delete(rollout.Deletion{
		Old: old, Retain: c.form.Texts("RetainResources"), Force: c.form.Text("DeletionMode") == "FORCE_DELETE_STACK", Each: c.s.opt.Each,
	})
	if err := c.Prune(st); err != nil {
		return err
	}
	if err := c.CountOperation(st); err != nil {
		return err
	}

	operation := store.Operation{
		Stack:      st,
		Before:     st.DefinitionID,
		After:      st.DefinitionID,
		OldOutputs: st.Outputs,
		NewOutputs: st.Outputs,
		UpdatedAt:  st.UpdatedAt,
		Token:      c.form.Text("ClientRequestToken"),
	}
	if err := c.Record(operation, moments); err != nil {
		return err
	}

	last := moments[len(moments)-1]
	if last.Status != "DELETE_COMPLETE" {
		return nil
	}

	for _, sql := range []string{
		`UPDATE export SET until_at = $1 WHERE stack_id = $2 AND until_at IS NULL`,
		`UPDATE import SET until_at = $1 WHERE stack_id = $2 AND until_at IS NULL`,
	} {
		if _, err := c.Tx.Exec(sql, c.TimeOf(last), st.ID); err != nil {
			return err
		}
	}

	return nil
}
