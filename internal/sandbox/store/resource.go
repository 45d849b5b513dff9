package store

import (
	"encoding/json"
	"errors"

	"github.com/lockstephq/lockstep/internal/db"
	"github.com/lockstephq/lockstep/internal/sandbox/rollout"
)

// ParameterValue returns the value of the AWS::SSM::Parameter of a stack, and whether
// there is one of the name.
func (scope *Scope) ParameterValue(name string) (string, bool) {
	var text string
	err := scope.Tx.QueryRow(`SELECT e.state FROM event e JOIN stack s ON s.id = e.stack_id
		WHERE e.type = 'AWS::SSM::Parameter' AND e.physical_id = $1 AND s.account = $2 AND s.region = $3
		AND e.state IS NOT NULL AND e.gone = 0 AND e.status IN ('CREATE_COMPLETE', 'UPDATE_COMPLETE')
		AND e.seq = (SELECT max(seq) FROM event l WHERE l.stack_id = e.stack_id AND l.logical_id = e.logical_id
		AND l.state IS NOT NULL AND l.at <= $4)
		LIMIT 1`, name, scope.Account, scope.Region, scope.Now()).Scan(&text)
	if err != nil {
		return "", false
	}

	var resource rollout.Resource
	if err := json.Unmarshal([]byte(text), &resource); err != nil {
		return "", false
	}

	value, ok := resource.Properties["Value"].(string)
	return value, ok
}

// ResourceOwner returns the ARN of another stack that has, or has begun to create, a
// resource of a type and physical id, and whether there is one.
func (scope *Scope) ResourceOwner(stack *Stack, typ, physicalID string) (string, bool, error) {
	var arn string
	err := scope.Tx.QueryRow(`SELECT s.arn FROM event e JOIN stack s ON s.id = e.stack_id
		WHERE e.type = $1 AND e.physical_id = $2 AND s.account = $3 AND s.region = $4 AND s.id <> $5
		AND e.state IS NOT NULL AND e.gone = 0
		AND (s.deleted_at IS NULL OR s.deleted_at > $6)
		AND e.seq = (SELECT max(seq) FROM event l WHERE l.stack_id = e.stack_id AND l.logical_id = e.logical_id
		AND l.state IS NOT NULL AND l.at <= $6)
		LIMIT 1`, typ, physicalID, scope.Account, scope.Region, stack.ID, scope.Now()).Scan(&arn)
	if errors.Is(err, db.ErrNoRows) {
		return "", false, nil
	}
	return arn, err == nil, err
}

// Resources returns the current resources of a stack, each after those it depends on.
func (scope *Scope) Resources(st *Stack) ([]rollout.Resource, error) {
	rows, err := scope.Tx.Query(`SELECT e.state, e.gone, e.status FROM event e
		JOIN (SELECT logical_id, max(seq) AS seq FROM event WHERE stack_id = $1 AND at <= $2
		AND state IS NOT NULL GROUP BY logical_id) l
		ON e.stack_id = $1 AND e.seq = l.seq ORDER BY e.logical_id`, st.ID, scope.Now())
	if err != nil {
		return nil, err
	}
	defer rows.Close()

	var out []rollout.Resource
	for rows.Next() {
		var text, status string
		var gone bool
		if err := rows.Scan(&text, &gone, &status); err != nil {
			return nil, err
		}

		var resource rollout.Resource
		if err := json.Unmarshal([]byte(text), &resource); err != nil {
			return nil, err
		}

		if !gone && status != "CREATE_FAILED" {
			out = append(out, resource)
		}
	}

	return rollout.SortByDependencies(out), rows.Err()
}
