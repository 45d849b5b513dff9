package sandbox

import (
	"encoding/json"
	"errors"
	"slices"

	"github.com/lockstephq/lockstep/internal/db"
	"github.com/lockstephq/lockstep/internal/sandbox/rollout"
)

// exported answers an import: the value of an export in force now. A failure
// to read ends the transaction, and so shows.
func (c *call) exported(name string) (string, bool) {
	var value string
	err := c.tx.QueryRow(`SELECT value FROM export WHERE account = $1 AND region = $2 AND name = $3
		AND from_at <= $4 AND (until_at IS NULL OR until_at > $4)`, c.who.account, c.who.region, name, c.now()).Scan(&value)
	return value, err == nil
}

// stored answers what a stack's AWS::SSM::Parameter of this name holds now.
func (c *call) stored(name string) (string, bool) {
	var text string
	err := c.tx.QueryRow(`SELECT e.state FROM event e JOIN stack s ON s.id = e.stack_id
		WHERE e.type = 'AWS::SSM::Parameter' AND e.physical_id = $1 AND s.account = $2 AND s.region = $3
		AND e.state IS NOT NULL AND e.gone = 0 AND e.status IN ('CREATE_COMPLETE', 'UPDATE_COMPLETE')
		AND e.seq = (SELECT max(seq) FROM event l WHERE l.stack_id = e.stack_id AND l.logical_id = e.logical_id AND l.state IS NOT NULL AND l.at <= $4)
		LIMIT 1`, name, c.who.account, c.who.region, c.now()).Scan(&text)
	if err != nil {
		return "", false
	}

	var r rollout.Resource
	if err := json.Unmarshal([]byte(text), &r); err != nil {
		return "", false
	}

	value, ok := r.Properties["Value"].(string)
	return value, ok
}

// exporter names another stack that exports, or is about to export, a name.
func (c *call) exporter(st *stack, name string) (string, error) {
	var arn string
	err := c.tx.QueryRow(`SELECT s.arn FROM export e JOIN stack s ON s.id = e.stack_id
		WHERE e.account = $1 AND e.region = $2 AND e.name = $3 AND e.stack_id <> $4 AND (e.until_at IS NULL OR e.until_at > $5)`,
		c.who.account, c.who.region, name, st.id, c.now()).Scan(&arn)
	if errors.Is(err, db.ErrNoRows) {
		return "", nil
	}
	return arn, err
}

// importers lists the stacks that use an export.
func (c *call) importers(name string) ([]string, error) {
	rows, err := c.tx.Query(`SELECT DISTINCT s.name FROM import i JOIN stack s ON s.id = i.stack_id
		WHERE i.account = $1 AND i.region = $2 AND i.name = $3 AND (i.until_at IS NULL OR i.until_at > $4)
		ORDER BY s.name LIMIT 20`, c.who.account, c.who.region, name, c.now())
	if err != nil {
		return nil, err
	}
	defer rows.Close()

	var out []string
	for rows.Next() {
		var s string
		if err := rows.Scan(&s); err != nil {
			return nil, err
		}

		out = append(out, s)
	}

	return out, rows.Err()
}

// trade writes what a deployment changes about exports and imports. What it
// imports is in use from now on; exports change when it has succeeded.
func (c *call) trade(d deployment, out outcome) error {
	begun, err := c.imports(d.st)
	if err != nil {
		return err
	}

	for _, name := range d.plan.imports {
		if slices.Contains(begun, name) {
			continue
		}

		var until *int64
		if !out.succeeded {
			until = &out.ends
		}

		_, err := c.tx.Exec(`INSERT INTO import (stack_id, account, region, name, from_at, until_at) VALUES ($1, $2, $3, $4, $5, $6)`,
			d.st.id, c.who.account, c.who.region, name, c.now(), until)
		if err != nil {
			return err
		}
	}

	if !out.succeeded {
		return nil
	}

	for _, name := range begun {
		if !slices.Contains(d.plan.imports, name) {
			if err := c.end("import", d.st, name, out.ends); err != nil {
				return err
			}
		}
	}

	return c.publish(d, out.ends)
}

// publish puts the exports of a deployment that succeeds in force at its end.
func (c *call) publish(d deployment, at int64) error {
	keeps := map[string]string{}
	for _, o := range d.plan.outputs {
		if o.Export != "" {
			keeps[o.Export] = o.Value
		}
	}

	for _, o := range d.st.outputs {
		if o.Export == "" {
			continue
		}

		if keeps[o.Export] == o.Value {
			delete(keeps, o.Export)
			continue
		}

		if err := c.end("export", d.st, o.Export, at); err != nil {
			return err
		}
	}

	for name, value := range keeps {
		_, err := c.tx.Exec(`INSERT INTO export (stack_id, account, region, name, value, from_at) VALUES ($1, $2, $3, $4, $5, $6)`,
			d.st.id, c.who.account, c.who.region, name, value, at)
		if err != nil {
			return err
		}
	}

	return nil
}

// imports lists the exports that a stack uses.
func (c *call) imports(st *stack) ([]string, error) {
	rows, err := c.tx.Query(`SELECT DISTINCT name FROM import WHERE stack_id = $1 AND (until_at IS NULL OR until_at > $2) ORDER BY name`, st.id, c.now())
	if err != nil {
		return nil, err
	}
	defer rows.Close()

	var out []string
	for rows.Next() {
		var name string
		if err := rows.Scan(&name); err != nil {
			return nil, err
		}

		out = append(out, name)
	}

	return out, rows.Err()
}

// end takes one export or import of a stack out of force.
func (c *call) end(table string, st *stack, name string, at int64) error {
	_, err := c.tx.Exec(`UPDATE `+table+` SET until_at = $1 WHERE stack_id = $2 AND name = $3 AND until_at IS NULL`, at, st.id, name)
	return err
}

// holder names the stack, other than st, that has a resource of this type and
// physical id now or has begun to make one.
func (c *call) holder(st *stack, typ, physicalID string) (string, bool, error) {
	var arn string
	err := c.tx.QueryRow(`SELECT s.arn FROM event e JOIN stack s ON s.id = e.stack_id
		WHERE e.type = $1 AND e.physical_id = $2 AND s.account = $3 AND s.region = $4 AND s.id <> $5 AND e.state IS NOT NULL AND e.gone = 0
		AND (s.deleted_at IS NULL OR s.deleted_at > $6)
		AND e.seq = (SELECT max(seq) FROM event l WHERE l.stack_id = e.stack_id AND l.logical_id = e.logical_id AND l.state IS NOT NULL AND l.at <= $6)
		LIMIT 1`, typ, physicalID, c.who.account, c.who.region, st.id, c.now()).Scan(&arn)
	if errors.Is(err, db.ErrNoRows) {
		return "", false, nil
	}
	return arn, err == nil, err
}
