package sandbox

import (
	"errors"
	"slices"
	"strconv"

	"github.com/lockstephq/lockstep/internal/awsquery"
	"github.com/lockstephq/lockstep/internal/sandbox/rollout"
)

type stackID struct {
	StackID string `xml:"StackId"`
}

func (c *call) createStack() (any, error) {
	name := c.form.Text("StackName")
	if err := newStackName(name); err != nil {
		return nil, err
	}
	if arn, done, err := c.answered(name); err != nil || done {
		return stackID{arn}, err
	}

	if _, err := c.find(name); err == nil {
		return nil, &awsquery.Error{Code: "AlreadyExistsException", Message: "Stack [" + name + "] already exists"}
	} else if !errors.Is(err, errNoStack) {
		return nil, err
	}

	p, err := c.propose(nil)
	if err != nil {
		return nil, err
	}

	d := &p.def.detail
	if d.OnFailure, err = c.onFailure(); err != nil {
		return nil, err
	}

	if text := c.form.Text("TimeoutInMinutes"); text != "" {
		if d.Timeout, err = strconv.Atoi(text); err != nil || d.Timeout < 1 {
			return nil, violation("timeoutInMinutes", text, "Member must have value greater than or equal to 1")
		}
	}

	protected, err := c.form.Flag("EnableTerminationProtection")
	if err != nil {
		return nil, err
	}

	st, err := c.openStack(name, protected)
	if err != nil {
		return nil, err
	}

	pl, err := c.plan(st, p)
	if err != nil {
		return nil, err
	}
	if _, err = c.deploy(deployment{st: st, plan: pl, def: p.def, create: true, token: c.form.Text("ClientRequestToken")}); err != nil {
		return nil, err
	}

	return stackID{st.arn}, c.remember(name, st.arn)
}

func (c *call) updateStack() (any, error) {
	name := c.form.Text("StackName")
	st, err := c.find(name)
	if errors.Is(err, errNoStack) || err == nil && st.gone(c.now()) {
		return nil, refuse("Stack [%s] does not exist", clip(name))
	}

	if err != nil {
		return nil, err
	}
	if arn, done, err := c.answered(st.arn); err != nil || done {
		return stackID{arn}, err
	}
	if !st.updatable() {
		return nil, c.notUpdatable(st)
	}

	p, err := c.propose(&st.def)
	if err != nil {
		return nil, err
	}
	if p.def.detail.OnFailure, err = c.onFailure(); err != nil {
		return nil, err
	}

	pl, err := c.plan(st, p)
	if err != nil {
		return nil, err
	}
	if !pl.changed {
		return nil, refuse("No updates are to be performed.")
	}

	if err := c.expire(st, 0); err != nil {
		return nil, err
	}
	if _, err := c.deploy(deployment{st: st, plan: pl, def: p.def, token: c.form.Text("ClientRequestToken")}); err != nil {
		return nil, err
	}

	return stackID{st.arn}, c.remember(st.arn, st.arn)
}

func (c *call) deleteStack() (any, error) {
	name := c.form.Text("StackName")
	if name == "" {
		return nil, violation("stackName", "", "Member must not be null")
	}

	st, err := c.find(name)
	if errors.Is(err, errNoStack) || err == nil && (st.gone(c.now()) || st.status == "DELETE_IN_PROGRESS") {
		return nil, nil // it is done, and the operation has no result
	}
	if err != nil {
		return nil, err
	}

	if done, err := c.repeated(st.arn); err != nil || done {
		return nil, err
	}
	if err := c.deletable(st); err != nil {
		return nil, err
	}
	if err := c.forgetFuture(st); err != nil {
		return nil, err
	}

	if err := c.expire(st, 0); err != nil {
		return nil, err
	}
	if err := c.dismantle(st); err != nil {
		return nil, err
	}

	return nil, c.remember(st.arn, "")
}

// deletable refuses what AWS refuses at once.
func (c *call) deletable(st *stack) error {
	if st.protected {
		return refuse("Stack [%s] cannot be deleted while TerminationProtection is enabled", st.name)
	}
	if st.inProgress() && !slices.Contains([]rollout.Status{"CREATE_IN_PROGRESS", "ROLLBACK_IN_PROGRESS"}, st.status) {
		return refuse("Stack [%s] cannot be deleted while in status %s", st.arn, st.status)
	}
	if len(c.form.Texts("RetainResources")) > 0 && st.status != "DELETE_FAILED" {
		return refuse("Invalid operation on stack [%s]. When you delete a stack, specify which resources to retain only when the stack is in the DELETE_FAILED state.", st.arn)
	}

	for _, o := range st.outputs {
		if o.Export == "" {
			continue
		}

		users, err := c.importers(o.Export)
		if err != nil {
			return err
		}
		if len(users) > 0 {
			return refuse("%s", inUse("deleted", o.Export, users))
		}
	}

	return nil
}

// forgetFuture drops the part of a course that lies ahead.
func (c *call) forgetFuture(st *stack) error {
	for _, sql := range []string{
		`DELETE FROM event WHERE stack_id = $1 AND at > $2`,
		`DELETE FROM revision WHERE stack_id = $1 AND at > $2`,
		`DELETE FROM export WHERE stack_id = $1 AND from_at > $2`,
		`UPDATE change_set SET ends_at = $2, succeeded = 0 WHERE stack_id = $1 AND ends_at > $2`,
		`UPDATE stack SET deleted_at = NULL WHERE id = $1 AND deleted_at > $2`,
	} {
		if _, err := c.tx.Exec(sql, st.id, c.now()); err != nil {
			return err
		}
	}

	return nil
}

// dismantle writes the course of a stack's deletion.
func (c *call) dismantle(st *stack) error {
	old, err := c.resources(st)
	if err != nil {
		return err
	}

	moments := rollout.Delete(rollout.Deletion{
		Old: old, Retain: c.form.Texts("RetainResources"), Force: c.form.Text("DeletionMode") == "FORCE_DELETE_STACK", Each: c.s.opt.Each,
	})
	if err := c.tidy(st); err != nil {
		return err
	}
	if err := c.countOperation(st); err != nil {
		return err
	}

	rec := recorder{c: c, st: st, before: st.defined, after: st.defined, old: st.outputs, new: st.outputs, updated: st.updated, token: c.form.Text("ClientRequestToken")}
	if err := rec.write(moments); err != nil {
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
		if _, err := c.tx.Exec(sql, c.at(last), st.id); err != nil {
			return err
		}
	}

	return nil
}
