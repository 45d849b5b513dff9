package store

import (
	"encoding/json"
	"errors"
	"strings"

	"github.com/lockstephq/lockstep/internal/cfn/template"
	"github.com/lockstephq/lockstep/internal/db"
	"github.com/lockstephq/lockstep/internal/sandbox/rollout"
)

// A Stack is a stack as it is now.
type Stack struct {
	ID         int64
	ARN        string
	Account    string
	Region     string
	Name       string
	CreatedAt  int64
	DeletedAt  *int64
	Operations int // started so far
	Protected  bool

	// The following are the current ones.
	Status       rollout.Status
	StatusReason string
	Outputs      []template.Output
	UpdatedAt    *int64
	DefinitionID int64 // id of the current definition
	Definition   Definition
	revisionSeq  int64
}

// A Definition is the template and the settings of a request.
type Definition struct {
	Body     string
	Settings Settings
}

// Settings are what a request asks for in addition to the template.
type Settings struct {
	Description          string            `json:"description,omitempty"`
	Parameters           map[string]string `json:"parameters,omitempty"`
	ShownParameters      []Parameter       `json:"shown,omitempty"` // in the template's order, NoEcho masked
	Tags                 []Tag             `json:"tags,omitempty"`
	Capabilities         []string          `json:"capabilities,omitempty"`
	RoleARN              string            `json:"roleArn,omitempty"`
	Notifications        []string          `json:"notifications,omitempty"`
	OnFailure            rollout.OnFailure `json:"onFailure,omitempty"`
	RetainExceptOnCreate bool              `json:"retainExceptOnCreate,omitempty"`
	TimeoutMinutes       int               `json:"timeoutInMinutes,omitempty"`
	ChangeSetARN         string            `json:"changeSet,omitempty"`
	ChangeSetDescription string            `json:"changeSetDescription,omitempty"`
	ChangeSetType        string            `json:"kind,omitempty"` // CREATE or UPDATE
}

// A Tag is one tag of a stack.
type Tag struct {
	Key   string
	Value string
}

func (s *Stack) IsDeleted(now int64) bool { return s.DeletedAt != nil && *s.DeletedAt <= now }

// IsInProgress reports whether an operation is in progress.
func (s *Stack) IsInProgress() bool {
	return strings.HasSuffix(string(s.Status), "_IN_PROGRESS") && s.Status != "REVIEW_IN_PROGRESS"
}

// IsUpdatable reports whether a stack of this status can be updated.
func (s *Stack) IsUpdatable() bool {
	switch s.Status {
	case "CREATE_COMPLETE", "UPDATE_COMPLETE", "UPDATE_ROLLBACK_COMPLETE", "UPDATE_FAILED", "CREATE_FAILED":
		return true
	}
	return false
}

const stackColumns = `SELECT s.id, s.arn, s.account, s.region, s.name, s.created_at, s.deleted_at, s.operations,
	s.protected,
	r.status, r.reason, r.outputs, r.updated_at, r.seq, coalesce(r.definition_id, 0)
	FROM stack s JOIN revision r ON r.stack_id = s.id
	AND r.seq = (SELECT seq FROM revision WHERE stack_id = s.id AND at <= $1 ORDER BY seq DESC LIMIT 1) `

func scanStack(scan func(...any) error) (*Stack, error) {
	var stack Stack
	var outputs string
	err := scan(&stack.ID, &stack.ARN, &stack.Account, &stack.Region, &stack.Name, &stack.CreatedAt, &stack.DeletedAt,
		&stack.Operations, &stack.Protected,
		&stack.Status, &stack.StatusReason, &outputs, &stack.UpdatedAt, &stack.revisionSeq,
		&stack.DefinitionID)
	if err != nil {
		return nil, err
	}
	return &stack, json.Unmarshal([]byte(outputs), &stack.Outputs)
}

// ErrNoStack is the error of FindStack if there is no such stack.
var ErrNoStack = errors.New("no such stack")

