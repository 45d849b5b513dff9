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
func (c *call) deploy(deployment deployment) (store.Outcome, error) {
	fatal, err := c.fatalReason(deployment)
	if err != nil {
		return store.Outcome{}, err
	}

	req := rollout.Request{
		Old: deployment.plan.old, New: deployment.plan.new, Changes: deployment.plan.changes, OnFailure: deployment.def.Settings.OnFailure,
		RetainExceptOnCreate: deployment.def.Settings.RetainExceptOnCreate, Fatal: fatal, Each: c.s.opt.Each,
		Timeout: time.Duration(deployment.def.Settings.TimeoutMinutes) * time.Minute,
	}

	course := rollout.Update
	if deployment.create {
		course = rollout.Create
	}

	moments := course(req)
	last := moments[len(moments)-1]
	out := store.Outcome{EndsAt: c.TimeOf(last), Succeeded: last.Status == "CREATE_COMPLETE" || last.Status == "UPDATE_COMPLETE"}
	if err := c.Prune(deployment.st); err != nil {
		return out, err
	}

	id, err := c.InsertDefinition(deployment.st.ID, deployment.def)
	if err != nil {
		return out, err
	}
	if err := c.CountOperation(deployment.st); err != nil {
		return out, err
	}

	operation := store.Operation{Stack: deployment.st, Before: id, After: id, NewOutputs: deployment.plan.outputs, Token: deployment.token}
	if !deployment.create {
		now := c.Now()
		operation.Before = deployment.st.DefinitionID
		operation.OldOutputs = deployment.st.Outputs
		operation.UpdatedAt = &now
	}

	if err := c.Record(operation, moments); err != nil {
		return out, err
	}

	return out, c.UpdateExports(deployment.st, deployment.plan.imports, deployment.plan.outputs, out)
}

// fatalReason is what fails a deployment before its first resource: imports and
// exports that cannot be.
func (c *call) fatalReason(deployment deployment) (string, error) {
	if deployment.plan.missing != nil {
		return deployment.plan.missing.Error(), nil
	}

	exports := map[string]string{}
	for _, output := range deployment.plan.outputs {
		if output.Export == "" {
			continue
		}

		exports[output.Export] = output.Value
		owner, err := c.Exporter(deployment.st, output.Export)
		if err != nil {
			return "", err
		}

		if owner != "" {
			return "Export with name " + output.Export + " is already exported by stack " + owner + ".", nil
		}
	}

	for _, output := range deployment.st.Outputs {
		value, kept := exports[output.Export]
		if output.Export == "" || kept && value == output.Value {
			continue
		}

		users, err := c.Importers(output.Export)
		if err != nil {
			return "", err
		}
		if len(users) > 0 && !kept {
			return exportInUse("deleted", output.Export, users), nil
		}

		if len(users) > 0 {
			return exportInUse("updated", output.Export, users), nil
		}
	}

	return "", nil
}

func exportInUse(verb, export string, users []string) string {
	return "Export " + export + " cannot be " + verb + " as it is in use by " + strings.Join(users, ", ")
}
