package sandbox

import (
	"errors"
	"fmt"

	"github.com/lockstephq/lockstep/internal/awsquery"
	"github.com/lockstephq/lockstep/internal/cfn/syntax"
	"github.com/lockstephq/lockstep/internal/cfn/template"
	"github.com/lockstephq/lockstep/internal/db"
	"github.com/lockstephq/lockstep/internal/sandbox/rollout"
)

type createdChangeSet struct {
	ID      string `xml:"Id"`
	StackID string `xml:"StackId"`
}

func (c *call) createChangeSet() (any, error) {
	name := c.form.Text("ChangeSetName")
	if err := newChangeSetName(name); err != nil {
		return nil, err
	}

	st, create, err := c.changedStack(name)
	if err != nil {
		return nil, err
	}
	if same, found, err := c.sameChangeSet(st, name); err != nil || found {
		return same, err
	}

	before := &st.def
	if create {
		before = nil
	}

	p, err := c.propose(before)
	if err != nil {
		return nil, err
	}

	d := &p.def.detail
	d.Kind = "UPDATE"
	if create {
		d.Kind = "CREATE"
	}

	d.ChangeSetText = c.form.Text("Description")
	if d.OnFailure, err = failureNamed("onStackFailure", c.form.Text("OnStackFailure")); err != nil {
		return nil, err
	}
	if !create && d.OnFailure == rollout.Remove {
		return nil, refuse("OnStackFailure DELETE is only valid for a change set of type CREATE.")
	}

	cs := changeSet{name: name, status: "CREATE_COMPLETE", token: c.form.Text("ClientToken")}
	cs.arn = "arn:" + c.who.partition() + ":cloudformation:" + st.region + ":" + st.account + ":changeSet/" + name + "/" + newUUID()
	d.ChangeSet = cs.arn
	cs.def = p.def

	if err := c.fillChangeSet(&cs, st, p); err != nil {
		return nil, err
	}

	arn, err := c.insertChangeSet(st, cs)
	return createdChangeSet{ID: arn, StackID: st.arn}, err
}

// fillChangeSet computes the changes. What is wrong with the template's values
// fails the change set rather than the request, as at AWS.
func (c *call) fillChangeSet(cs *changeSet, st *stack, p *proposal) error {
	pl, err := c.plan(st, p)
	if e, ok := errors.AsType[*syntax.Error](err); ok {
		cs.status, cs.reason = "FAILED", e.Message
		return nil
	}

	if err != nil {
		return err
	}

	cs.changes = pl.changes
	switch {
	case pl.missing != nil:
		cs.status, cs.reason = "FAILED", pl.missing.Error()
	case !pl.changed:
		cs.status, cs.reason = "FAILED", noChanges
	}

	return nil
}

// changedStack finds the stack that a new change set is for, or makes it, in
// review, for one that creates it.
func (c *call) changedStack(changeSetName string) (st *stack, create bool, err error) {
	name := c.form.Text("StackName")
	st, err = c.find(name)
	missing := errors.Is(err, errNoStack) || err == nil && st.gone(c.now())
	if err != nil && !missing {
		return nil, false, err
	}

	switch kind := c.form.Text("ChangeSetType"); kind {
	case "CREATE":
		if missing {
			st, err = c.reviewStack(name)
			return st, true, err
		}

		if st.status != "REVIEW_IN_PROGRESS" {
			return nil, false, refuse("Stack [%s] already exists and cannot be created again with the changeSet [%s].", st.name, changeSetName)
		}
		return st, true, nil
	case "", "UPDATE":
		if missing {
			return nil, false, refuse("Stack [%s] does not exist", clip(name))
		}
		if !st.updatable() {
			return nil, false, c.notUpdatable(st)
		}
		return st, false, nil

	case "IMPORT":
		return nil, false, refuse("the sandbox does not expand ChangeSetType IMPORT")
	default:
		return nil, false, violation("changeSetType", kind, "Member must satisfy enum value set: [IMPORT, UPDATE, CREATE]")
	}
}

