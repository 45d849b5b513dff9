package sandbox

import (
	"encoding/json"
	"errors"
	"strings"

	"github.com/lockstephq/lockstep/internal/awsquery"
	"github.com/lockstephq/lockstep/internal/db"
	"github.com/lockstephq/lockstep/internal/sandbox/rollout"
)

// noChanges is what CloudFormation says of a change set that would do nothing.
const noChanges = "The submitted information didn't contain changes. Submit different information to create a change set."

// readyAfter is how long a change set takes, in milliseconds.
const readyAfter = 20

// A changeSet as the books hold it.
type changeSet struct {
	id                                 int64
	arn, name                          string
	stackID                            int64
	created, ready                     int64
	status, reason, token              string
	defined                            int64
	changes                            []rollout.Change
	executed, ends, obsolete           *int64
	succeeded                          *bool
	def                                definition
	st                                 *stack
	statusNow, executionNow, reasonNow string
}

const changeSetColumns = `SELECT c.id, c.arn, c.name, c.stack_id, c.created_at, c.ready_at, c.status, c.reason, c.client_token,
	c.definition_id, c.changes, c.executed_at, c.ends_at, c.obsolete_at, c.succeeded
	FROM change_set c JOIN stack s ON s.id = c.stack_id `

func scanChangeSet(scan func(...any) error, now int64) (*changeSet, error) {
	var cs changeSet
	var changes string
	err := scan(&cs.id, &cs.arn, &cs.name, &cs.stackID, &cs.created, &cs.ready, &cs.status, &cs.reason, &cs.token,
		&cs.defined, &changes, &cs.executed, &cs.ends, &cs.obsolete, &cs.succeeded)
	if err != nil {
		return nil, err
	}
	cs.settle(now)
	return &cs, json.Unmarshal([]byte(changes), &cs.changes)
}

// settle works out the statuses that hold now.
func (cs *changeSet) settle(now int64) {
	cs.statusNow, cs.executionNow, cs.reasonNow = cs.status, "AVAILABLE", cs.reason
	switch {
	case now < cs.ready && now < cs.created+readyAfter/2:
		cs.statusNow, cs.executionNow, cs.reasonNow = "CREATE_PENDING", "UNAVAILABLE", ""
	case now < cs.ready:
		cs.statusNow, cs.executionNow, cs.reasonNow = "CREATE_IN_PROGRESS", "UNAVAILABLE", ""
	case cs.executed != nil && now < *cs.ends:
		cs.executionNow = "EXECUTE_IN_PROGRESS"
	case cs.executed != nil && *cs.succeeded:
		cs.executionNow = "EXECUTE_COMPLETE"
	case cs.executed != nil:
		cs.executionNow = "EXECUTE_FAILED"
	case cs.obsolete != nil:
		cs.executionNow = "OBSOLETE"
	case cs.status == "FAILED":
		cs.executionNow = "UNAVAILABLE"
	}
}

// errNoChangeSet is what findChangeSet returns when there is none.
var errNoChangeSet = errors.New("no such change set")

// findChangeSet looks a change set up by its ARN, or by its name and the
// request's stack.
func (c *call) findChangeSet(nameOrARN string) (*changeSet, error) {
	where, args := `WHERE s.account = $1 AND s.region = $2 AND c.arn = $3`, []any{c.who.account, c.who.region, nameOrARN}
	if !strings.HasPrefix(nameOrARN, "arn:") {
		st, err := c.find(c.form.Text("StackName"))
		if errors.Is(err, errNoStack) {
			return nil, errNoChangeSet
		}
		if err != nil {
			return nil, err
		}

		where, args = `WHERE c.stack_id = $1 AND c.name = $2`, []any{st.id, nameOrARN}
	}

	row := c.tx.QueryRow(changeSetColumns+where, args...)
	cs, err := scanChangeSet(row.Scan, c.now())
	if errors.Is(err, db.ErrNoRows) {
		return nil, errNoChangeSet
	}

	if err != nil {
		return nil, err
	}
	if cs.st, err = scanStack(c.tx.QueryRow(stackColumns+`WHERE s.id = $2`, c.now(), cs.stackID).Scan); err != nil {
		return nil, err
	}
	if cs.st.def, err = c.definition(cs.st.defined); err != nil {
		return nil, err
	}

	cs.def, err = c.definition(cs.defined)
	return cs, err
}

// theChangeSet is findChangeSet for the request's ChangeSetName, with AWS's errors.
func (c *call) theChangeSet() (*changeSet, error) {
	name := c.form.Text("ChangeSetName")
	if name == "" {
		return nil, violation("changeSetName", "", "Member must not be null")
	}
	if !strings.HasPrefix(name, "arn:") && c.form.Text("StackName") == "" {
		return nil, refuse("StackName must be specified if ChangeSetName is not specified as an ARN.")
	}

	cs, err := c.findChangeSet(name)
	if errors.Is(err, errNoChangeSet) {
		return nil, &awsquery.Error{Code: "ChangeSetNotFound", Message: "ChangeSet [" + clip(name) + "] does not exist", Status: 404}
	}

	return cs, err
}

// insertChangeSet writes a change set and returns its ARN.
func (c *call) insertChangeSet(st *stack, cs changeSet) (string, error) {
	id, err := c.insertDefinition(st.id, cs.def)
	if err != nil {
		return "", err
	}

	if cs.changes == nil {
		cs.changes = []rollout.Change{}
	}

	changes, err := json.Marshal(cs.changes)
	if err != nil {
		return "", err
	}

	ready := c.now()
	if c.s.opt.Each == 0 {
		ready += readyAfter
	}

	_, err = c.tx.Exec(`INSERT INTO change_set (arn, stack_id, name, created_at, ready_at, status, reason, definition_id, changes, client_token)
		VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10)`, cs.arn, st.id, cs.name, c.now(), ready, cs.status, cs.reason, id, string(changes), cs.token)
	return cs.arn, err
}

// expire makes the stack's other change sets obsolete: they were computed
// against a stack that is about to change.
func (c *call) expire(st *stack, except int64) error {
	_, err := c.tx.Exec(`UPDATE change_set SET obsolete_at = $1 WHERE stack_id = $2 AND id <> $3 AND executed_at IS NULL AND obsolete_at IS NULL`,
		c.now(), st.id, except)
	return err
}

func newChangeSetName(name string) error {
	switch {
	case name == "":
		return violation("changeSetName", "", "Member must not be null")
	case !namePattern.MatchString(name):
		return violation("changeSetName", name, "Member must satisfy regular expression pattern: [a-zA-Z][-a-zA-Z0-9]*")
	case len(name) > 128:
		return violation("changeSetName", name, "Member must have length less than or equal to 128")
	}
	return nil
}
