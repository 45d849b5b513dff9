package rollout

import "time"

// step is what an operation does to one resource.
type step struct {
	new, old *Resource // old is nil for one that is added
	replace  bool
	start    time.Duration
	end      time.Duration
}

func (s *step) phase() Phase {
	if s.old == nil {
		return Creating
	}
	return Updating
}

// result says how far the steps came.
type result struct {
	started []*step
	end     time.Duration
	created []string // failed or cancelled, by what they were doing
	updated []string
}

func (r *result) failed() bool { return len(r.created)+len(r.updated) > 0 }

// reason is CloudFormation's sentence on what failed.
func (r *result) reason() string {
	text := ""
	if len(r.created) > 0 {
		text += "The following resource(s) failed to create: " + bracket(r.created) + ". "
	}
	if len(r.updated) > 0 {
		text += "The following resource(s) failed to update: " + bracket(r.updated) + ". "
	}
	return text
}

// steps lists what to do, in dependency order.
func (r Request) steps() []*step {
	old := map[string]*Resource{}
	for i := range r.Old {
		old[r.Old[i].LogicalID] = &r.Old[i]
	}

	changes := map[string]Change{}
	for _, ch := range r.Changes {
		changes[ch.LogicalID] = ch
	}

	var out []*step
	for i := range r.New {
		resource := &r.New[i]
		if _, ok := changes[resource.LogicalID]; !ok {
			continue
		}

		s := &step{new: resource, old: old[resource.LogicalID]}
		s.replace = s.old != nil && s.old.Generation != resource.Generation
		out = append(out, s)
	}

	return out
}

// schedule returns every step its start and end, as dependencies allow, and works
// out when the first failure, or the timeout, stops them all. It reports whether
// the timeout does.
func (c *course) schedule(steps []*step, begin, timeout time.Duration) (late bool) {
	ends := map[string]time.Duration{}
	c.failAt = -1
	end := begin
	for _, step := range steps {
		step.start = begin
		for _, id := range step.new.DependsOn {
			step.start = max(step.start, ends[id])
		}

		step.end = step.start + c.each
		if d := step.new.Behaviour.Delay; d > 0 {
			step.end = step.start + d
		}

		ends[step.new.LogicalID] = step.end
		end = max(end, step.end)
		if _, fails := step.new.Behaviour.fails(step.phase()); fails && (c.failAt < 0 || step.end < c.failAt) {
			c.failAt = step.end
		}
	}

	if timeout > 0 && end > timeout && (c.failAt < 0 || c.failAt > timeout) {
		c.failAt = timeout
		return true
	}

	return false
}

// forward runs the scheduled steps until they are done or stopped, and writes
// what happens. Steps that are under way when they are stopped are cancelled.
func (c *course) forward(steps []*step, begin time.Duration) *result {
	result := &result{end: begin}
	for _, step := range steps {
		if c.failAt >= 0 && step.start >= c.failAt {
			continue // never begun
		}
		result.started = append(result.started, step)
		c.run(step, result)
		result.end = max(result.end, step.end)
	}
	return result
}

// run writes the course of one step that is begun.
func (c *course) run(step *step, result *result) {
	verb, first := "CREATE", ""
	if step.old != nil {
		verb = "UPDATE"
	}

	if step.replace {
		first = "Requested update requires the creation of a new physical resource; hence creating one."
	}

	c.begin(step, Status(verb+"_IN_PROGRESS"), first)
	reason, fails := step.new.Behaviour.fails(step.phase())
	cancelled := c.failAt >= 0 && step.end > c.failAt
	if cancelled {
		step.end, fails = c.failAt, true
		reason = "Resource creation cancelled"
		if step.old != nil {
			reason = "Resource update cancelled"
		}
	}

	if half := step.start + (step.end-step.start)/2; step.old == nil || step.replace {
		c.resource(half, step.new, Moment{PhysicalID: step.new.PhysicalID, Status: Status(verb + "_IN_PROGRESS"), Reason: "Resource creation Initiated", State: step.state()})
	}

	if !fails {
		c.resource(step.end, step.new, Moment{PhysicalID: step.new.PhysicalID, Status: Status(verb + "_COMPLETE"), State: step.new})
		return
	}

	moment := Moment{PhysicalID: step.new.PhysicalID, Status: Status(verb + "_FAILED"), Reason: reason, State: step.state()}
	if step.old != nil {
		moment.PhysicalID = step.old.PhysicalID
		result.updated = append(result.updated, step.new.LogicalID)
	} else {
		result.created = append(result.created, step.new.LogicalID)
	}

	c.resource(step.end, step.new, moment)
}

// state is the resource as it stands while the step is not complete.
func (s *step) state() *Resource {
	if s.old != nil {
		return s.old
	}
	return s.new
}

func (c *course) begin(step *step, status Status, reason string) {
	moment := Moment{Status: status, Reason: reason, State: step.state()}
	if step.old != nil {
		moment.PhysicalID = step.old.PhysicalID
	}
	c.resource(step.start, step.new, moment)
}

func (c *course) resource(at time.Duration, r *Resource, m Moment) {
	m.At, m.Resource = at, r
	c.moments = append(c.moments, m)
}