// FindStack returns a stack by its ARN, also a deleted one, or by the name of a stack
// that is not deleted.
func (scope *Scope) FindStack(nameOrARN string) (*Stack, error) {
	where := `WHERE s.account = $2 AND s.region = $3 AND s.name = $4
		AND (s.deleted_at IS NULL OR s.deleted_at > $1) ORDER BY s.id DESC LIMIT 1`
	if strings.HasPrefix(nameOrARN, "arn:") {
		where = `WHERE s.account = $2 AND s.region = $3 AND s.arn = $4`
	}

	row := scope.Tx.QueryRow(stackColumns+where, scope.Now(), scope.Account, scope.Region, nameOrARN)
	stack, err := scanStack(row.Scan)
	if errors.Is(err, db.ErrNoRows) {
		return nil, ErrNoStack
	}

	if err != nil {
		return nil, err
	}

	stack.Definition, err = scope.LoadDefinition(stack.DefinitionID)
	return stack, err
}

// ListStacks returns stacks with smaller ids than before, newest first.
func (scope *Scope) ListStacks(deleted bool, before int64, limit int) ([]*Stack, error) {
	where := `WHERE s.account = $2 AND s.region = $3 AND s.id < $4 `
	if !deleted {
		where += `AND (s.deleted_at IS NULL OR s.deleted_at > $1) `
	}

	rows, err := scope.Tx.Query(stackColumns+where+`ORDER BY s.id DESC LIMIT $5`,
		scope.Now(), scope.Account, scope.Region, before, limit)
	if err != nil {
		return nil, err
	}
	defer rows.Close()

	var out []*Stack
	for rows.Next() {
		stack, err := scanStack(rows.Scan)
		if err != nil {
			return nil, err
		}

		out = append(out, stack)
	}

	return out, rows.Err()
}

// InsertStack inserts a stack without a revision.
func (scope *Scope) InsertStack(name string, protected bool) (*Stack, error) {
	stack := &Stack{
		Account:   scope.Account,
		Region:    scope.Region,
		Name:      name,
		CreatedAt: scope.Now(),
		Protected: protected,
	}
	stack.ARN = scope.NewARN("stack", name)
	err := scope.Tx.QueryRow(`INSERT INTO stack (arn, account, region, name, created_at, protected)
		VALUES ($1, $2, $3, $4, $5, $6) RETURNING id`,
		stack.ARN, stack.Account, stack.Region, stack.Name, stack.CreatedAt, protected).Scan(&stack.ID)
	return stack, err
}

func (scope *Scope) LoadDefinition(id int64) (Definition, error) {
	var definition Definition
	if id == 0 {
		return definition, nil
	}
	var text string
	err := scope.Tx.QueryRow(`SELECT body, detail FROM definition WHERE id = $1`, id).Scan(&definition.Body, &text)
	if err != nil {
		return definition, err
	}
	return definition, json.Unmarshal([]byte(text), &definition.Settings)
}

func (scope *Scope) InsertDefinition(stackID int64, definition Definition) (int64, error) {
	text, err := json.Marshal(definition.Settings)
	if err != nil {
		return 0, err
	}
	var id int64
	err = scope.Tx.QueryRow(`INSERT INTO definition (stack_id, body, detail) VALUES ($1, $2, $3)
		RETURNING id`, stackID, definition.Body, string(text)).Scan(&id)
	return id, err
}

type Parameter struct {
	ParameterKey   string
	ParameterValue string
}

// DropFuture deletes the part of an operation that is yet to come.
func (scope *Scope) DropFuture(stack *Stack) error {
	for _, sql := range []string{
		`DELETE FROM event WHERE stack_id = $1 AND at > $2`,
		`DELETE FROM revision WHERE stack_id = $1 AND at > $2`,
		`DELETE FROM export WHERE stack_id = $1 AND from_at > $2`,
		`UPDATE change_set SET ends_at = $2, succeeded = 0 WHERE stack_id = $1 AND ends_at > $2`,
		`UPDATE stack SET deleted_at = NULL WHERE id = $1 AND deleted_at > $2`,
	} {
		if _, err := scope.Tx.Exec(sql, stack.ID, scope.Now()); err != nil {
			return err
		}
	}

	return nil
}
