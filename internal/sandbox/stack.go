package sandbox

import (
	"encoding/json"
	"errors"
	"regexp"
	"strings"

	"github.com/lockstephq/lockstep/internal/cfn/template"
	"github.com/lockstephq/lockstep/internal/db"
	"github.com/lockstephq/lockstep/internal/sandbox/rollout"
)

// A stack with what holds of it now.
type stack struct {
	id                         int64
	arn, account, region, name string
	created                    int64
	deleted                    *int64
	operations                 int
	protected                  bool

	status    rollout.Status
	reason    string
	outputs   []template.Output
	updated   *int64
	statusAt  int64
	defined   int64 // id of the definition in force
	def       definition
	statusSeq int64
}

// A definition is what a stack was asked to be.
type definition struct {
	body   string
	detail detail
}

type detail struct {
	Description   string            `json:"description,omitempty"`
	Parameters    map[string]string `json:"parameters,omitempty"`
	Shown         []parameterXML    `json:"shown,omitempty"` // the same in the template's order, NoEcho masked
	Tags          []tag             `json:"tags,omitempty"`
	Capabilities  []string          `json:"capabilities,omitempty"`
	RoleARN       string            `json:"roleArn,omitempty"`
	Notifications []string          `json:"notifications,omitempty"`
	OnFailure     rollout.OnFailure `json:"onFailure,omitempty"`
	ExceptOnNew   bool              `json:"retainExceptOnCreate,omitempty"`
	Timeout       int               `json:"timeoutInMinutes,omitempty"`
	ChangeSet     string            `json:"changeSet,omitempty"` // its ARN
	ChangeSetText string            `json:"changeSetDescription,omitempty"`
	Kind          string            `json:"kind,omitempty"` // CREATE or UPDATE
}

type tag struct {
	Key   string
	Value string
}

func (s *stack) gone(now int64) bool { return s.deleted != nil && *s.deleted <= now }

// inProgress says whether an operation is under way.
func (s *stack) inProgress() bool {
	return strings.HasSuffix(string(s.status), "_IN_PROGRESS") && s.status != "REVIEW_IN_PROGRESS"
}

// updatable says whether the stack's status lets it be updated.
func (s *stack) updatable() bool {
	switch s.status {
	case "CREATE_COMPLETE", "UPDATE_COMPLETE", "UPDATE_ROLLBACK_COMPLETE", "UPDATE_FAILED", "CREATE_FAILED":
		return true
	}
	return false
}

func (c *call) notUpdatable(s *stack) error {
	return refuse("Stack:%s is in %s state and can not be updated.", s.arn, s.status)
}

const stackColumns = `SELECT s.id, s.arn, s.account, s.region, s.name, s.created_at, s.deleted_at, s.operations, s.protected,
	r.status, r.reason, r.outputs, r.updated_at, r.at, r.seq, coalesce(r.definition_id, 0)
	FROM stack s JOIN revision r ON r.stack_id = s.id
	AND r.seq = (SELECT seq FROM revision WHERE stack_id = s.id AND at <= $1 ORDER BY seq DESC LIMIT 1) `

func scanStack(scan func(...any) error) (*stack, error) {
	var s stack
	var outputs string
	err := scan(&s.id, &s.arn, &s.account, &s.region, &s.name, &s.created, &s.deleted, &s.operations, &s.protected,
		&s.status, &s.reason, &outputs, &s.updated, &s.statusAt, &s.statusSeq, &s.defined)
	if err != nil {
		return nil, err
	}
	return &s, json.Unmarshal([]byte(outputs), &s.outputs)
}

// errNoStack is what find returns when there is no such stack.
var errNoStack = errors.New("no such stack")

