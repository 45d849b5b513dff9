package rollout

import (
	"reflect"
	"time"
)

const (
	initiated = "User Initiated"
	onDemand  = "Rollback requested by user."
)

// Create writes the course of a stack's creation.
func Create(r Request) []Moment {
	c := &course{each: r.each()}
	c.stack(0, "CREATE_IN_PROGRESS", initiated, After)
	if r.Fatal != "" {
		return c.undoCreation(r, &result{}, r.Fatal+" ")
	}

	steps := r.steps()
	late := c.schedule(steps, c.each, r.Timeout)
	res := c.forward(steps, c.each)
	switch {
	case late:
		return c.undoCreation(r, res, "Stack creation time exceeded the specified timeout. ")
	case res.failed():
		return c.undoCreation(r, res, res.reason())
	}

	c.stack(res.end+c.each, "CREATE_COMPLETE", Notice, After)
	return c.finish()
}

// undoCreation does what the request says of a creation that failed.
func (c *course) undoCreation(r Request, res *result, reason string) []Moment {
	at := max(res.end, c.each)
	if r.OnFailure == DoNothing {
		c.stack(at+c.each, "CREATE_FAILED", reason+Notice, After)
		return c.finish()
	}

	begun, ended, phase := Status("ROLLBACK_IN_PROGRESS"), Status("ROLLBACK_COMPLETE"), RollingBack
	broken := Status("ROLLBACK_FAILED")
	request := onDemand
	if r.OnFailure == Remove {
		begun, ended, broken, phase = "DELETE_IN_PROGRESS", "DELETE_COMPLETE", "DELETE_FAILED", Deleting
		request = "Delete requested by user."
	}

	c.stack(at+1, begun, reason+request, After)
	var all []removal
	for _, s := range res.started {
		all = append(all, removal{resource: s.new, keep: keeps(s.new.DeletionPolicy, true, r.RetainExceptOnCreate), phase: phase})
	}

	end, failed := c.remove(all, at+c.each)
	if len(failed) > 0 {
		c.stack(end+c.each, broken, "The following resource(s) failed to delete: "+bracket(failed)+". "+Notice, After)
		return c.finish()
	}

	c.stack(end+c.each, ended, Notice, After)
	return c.finish()
}

// Update writes the course of a stack's update.
func Update(r Request) []Moment {
	c := &course{each: r.each()}
	c.stack(0, "UPDATE_IN_PROGRESS", initiated, After)
	if r.Fatal != "" {
		return c.undoUpdate(r, &result{}, r.Fatal+" ")
	}

	steps := r.steps()
	c.schedule(steps, c.each, 0)
	res := c.forward(steps, c.each)
	if res.failed() {
		return c.undoUpdate(r, res, res.reason())
	}

	at := res.end + c.each
	c.stack(at, "UPDATE_COMPLETE_CLEANUP_IN_PROGRESS", "", After)
	c.refresh(r, at)
	end, failed := c.remove(r.cleanup(res.started), at+1)
	reason := Notice
	if len(failed) > 0 {
		reason = "Update successful. One or more resources could not be deleted. " + Notice
	}

	c.stack(end+c.each, "UPDATE_COMPLETE", reason, After)
	return c.finish()
}

// cleanup lists what a successful update leaves behind.
func (r Request) cleanup(started []*step) []removal {
	gone := map[string]bool{}
	for _, ch := range r.Changes {
		gone[ch.LogicalID] = ch.Action == "Remove"
	}

	replaced := map[string]*step{}
	for _, s := range started {
		if s.replace {
			replaced[s.new.LogicalID] = s
		}
	}

	var all []removal
	for i := range r.Old {
		o := &r.Old[i]
		if gone[o.LogicalID] {
			all = append(all, removal{resource: o, keep: keeps(o.DeletionPolicy, false, false), forget: true, phase: Deleting})
		}

		if s := replaced[o.LogicalID]; s != nil {
			all = append(all, removal{resource: o, replaced: true, keep: s.new.UpdateReplacePolicy == "Retain", phase: Deleting})
		}
	}

	return all
}

// refresh takes over what changed about untouched resources without changing
// them: their dependencies and the texts their values come from.
func (c *course) refresh(r Request, at time.Duration) {
	touched := map[string]bool{}
	for _, ch := range r.Changes {
		touched[ch.LogicalID] = true
	}

	old := map[string]Resource{}
	for _, o := range r.Old {
		old[o.LogicalID] = o
	}

	for i := range r.New {
		if n := &r.New[i]; !touched[n.LogicalID] && !reflect.DeepEqual(old[n.LogicalID], *n) {
			c.resource(at, n, Moment{PhysicalID: n.PhysicalID, State: n, Silent: true})
		}
	}
}

// undoUpdate does what the request says of an update that failed.
func (c *course) undoUpdate(r Request, res *result, reason string) []Moment {
	at := max(res.end, c.each)
	if r.OnFailure == DoNothing {
		c.stack(at+c.each, "UPDATE_FAILED", reason+Notice, After)
		return c.finish()
	}

	c.stack(at+1, "UPDATE_ROLLBACK_IN_PROGRESS", reason, Before)
	at, failed := c.restore(res.started, at+c.each)
	if len(failed) > 0 {
		c.stack(at+c.each, "UPDATE_ROLLBACK_FAILED", "The following resource(s) failed to update: "+bracket(failed)+". "+Notice, Before)
		return c.finish()
	}

	c.stack(at+c.each, "UPDATE_ROLLBACK_COMPLETE_CLEANUP_IN_PROGRESS", "", Before)
	var all []removal
	for _, s := range res.started {
		switch {
		case s.old == nil:
			all = append(all, removal{resource: s.new, keep: keeps(s.new.DeletionPolicy, true, r.RetainExceptOnCreate), phase: RollingBack})
		case s.replace && s.new.PhysicalID != s.old.PhysicalID:
			all = append(all, removal{resource: s.new, replaced: true, phase: RollingBack})
		}
	}

	end, _ := c.remove(all, at+c.each+1)
	c.stack(end+c.each, "UPDATE_ROLLBACK_COMPLETE", Notice, Before)
	return c.finish()
}

// A Deletion asks for the course of a stack's deletion.
type Deletion struct {
	Old    []Resource // each after those it depends on
	Retain []string   // logical ids to leave alone
	Force  bool       // leave alone what cannot be deleted
	Each   time.Duration
}

// Delete writes the course of a stack's deletion.
func Delete(d Deletion) []Moment {
	c := &course{each: Request{Old: d.Old, Each: d.Each}.each()}
	c.stack(0, "DELETE_IN_PROGRESS", initiated, After)
	retain := map[string]bool{}
	for _, id := range d.Retain {
		retain[id] = true
	}

	var all []removal
	for i := range d.Old {
		o := &d.Old[i]
		_, fails := o.Behaviour.fails(Deleting)
		keep := retain[o.LogicalID] || keeps(o.DeletionPolicy, false, false) || d.Force && fails
		all = append(all, removal{resource: o, keep: keep, phase: Deleting})
	}

	end, failed := c.remove(all, c.each)
	if len(failed) > 0 {
		c.stack(end+c.each, "DELETE_FAILED", "The following resource(s) failed to delete: "+bracket(failed)+". "+Notice, After)
		return c.finish()
	}

	c.stack(end+c.each, "DELETE_COMPLETE", Notice, After)
	return c.finish()
}
