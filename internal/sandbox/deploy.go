package sandbox

import (
	"strings"
	"time"

	"github.com/lockstephq/lockstep/internal/sandbox/rollout"
	"github.com/lockstephq/lockstep/internal/sandbox/store"
)

// A deployment carries a plan out.
type deployment struct {
	st     *store.Stack
	plan   *plan
	def    store.Definition
	create bool
	token  string
}

// deploy writes the whole course of a deployment into the books.
func (c *call) deploy(d deployment) (store.Outcome, error) {
	fatal, err := c.fatalReason(d)
	if err != nil {
		return store.Outcome{}, err
	}

	req := rollout.Request{
		Old: d.plan.old, New: d.plan.new, Changes: d.plan.changes, OnFailure: d.def.Settings.OnFailure,
		RetainExceptOnCreate: d.def.Settings.RetainExceptOnCreate, Fatal: fatal, Each: c.s.opt.Each,
		Timeout: time.Duration(d.def.Settings.TimeoutMinutes) * time.Minute,
	}

	course := rollout.Update
	if d.create {
		course = rollout.Create
	}

	moments := course(req)
	last := moments[len(moments)-1]
	out := store.Outcome{EndsAt: c.TimeOf(last), Succeeded: last.Status == "CREATE_COMPLETE" || last.Status == "UPDATE_COMPLETE"}
	if err := c.Prune(d.st); err != nil {
		return out, err
	}

	id, err := c.InsertDefinition(d.st.ID, d.def)
	if err != nil {
		return out, err
	}
	if err := c.CountOperation(d.st); err != nil {
		return out, err
	}

	operation := store.Operation{Stack: d.st, Before: id, After: id, NewOutputs: d.plan.outputs, Token: d.token}
	if !d.create {
		now := c.Now()
		operation.Before = d.st.DefinitionID
		operation.OldOutputs = d.st.Outputs
		operation.UpdatedAt = &now
	}

	if err := c.Record(operation, moments); err != nil {
		return out, err
	}

	return out, c.UpdateExports(d.st, d.plan.imports, d.plan.outputs, out)
}

// fatalReason is what fails a deployment before its first resource: imports and
// exports that cannot be.
func (c *call) fatalReason(d deployment) (string, error) {
	if d.plan.missing != nil {
		return d.plan.missing.Error(), nil
	}

	exports := map[string]string{}
	for _, o := range d.plan.outputs {
		if o.Export == "" {
			continue
		}

		exports[o.Export] = o.Value
		owner, err := c.Exporter(d.st, o.Export)
		if err != nil {
			return "", err
		}

		if owner != "" {
			return "Export with name " + o.Export + " is already exported by stack " + owner + ".", nil
		}
	}

	for _, o := range d.st.Outputs {
		value, kept := exports[o.Export]
		if o.Export == "" || kept && value == o.Value {
			continue
		}

		users, err := c.Importers(o.Export)
		if err != nil {
			return "", err
		}
		if len(users) > 0 && !kept {
			return exportInUse("deleted", o.Export, users), nil
		}

		if len(users) > 0 {
			return exportInUse("updated", o.Export, users), nil
		}
	}

	return "", nil
}

func exportInUse(verb, export string, users []string) string {
	return "Export " + export + " cannot be " + verb + " as it is in use by " + strings.Join(users, ", ")
}