// find looks a stack up by its ARN, deleted ones included, or by the name of one
// that is not deleted.
func (c *call) find(nameOrARN string) (*stack, error) {
	where := `WHERE s.account = $2 AND s.region = $3 AND s.name = $4 AND (s.deleted_at IS NULL OR s.deleted_at > $1) ORDER BY s.id DESC LIMIT 1`
	if strings.HasPrefix(nameOrARN, "arn:") {
		where = `WHERE s.account = $2 AND s.region = $3 AND s.arn = $4`
	}

	row := c.tx.QueryRow(stackColumns+where, c.now(), c.who.account, c.who.region, nameOrARN)
	s, err := scanStack(row.Scan)
	if errors.Is(err, db.ErrNoRows) {
		return nil, errNoStack
	}

	if err != nil {
		return nil, err
	}

	s.def, err = c.definition(s.defined)
	return s, err
}

// existing looks up the stack that the member StackName names, in the words of
// operations that read.
func (c *call) existing() (*stack, error) {
	name := c.form.Text("StackName")
	if name == "" {
		return nil, violation("stackName", "", "Member must not be null")
	}
	s, err := c.find(name)
	if errors.Is(err, errNoStack) {
		return nil, refuse("Stack with id %s does not exist", clip(name))
	}
	return s, err
}

// stacks lists the stacks of the caller's books, newest first.
func (c *call) stacks(deleted bool, before int64, limit int) ([]*stack, error) {
	where := `WHERE s.account = $2 AND s.region = $3 AND s.id < $4 `
	if !deleted {
		where += `AND (s.deleted_at IS NULL OR s.deleted_at > $1) `
	}

	rows, err := c.tx.Query(stackColumns+where+`ORDER BY s.id DESC LIMIT $5`, c.now(), c.who.account, c.who.region, before, limit)
	if err != nil {
		return nil, err
	}
	defer rows.Close()

	var out []*stack
	for rows.Next() {
		s, err := scanStack(rows.Scan)
		if err != nil {
			return nil, err
		}

		out = append(out, s)
	}

	return out, rows.Err()
}

// openStack adds a stack to the books, without a revision yet.
func (c *call) openStack(name string, protected bool) (*stack, error) {
	s := &stack{account: c.who.account, region: c.who.region, name: name, created: c.now(), protected: protected}
	s.arn = "arn:" + c.who.partition() + ":cloudformation:" + s.region + ":" + s.account + ":stack/" + name + "/" + newUUID()
	err := c.tx.QueryRow(`INSERT INTO stack (arn, account, region, name, created_at, protected) VALUES ($1, $2, $3, $4, $5, $6) RETURNING id`,
		s.arn, s.account, s.region, s.name, s.created, protected).Scan(&s.id)
	return s, err
}

func (c *call) definition(id int64) (definition, error) {
	var d definition
	if id == 0 {
		return d, nil
	}
	var text string
	err := c.tx.QueryRow(`SELECT body, detail FROM definition WHERE id = $1`, id).Scan(&d.body, &text)
	if err != nil {
		return d, err
	}
	return d, json.Unmarshal([]byte(text), &d.detail)
}

func (c *call) insertDefinition(stackID int64, d definition) (int64, error) {
	text, err := json.Marshal(d.detail)
	if err != nil {
		return 0, err
	}
	var id int64
	err = c.tx.QueryRow(`INSERT INTO definition (stack_id, body, detail) VALUES ($1, $2, $3) RETURNING id`, stackID, d.body, string(text)).Scan(&id)
	return id, err
}

// namePattern is that of stacks and change sets.
var namePattern = regexp.MustCompile(`^[a-zA-Z][-a-zA-Z0-9]*$`)

// newStackName checks the name of a stack that is to be made.
func newStackName(name string) error {
	switch {
	case name == "":
		return violation("stackName", "", "Member must not be null")
	case !namePattern.MatchString(name):
		return violation("stackName", name, "Member must satisfy regular expression pattern: [a-zA-Z][-a-zA-Z0-9]*")
	case len(name) > 128:
		return violation("stackName", name, "Member must have length less than or equal to 128")
	}
	return nil
}
