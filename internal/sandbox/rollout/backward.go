package rollout

import "time"

// removal is one physical resource to delete.
type removal struct {
	resource *Resource
	// replaced says that the stack goes on with another in its place.
	replaced bool
	keep     bool // retained
	forget   bool // what cannot be deleted is no longer the stack's
	phase    Phase
}

// remove deletes resources, dependents first, and writes what happens. It
// returns when it ends and the logical ids that could not be deleted.
func (c *course) remove(all []removal, begin time.Duration) (time.Duration, []string) {
	free := map[string]time.Duration{} // when the last dependent is gone
	end := begin
	var failed []string
	for i := len(all) - 1; i >= 0; i-- {
		removal := all[i]
		resource := removal.resource
		start := max(begin, free[resource.LogicalID])
		moment := Moment{PhysicalID: resource.PhysicalID, Status: "DELETE_SKIPPED", Gone: !removal.replaced}
		if !removal.replaced {
			moment.State = resource
		}

		if removal.keep {
			c.resource(start, resource, moment)
			continue
		}

		doing := moment
		doing.Status, doing.Gone = "DELETE_IN_PROGRESS", false
		c.resource(start, resource, doing)
		done := start + c.each
		moment.Status = "DELETE_COMPLETE"

		if reason, fails := resource.Behaviour.fails(removal.phase); fails {
			moment.Status, moment.Reason, moment.Gone = "DELETE_FAILED", reason, removal.forget
			failed = append(failed, resource.LogicalID)
		}

		c.resource(done, resource, moment)
		for _, id := range resource.DependsOn {
			free[id] = max(free[id], done)
		}

		end = max(end, done)
	}

	return end, failed
}

// keeps reports whether a policy retains the resource when it is removed.
func keeps(policy string, created, exceptOnCreate bool) bool {
	switch policy {
	case "Retain":
		return !created || !exceptOnCreate
	case "RetainExceptOnCreate":
		return !created
	}
	return false
}

// restore puts updated resources back, in the order they were updated.
func (c *course) restore(started []*step, begin time.Duration) (end time.Duration, failed []string) {
	end = begin
	for _, step := range started {
		if step.old == nil {
			continue
		}

		c.resource(begin, step.old, Moment{PhysicalID: step.old.PhysicalID, Status: "UPDATE_IN_PROGRESS", State: step.old})
		done := begin + c.each
		moment := Moment{PhysicalID: step.old.PhysicalID, Status: "UPDATE_COMPLETE", State: step.old}
		if reason, fails := step.new.Behaviour.fails(RollingBack); fails {
			moment.Status, moment.Reason = "UPDATE_FAILED", reason
			failed = append(failed, step.new.LogicalID)
		}

		c.resource(done, step.old, moment)
		end = max(end, done)
	}

	return end, failed
}
