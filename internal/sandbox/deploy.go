package sandbox

import (
	"encoding/json"
	"strings"
	"time"

	"github.com/lockstephq/lockstep/internal/cfn/template"
	"github.com/lockstephq/lockstep/internal/sandbox/rollout"
)

// A deployment carries a plan out.
type deployment struct {
	st     *stack
	plan   *plan
	def    definition
	create bool
	token  string
}

// outcome says how a deployment will end, and when.
type outcome struct {
	ends      int64
	succeeded bool
}

// deploy writes the whole course of a deployment into the books.
func (c *call) deploy(d deployment) (outcome, error) {
	fatal, err := c.fatal(d)
	if err != nil {
		return outcome{}, err
	}

	req := rollout.Request{
		Old: d.plan.old, New: d.plan.new, Changes: d.plan.changes, OnFailure: d.def.detail.OnFailure,
		RetainExceptOnCreate: d.def.detail.ExceptOnNew, Fatal: fatal, Each: c.s.opt.Each,
		Timeout: time.Duration(d.def.detail.Timeout) * time.Minute,
	}

	course := rollout.Update
	if d.create {
		course = rollout.Create
	}

	moments := course(req)
	last := moments[len(moments)-1]
	out := outcome{ends: c.at(last), succeeded: last.Status == "CREATE_COMPLETE" || last.Status == "UPDATE_COMPLETE"}
	if err := c.tidy(d.st); err != nil {
		return out, err
	}

	id, err := c.insertDefinition(d.st.id, d.def)
	if err != nil {
		return out, err
	}
	if err := c.countOperation(d.st); err != nil {
		return out, err
	}

	rec := recorder{c: c, st: d.st, before: d.st.defined, after: id, old: d.st.outputs, new: d.plan.outputs, token: d.token}
	if d.create {
		rec.before, rec.old = id, nil
		rec.updated = nil
	} else {
		now := c.now()
		rec.updated = &now
	}

	if err := rec.write(moments); err != nil {
		return out, err
	}

	return out, c.trade(d, out)
}

// fatal is what fails a deployment before its first resource: imports and
// exports that cannot be.
func (c *call) fatal(d deployment) (string, error) {
	if d.plan.missing != nil {
		return d.plan.missing.Error(), nil
	}

	exports := map[string]string{}
	for _, o := range d.plan.outputs {
		if o.Export == "" {
			continue
		}

		exports[o.Export] = o.Value
		owner, err := c.exporter(d.st, o.Export)
		if err != nil {
			return "", err
		}

		if owner != "" {
			return "Export with name " + o.Export + " is already exported by stack " + owner + ".", nil
		}
	}

	for _, o := range d.st.outputs {
		value, kept := exports[o.Export]
		if o.Export == "" || kept && value == o.Value {
			continue
		}

		users, err := c.importers(o.Export)
		if err != nil {
			return "", err
		}
		if len(users) > 0 && !kept {
			return inUse("deleted", o.Export, users), nil
		}

		if len(users) > 0 {
			return inUse("updated", o.Export, users), nil
		}
	}

	return "", nil
}

func inUse(verb, export string, users []string) string {
	return "Export " + export + " cannot be " + verb + " as it is in use by " + strings.Join(users, ", ")
}

func (c *call) countOperation(st *stack) error {
	st.operations++
	_, err := c.tx.Exec(`UPDATE stack SET operations = $1 WHERE id = $2`, st.operations, st.id)
	return err
}

// at is the time of a moment, in whole milliseconds from now.
func (c *call) at(m rollout.Moment) int64 { return c.now() + int64(m.At/time.Millisecond) }

// A recorder writes moments as events and revisions.
type recorder struct {
	c             *call
	st            *stack
	before, after int64 // definitions
	old, new      []template.Output
	updated       *int64
	token         string
	seq           int64
}

func (r *recorder) write(moments []rollout.Moment) error {
	err := r.c.tx.QueryRow(`SELECT coalesce(max(seq), 0) FROM event WHERE stack_id = $1`, r.st.id).Scan(&r.seq)
	if err != nil {
		return err
	}

	for _, m := range moments {
		r.seq++
		if m.Resource == nil {
			if err := r.revision(m); err != nil {
				return err
			}
		}

		if err := r.event(m); err != nil {
			return err
		}
	}

	last := moments[len(moments)-1]
	if last.Status == "DELETE_COMPLETE" && last.Resource == nil {
		_, err = r.c.tx.Exec(`UPDATE stack SET deleted_at = $1 WHERE id = $2`, r.c.at(last), r.st.id)
	}

	return err
}

// revision writes the stack as it stands from a moment on.
func (r *recorder) revision(m rollout.Moment) error {
	def, outputs := r.after, r.new
	if m.Settled == rollout.Before {
		def = r.before
	}

	switch m.Status { // the only ones that show what the operation was to bring
	case "CREATE_COMPLETE", "UPDATE_COMPLETE_CLEANUP_IN_PROGRESS", "UPDATE_COMPLETE":
	default:
		outputs = r.old
	}

	text, err := json.Marshal(outputs)
	if err != nil {
		return err
	}

	var definition *int64
	if def != 0 {
		definition = &def
	}

	_, err = r.c.tx.Exec(`INSERT INTO revision (stack_id, seq, at, status, reason, definition_id, outputs, updated_at)
		VALUES ($1, $2, $3, $4, $5, $6, $7, $8)`, r.st.id, r.seq, r.c.at(m), string(m.Status), m.Reason, definition, string(text), r.updated)
	return err
}

func (r *recorder) event(m rollout.Moment) error {
	logical, physical, typ, properties := r.st.name, r.st.arn, "AWS::CloudFormation::Stack", ""
	if m.Resource != nil {
		logical, physical, typ, properties = m.Resource.LogicalID, m.PhysicalID, m.Resource.Type, m.Resource.Shown
	}

	if m.Silent {
		err := r.c.tx.QueryRow(`SELECT status, reason FROM event WHERE stack_id = $1 AND logical_id = $2 AND state IS NOT NULL AND at <= $3
			ORDER BY seq DESC LIMIT 1`, r.st.id, logical, r.c.now()).Scan(&m.Status, &m.Reason)
		if err != nil {
			return err
		}
	}

	var state *string
	if m.State != nil {
		b, err := json.Marshal(m.State)
		if err != nil {
			return err
		}

		text := string(b)
		state = &text
	}

	_, err := r.c.tx.Exec(`INSERT INTO event (stack_id, seq, at, logical_id, physical_id, type, status, reason, properties, token, state, gone, silent)
		VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13)`, r.st.id, r.seq, r.c.at(m), logical, physical, typ,
		string(m.Status), m.Reason, properties, r.token, state, m.Gone, m.Silent)
	return err
}
