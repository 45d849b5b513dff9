package store

import (
	"encoding/json"
	"errors"
	"strings"

	"github.com/lockstephq/lockstep/internal/db"
	"github.com/lockstephq/lockstep/internal/sandbox/rollout"
)

// ReadyAfter is how long the creation of a change set takes, in milliseconds.
const ReadyAfter = 20

// A ChangeSet is a change set as it is now.
type ChangeSet struct {
	ID           int64
	ARN          string
	Name         string
	ClientToken  string
	stackID      int64
	Stack        *Stack
	DefinitionID int64
	Definition   Definition
	Changes      []rollout.Change

	CreatedAt  int64
	ReadyAt    int64
	ExecutedAt *int64
	EndsAt     *int64 // of the execution
	obsoleteAt *int64
	Succeeded  *bool // whether the execution succeeds at EndsAt

	// FinalStatus and FinalReason are those from ReadyAt on.
	FinalStatus string
	FinalReason string

	// Status, StatusReason and ExecutionStatus are the current ones.
	Status          string
	StatusReason    string
	ExecutionStatus string
}

const changeSetColumns = `SELECT c.id, c.arn, c.name, c.stack_id, c.created_at, c.ready_at, c.status, c.reason,
	c.client_token,
	c.definition_id, c.changes, c.executed_at, c.ends_at, c.obsolete_at, c.succeeded
	FROM change_set c JOIN stack s ON s.id = c.stack_id `

func scanChangeSet(scan func(...any) error, now int64) (*ChangeSet, error) {
	var changeSet ChangeSet
	var changes string
	err := scan(&changeSet.ID, &changeSet.ARN, &changeSet.Name, &changeSet.stackID, &changeSet.CreatedAt,
		&changeSet.ReadyAt, &changeSet.FinalStatus, &changeSet.FinalReason, &changeSet.ClientToken,
		&changeSet.DefinitionID, &changes, &changeSet.ExecutedAt, &changeSet.EndsAt, &changeSet.obsoleteAt,
		&changeSet.Succeeded)
	if err != nil {
		return nil, err
	}
	changeSet.deriveStatus(now)
	return &changeSet, json.Unmarshal([]byte(changes), &changeSet.Changes)
}

// deriveStatus sets the statuses at a time.
func (cs *ChangeSet) deriveStatus(now int64) {
	cs.Status = cs.FinalStatus
	cs.StatusReason = cs.FinalReason

	switch {
	case now < cs.ReadyAt:
		cs.Status = "CREATE_IN_PROGRESS"
		if now < cs.CreatedAt+ReadyAfter/2 {
			cs.Status = "CREATE_PENDING"
		}
		cs.StatusReason = ""
		cs.ExecutionStatus = "UNAVAILABLE"
	case cs.ExecutedAt != nil && now < *cs.EndsAt:
		cs.ExecutionStatus = "EXECUTE_IN_PROGRESS"
	case cs.ExecutedAt != nil && *cs.Succeeded:
		cs.ExecutionStatus = "EXECUTE_COMPLETE"
	case cs.ExecutedAt != nil:
		cs.ExecutionStatus = "EXECUTE_FAILED"
	case cs.obsoleteAt != nil:
		cs.ExecutionStatus = "OBSOLETE"
	case cs.FinalStatus == "FAILED":
		cs.ExecutionStatus = "UNAVAILABLE"
	default:
		cs.ExecutionStatus = "AVAILABLE"
	}
}

// ErrNoChangeSet is the error of FindChangeSet if there is no such change set.
var ErrNoChangeSet = errors.New("no such change set")

