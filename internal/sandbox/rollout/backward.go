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
		rm := all[i]
		r := rm.resource
		start := max(begin, free[r.LogicalID])
		m := Moment{PhysicalID: r.PhysicalID, Status: "DELETE_SKIPPED", Gone: !rm.replaced}
		if !rm.replaced {
			m.State = r
		}

		if rm.keep {
			c.resource(start, r, m)
			continue
		}

		doing := m
		doing.Status, doing.Gone = "DELETE_IN_PROGRESS", false
		c.resource(start, r, doing)
		done := start + c.each
		m.Status = "DELETE_COMPLETE"

		if reason, fails := r.Behaviour.fails(rm.phase); fails {
			m.Status, m.Reason, m.Gone = "DELETE_FAILED", reason, rm.forget
			failed = append(failed, r.LogicalID)
		}

		c.resource(done, r, m)
		for _, id := range r.DependsOn {
			free[id] = max(free[id], done)
		}

		end = max(end, done)
	}

	return end, failed
}

// keeps says whether a policy retains the resource when it is removed.
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
	for _, s := range started {
		if s.old == nil {
			continue
		}

		c.resource(begin, s.old, Moment{PhysicalID: s.old.PhysicalID, Status: "UPDATE_IN_PROGRESS", State: s.old})
		done := begin + c.each
		m := Moment{PhysicalID: s.old.PhysicalID, Status: "UPDATE_COMPLETE", State: s.old}
		if reason, fails := s.new.Behaviour.fails(RollingBack); fails {
			m.Status, m.Reason = "UPDATE_FAILED", reason
			failed = append(failed, s.new.LogicalID)
		}

		c.resource(done, s.old, m)
		end = max(end, done)
	}

	return end, failed
}
