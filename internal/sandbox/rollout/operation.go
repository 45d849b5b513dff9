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
func Create(request Request) []Moment {
	course := &course{each: request.each()}
	course.stack(0, "CREATE_IN_PROGRESS", initiated, After)
	if request.Fatal != "" {
		return course.undoCreation(request, &result{}, request.Fatal+" ")
	}

	steps := request.steps()
	late := course.schedule(steps, course.each, request.Timeout)
	res := course.forward(steps, course.each)
	switch {
	case late:
		return course.undoCreation(request, res, "Stack creation time exceeded the specified timeout. ")
	case res.failed():
		return course.undoCreation(request, res, res.reason())
	}

	course.stack(res.end+course.each, "CREATE_COMPLETE", Notice, After)
	return course.finish()
}

// undoCreation does what the request says of a creation that failed.
func (c *course) undoCreation(request Request, res *result, reason string) []Moment {
	at := max(res.end, c.each)
	if request.OnFailure == DoNothing {
		c.stack(at+c.each, "CREATE_FAILED", reason+Notice, After)
		return c.finish()
	}

	begun, ended, phase := Status("ROLLBACK_IN_PROGRESS"), Status("ROLLBACK_COMPLETE"), RollingBack
	broken := Status("ROLLBACK_FAILED")
	initiator := onDemand
	if request.OnFailure == Remove {
		begun, ended, broken, phase = "DELETE_IN_PROGRESS", "DELETE_COMPLETE", "DELETE_FAILED", Deleting
		initiator = "Delete requested by user."
	}

	c.stack(at+1, begun, reason+initiator, After)
	var all []removal
	for _, s := range res.started {
		all = append(all, removal{resource: s.new, keep: keeps(s.new.DeletionPolicy, true, request.RetainExceptOnCreate), phase: phase})
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
func Update(request Request) []Moment {
	course := &course{each: request.each()}
	course.stack(0, "UPDATE_IN_PROGRESS", initiated, After)
	if request.Fatal != "" {
		return course.undoUpdate(request, &result{}, request.Fatal+" ")
	}

	steps := request.steps()
	course.schedule(steps, course.each, 0)
	res := course.forward(steps, course.each)
	if res.failed() {
		return course.undoUpdate(request, res, res.reason())
	}

	at := res.end + course.each
	course.stack(at, "UPDATE_COMPLETE_CLEANUP_IN_PROGRESS", "", After)
	course.refresh(request, at)
	end, failed := course.remove(request.cleanup(res.started), at+1)
	reason := Notice
	if len(failed) > 0 {
		reason = "Update successful. One or more resources could not be deleted. " + Notice
	}

	course.stack(end+course.each, "UPDATE_COMPLETE", reason, After)
	return course.finish()
}

// cleanup lists what a successful update leaves behind.
func (r Request) cleanup(started []*step) []removal {
	gone := map[string]bool{}
	for _, ch := range r.Changes {
		gone[ch.LogicalID] = ch.Action == "Remove"
	}

	replaced := map[string]*step{}
	for _, step := range started {
		if step.replace {
			replaced[step.new.LogicalID] = step
		}
	}

	var all []removal
	for i := range r.Old {
		resource := &r.Old[i]
		if gone[resource.LogicalID] {
			all = append(all, removal{resource: resource, keep: keeps(resource.DeletionPolicy, false, false), forget: true, phase: Deleting})
		}

		if step := replaced[resource.LogicalID]; step != nil {
			all = append(all, removal{resource: resource, replaced: true, keep: step.new.UpdateReplacePolicy == "Retain", phase: Deleting})
		}
	}

	return all
}

// refresh takes over what changed about untouched resources without changing
// them: their dependencies and the texts their values come from.
func (c *course) refresh(request Request, at time.Duration) {
	touched := map[string]bool{}
	for _, ch := range request.Changes {
		touched[ch.LogicalID] = true
	}

	old := map[string]Resource{}
	for _, o := range request.Old {
		old[o.LogicalID] = o
	}

	for i := range request.New {
		if n := &request.New[i]; !touched[n.LogicalID] && !reflect.DeepEqual(old[n.LogicalID], *n) {
			c.resource(at, n, Moment{PhysicalID: n.PhysicalID, State: n, Silent: true})
		}
	}
}

// undoUpdate does what the request says of an update that failed.
func (c *course) undoUpdate(request Request, res *result, reason string) []Moment {
	at := max(res.end, c.each)
	if request.OnFailure == DoNothing {
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
	for _, step := range res.started {
		switch {
		case step.old == nil:
			all = append(all, removal{resource: step.new, keep: keeps(step.new.DeletionPolicy, true, request.RetainExceptOnCreate), phase: RollingBack})
		case step.replace && step.new.PhysicalID != step.old.PhysicalID:
			all = append(all, removal{resource: step.new, replaced: true, phase: RollingBack})
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
func Delete(deletion Deletion) []Moment {
	course := &course{each: Request{Old: deletion.Old, Each: deletion.Each}.each()}
	course.stack(0, "DELETE_IN_PROGRESS", initiated, After)
	retain := map[string]bool{}
	for _, id := range deletion.Retain {
		retain[id] = true
	}

	var all []removal
	for i := range deletion.Old {
		o := &deletion.Old[i]
		_, fails := o.Behaviour.fails(Deleting)
		keep := retain[o.LogicalID] || keeps(o.DeletionPolicy, false, false) || deletion.Force && fails
		all = append(all, removal{resource: o, keep: keep, phase: Deleting})
	}

	end, failed := course.remove(all, course.each)
	if len(failed) > 0 {
		course.stack(end+course.each, "DELETE_FAILED", "The following resource(s) failed to delete: "+bracket(failed)+". "+Notice, After)
		return course.finish()
	}

	course.stack(end+course.each, "DELETE_COMPLETE", Notice, After)
	return course.finish()
}
