package store

import (
	"encoding/json"
	"time"

	"github.com/lockstephq/lockstep/internal/cfn/template"
	"github.com/lockstephq/lockstep/internal/sandbox/rollout"
)

// An Operation is what is recorded about an operation on a stack in addition to its
// transitions.
type Operation struct {
	Stack *Stack
	// Before and After are the ids of the definitions.
	Before, After int64
	OldOutputs    []template.Output
	NewOutputs    []template.Output
	UpdatedAt     *int64
	// Token is the client request token of its events.
	Token string
}

// An Outcome is how an operation will end, and when.
type Outcome struct {
	EndsAt    int64
	Succeeded bool
}

// TimeOf returns the time of a transition of an operation that starts now.
func (scope *Scope) TimeOf(transition rollout.Transition) int64 {
	return scope.Now() + int64(transition.At/time.Millisecond)
}

// CountOperation counts a new operation on a stack.
func (scope *Scope) CountOperation(stack *Stack) error {
	stack.Operations++
	_, err := scope.Tx.Exec(`UPDATE stack SET operations = $1 WHERE id = $2`, stack.Operations, stack.ID)
	return err
}

// Record inserts the transitions of an operation as events and revisions.
func (scope *Scope) Record(operation Operation, transitions []rollout.Transition) error {
	stack := operation.Stack
	var sequence int64
	err := scope.Tx.QueryRow(`SELECT coalesce(max(seq), 0) FROM event WHERE stack_id = $1`, stack.ID).Scan(&sequence)
	if err != nil {
		return err
	}

	for _, transition := range transitions {
		sequence++
		if transition.Resource == nil {
			if err := scope.insertRevision(operation, sequence, transition); err != nil {
				return err
			}
		}

		if err := scope.insertEvent(operation, sequence, transition); err != nil {
			return err
		}
	}

	last := transitions[len(transitions)-1]
	if last.Status == "DELETE_COMPLETE" && last.Resource == nil {
		_, err = scope.Tx.Exec(`UPDATE stack SET deleted_at = $1 WHERE id = $2`, scope.TimeOf(last), stack.ID)
	}

	return err
}

// insertRevision inserts the stack as it is from a transition on.
func (scope *Scope) insertRevision(operation Operation, sequence int64, transition rollout.Transition) error {
	definition := operation.After
	if transition.Definition == rollout.Old {
		definition = operation.Before
	}

	var definitionID *int64
	if definition != 0 {
		definitionID = &definition
	}

	outputs := operation.OldOutputs
	switch transition.Status { // the only ones that show the new outputs
	case "CREATE_COMPLETE", "UPDATE_COMPLETE_CLEANUP_IN_PROGRESS", "UPDATE_COMPLETE":
		outputs = operation.NewOutputs
	}

	text, err := json.Marshal(outputs)
	if err != nil {
		return err
	}

	_, err = scope.Tx.Exec(`INSERT INTO revision (stack_id, seq, at, status, reason, definition_id, outputs, updated_at)
		VALUES ($1, $2, $3, $4, $5, $6, $7, $8)`, operation.Stack.ID, sequence, scope.TimeOf(transition),
		string(transition.Status), transition.Reason, definitionID, string(text), operation.UpdatedAt)
	return err
}

func (scope *Scope) insertEvent(operation Operation, sequence int64, transition rollout.Transition) error {
	stack := operation.Stack
	logicalID, physicalID, resourceType, properties := stack.Name, stack.ARN, "AWS::CloudFormation::Stack", ""
	if resource := transition.Resource; resource != nil {
		logicalID = resource.LogicalID
		physicalID = transition.PhysicalID
		resourceType = resource.Type
		properties = resource.EventProperties
	}

	if transition.Silent {
		err := scope.Tx.QueryRow(`SELECT status, reason FROM event WHERE stack_id = $1 AND logical_id = $2
			AND state IS NOT NULL AND at <= $3
			ORDER BY seq DESC LIMIT 1`, stack.ID, logicalID, scope.Now()).Scan(&transition.Status, &transition.Reason)
		if err != nil {
			return err
		}
	}

	var state *string
	if transition.State != nil {
		encoded, err := json.Marshal(transition.State)
		if err != nil {
			return err
		}

		text := string(encoded)
		state = &text
	}

	_, err := scope.Tx.Exec(`INSERT INTO event (stack_id, seq, at, logical_id, physical_id,
			type, status, reason, properties, token, state, gone, silent)
		VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13)`,
		stack.ID, sequence, scope.TimeOf(transition), logicalID, physicalID,
		resourceType, string(transition.Status), transition.Reason, properties, operation.Token, state, transition.Gone,
		transition.Silent)
	return err
}
