package sandbox

import (
	"strings"
	"time"

	"github.com/lockstephq/lockstep/internal/sandbox/rollout"
	"github.com/lockstephq/lockstep/internal/sandbox/store"
)

// A deployment executes a plan.
type deployment struct {
	stack      *store.Stack
	plan       *plan
	definition store.Definition
	create     bool
	token      string
}

// deploy computes and records a deployment.
func (c *call) deploy(deployment deployment) (store.Outcome, error) {
	fatal, err := c.fatalReason(deployment)
	if err != nil {
		return store.Outcome{}, err
	}

	req := rollout.Request{
		Existing:             deployment.plan.existing,
		Desired:              deployment.plan.desired,
		Changes:              deployment.plan.changes,
		OnFailure:            deployment.definition.Settings.OnFailure,
		RetainExceptOnCreate: deployment.definition.Settings.RetainExceptOnCreate,
		FailureReason:        fatal,
		ResourceDuration:     c.sandbox.options.ResourceDuration,
		Timeout:              time.Duration(deployment.definition.Settings.TimeoutMinutes) * time.Minute,
	}

	course := rollout.Update
	if deployment.create {
		course = rollout.Create
	}

	transitions := course(req)
	last := transitions[len(transitions)-1]
	out := store.Outcome{EndsAt: c.TimeOf(last),
		Succeeded: last.Status == "CREATE_COMPLETE" || last.Status == "UPDATE_COMPLETE"}
	if err := c.Prune(deployment.stack); err != nil {
		return out, err
	}

	id, err := c.InsertDefinition(deployment.stack.ID, deployment.definition)
	if err != nil {
		return out, err
	}
	if err := c.CountOperation(deployment.stack); err != nil {
		return out, err
	}

	operation := store.Operation{
		Stack:      deployment.stack,
		Before:     id,
		After:      id,
		NewOutputs: deployment.plan.outputs,
		Token:      deployment.token,
	}
	if !deployment.create {
		now := c.Now()
		operation.Before = deployment.stack.DefinitionID
		operation.OldOutputs = deployment.stack.Outputs
		operation.UpdatedAt = &now
	}

	if err := c.Record(operation, transitions); err != nil {
		return out, err
	}

	return out, c.UpdateExports(deployment.stack, deployment.plan.imports, deployment.plan.outputs, out)
}

// fatalReason returns the reason that fails a deployment before its first resource:
// a missing or conflicting export. It returns "" if there is none.
func (c *call) fatalReason(deployment deployment) (string, error) {
	if deployment.plan.missingExport != nil {
		return deployment.plan.missingExport.Error(), nil
	}

	exports := map[string]string{}
	for _, output := range deployment.plan.outputs {
		if output.Export == "" {
			continue
		}

		exports[output.Export] = output.Value
		owner, err := c.Exporter(deployment.stack, output.Export)
		if err != nil {
			return "", err
		}

		if owner != "" {
			return "Export with name " + output.Export + " is already exported by stack " + owner + ".", nil
		}
	}

	for _, output := range deployment.stack.Outputs {
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