// reviewStack makes a stack that only has change sets so far.
func (c *call) reviewStack(name string) (*stack, error) {
	if err := newStackName(name); err != nil {
		return nil, err
	}
	st, err := c.openStack(name, false)
	if err != nil {
		return nil, err
	}
	st.status = "REVIEW_IN_PROGRESS"
	rec := recorder{c: c, st: st}
	return st, rec.write([]rollout.Moment{{Status: st.status, Reason: "User Initiated"}})
}

// sameChangeSet answers a repeated request, and refuses another of the same name.
func (c *call) sameChangeSet(st *stack, name string) (same createdChangeSet, found bool, err error) {
	var token string
	same.StackID = st.arn
	err = c.tx.QueryRow(`SELECT arn, client_token FROM change_set WHERE stack_id = $1 AND name = $2`, st.id, name).Scan(&same.ID, &token)
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
	cs, err := c.theChangeSet()
	if err != nil {
		return nil, err
	}

	repeated, err := c.repeated(cs.arn)
	if err != nil || repeated {
		return nil, err
	}
	if cs.statusNow != "CREATE_COMPLETE" {
		return nil, cs.notExecutable("current status", cs.statusNow)
	}

	if cs.executionNow != "AVAILABLE" {
		return nil, cs.notExecutable("current execution status", cs.executionNow)
	}

	st, create := cs.st, cs.def.detail.Kind == "CREATE"
	if create && st.status != "REVIEW_IN_PROGRESS" || !create && !st.updatable() {
		return nil, c.notUpdatable(st)
	}
	if err := c.executionSettings(&cs.def.detail); err != nil {
		return nil, err
	}

	t, err := template.Parse(cs.def.body)
	if err != nil {
		return nil, err
	}

	pl, err := c.plan(st, &proposal{def: cs.def, template: t})
	if err != nil {
		return nil, err
	}

	out, err := c.deploy(deployment{st: st, plan: pl, def: cs.def, create: create, token: c.form.Text("ClientRequestToken")})
	if err != nil {
		return nil, err
	}

	_, err = c.tx.Exec(`UPDATE change_set SET executed_at = $1, ends_at = $2, succeeded = $3 WHERE id = $4`, c.now(), out.ends, out.succeeded, cs.id)
	if err != nil {
		return nil, err
	}
	if err := c.expire(st, cs.id); err != nil {
		return nil, err
	}

	return nil, c.remember(cs.arn, "")
}

func (cs *changeSet) notExecutable(what, status string) error {
	return &awsquery.Error{Code: "InvalidChangeSetStatus", Message: fmt.Sprintf("ChangeSet [%s] cannot be executed in its %s of [%s]", cs.arn, what, status)}
}

// executionSettings reads what ExecuteChangeSet says of failure.
func (c *call) executionSettings(d *detail) error {
	if c.form.Has("DisableRollback") {
		disable, err := c.form.Flag("DisableRollback")
		if err != nil {
			return err
		}
		if d.OnFailure != rollout.Rollback && d.OnFailure != "" {
			return refuse("DisableRollback cannot be specified for a change set that has OnStackFailure.")
		}

		if disable {
			d.OnFailure = rollout.DoNothing
		}
	}

	keep, err := c.form.Flag("RetainExceptOnCreate")
	d.ExceptOnNew = d.ExceptOnNew || keep
	return err
}

func (c *call) deleteChangeSet() (any, error) {
	cs, err := c.theChangeSet()
	if e, ok := errors.AsType[*awsquery.Error](err); ok && e.Code == "ChangeSetNotFound" {
		return nil, nil // deleting what is not there is done, and the operation has no result
	}
	if err != nil {
		return nil, err
	}

	if cs.executionNow == "EXECUTE_IN_PROGRESS" || cs.executed != nil && cs.st.inProgress() {
		return nil, &awsquery.Error{Code: "InvalidChangeSetStatus", Message: fmt.Sprintf("ChangeSet [%s] cannot be deleted in its current execution status of [%s]", cs.arn, cs.executionNow)}
	}

	_, err = c.tx.Exec(`DELETE FROM change_set WHERE id = $1`, cs.id)
	return nil, err
}