// FindChangeSet returns a change set by its ARN, or by its name and its stack.
func (scope *Scope) FindChangeSet(nameOrARN, stackName string) (*ChangeSet, error) {
	where := `WHERE s.account = $1 AND s.region = $2 AND c.arn = $3`
	args := []any{scope.Account, scope.Region, nameOrARN}
	if !strings.HasPrefix(nameOrARN, "arn:") {
		stack, err := scope.FindStack(stackName)
		if errors.Is(err, ErrNoStack) {
			return nil, ErrNoChangeSet
		}
		if err != nil {
			return nil, err
		}

		where, args = `WHERE c.stack_id = $1 AND c.name = $2`, []any{stack.ID, nameOrARN}
	}

	row := scope.Tx.QueryRow(changeSetColumns+where, args...)
	changeSet, err := scanChangeSet(row.Scan, scope.Now())
	if errors.Is(err, db.ErrNoRows) {
		return nil, ErrNoChangeSet
	}

	if err != nil {
		return nil, err
	}
	stackRow := scope.Tx.QueryRow(stackColumns+`WHERE s.id = $2`, scope.Now(), changeSet.stackID)
	if changeSet.Stack, err = scanStack(stackRow.Scan); err != nil {
		return nil, err
	}
	if changeSet.Stack.Definition, err = scope.LoadDefinition(changeSet.Stack.DefinitionID); err != nil {
		return nil, err
	}

	changeSet.Definition, err = scope.LoadDefinition(changeSet.DefinitionID)
	return changeSet, err
}

// InsertChangeSet inserts a change set and returns its ARN.
func (scope *Scope) InsertChangeSet(stack *Stack, changeSet ChangeSet) (string, error) {
	id, err := scope.InsertDefinition(stack.ID, changeSet.Definition)
	if err != nil {
		return "", err
	}

	if changeSet.Changes == nil {
		changeSet.Changes = []rollout.Change{}
	}

	changes, err := json.Marshal(changeSet.Changes)
	if err != nil {
		return "", err
	}

	_, err = scope.Tx.Exec(`INSERT INTO change_set (arn, stack_id, name, created_at, ready_at,
			status, reason, definition_id, changes, client_token)
		VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10)`,
		changeSet.ARN, stack.ID, changeSet.Name, scope.Now(), changeSet.ReadyAt,
		changeSet.FinalStatus, changeSet.FinalReason, id, string(changes), changeSet.ClientToken)
	return changeSet.ARN, err
}

// MarkChangeSetsObsolete marks the stack's other change sets as obsolete, since the
// stack is about to change.
func (scope *Scope) MarkChangeSetsObsolete(st *Stack, except int64) error {
	_, err := scope.Tx.Exec(`UPDATE change_set SET obsolete_at = $1 WHERE stack_id = $2 AND id <> $3
		AND executed_at IS NULL AND obsolete_at IS NULL`,
		scope.Now(), st.ID, except)
	return err
}

func (scope *Scope) ListStackChangeSets(st *Stack, before int64, limit int) ([]*ChangeSet, error) {
	rows, err := scope.Tx.Query(changeSetColumns+`WHERE c.stack_id = $1 AND c.id < $2
		ORDER BY c.id DESC LIMIT $3`, st.ID, before, limit)
	if err != nil {
		return nil, err
	}
	defer rows.Close()

	var out []*ChangeSet
	for rows.Next() {
		changeSet, err := scanChangeSet(rows.Scan, scope.Now())
		if err != nil {
			return nil, err
		}

		out = append(out, changeSet)
	}

	return out, rows.Err()
}

// MarkExecuted records that a change set is executed now, and the outcome.
func (scope *Scope) MarkExecuted(changeSet *ChangeSet, outcome Outcome) error {
	_, err := scope.Tx.Exec(`UPDATE change_set SET executed_at = $1, ends_at = $2, succeeded = $3 WHERE id = $4`,
		scope.Now(), outcome.EndsAt, outcome.Succeeded, changeSet.ID)
	return err
}

// DeleteChangeSet deletes a change set.
func (scope *Scope) DeleteChangeSet(changeSet *ChangeSet) error {
	_, err := scope.Tx.Exec(`DELETE FROM change_set WHERE id = $1`, changeSet.ID)
	return err
}
