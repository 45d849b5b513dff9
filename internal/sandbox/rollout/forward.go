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
		n := &r.New[i]
		if _, ok := changes[n.LogicalID]; !ok {
			continue
		}

		s := &step{new: n, old: old[n.LogicalID]}
		s.replace = s.old != nil && s.old.Generation != n.Generation
		out = append(out, s)
	}

	return out
}

// schedule gives every step its start and end, as dependencies allow, and works
// out when the first failure, or the timeout, stops them all. It says whether
// the timeout does.
func (c *course) schedule(steps []*step, begin, timeout time.Duration) (late bool) {
	ends := map[string]time.Duration{}
	c.failAt = -1
	end := begin
	for _, s := range steps {
		s.start = begin
		for _, id := range s.new.DependsOn {
			s.start = max(s.start, ends[id])
		}

		s.end = s.start + c.each
		if d := s.new.Behaviour.Delay; d > 0 {
			s.end = s.start + d
		}

		ends[s.new.LogicalID] = s.end
		end = max(end, s.end)
		if _, fails := s.new.Behaviour.fails(s.phase()); fails && (c.failAt < 0 || s.end < c.failAt) {
			c.failAt = s.end
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
	r := &result{end: begin}
	for _, s := range steps {
		if c.failAt >= 0 && s.start >= c.failAt {
			continue // never begun
		}
		r.started = append(r.started, s)
		c.run(s, r)
		r.end = max(r.end, s.end)
	}
	return r
}

// run writes the course of one step that is begun.
func (c *course) run(s *step, r *result) {
	verb, first := "CREATE", ""
	if s.old != nil {
		verb = "UPDATE"
	}

	if s.replace {
		first = "Requested update requires the creation of a new physical resource; hence creating one."
	}

	c.begin(s, Status(verb+"_IN_PROGRESS"), first)
	reason, fails := s.new.Behaviour.fails(s.phase())
	cancelled := c.failAt >= 0 && s.end > c.failAt
	if cancelled {
		s.end, fails = c.failAt, true
		reason = "Resource creation cancelled"
		if s.old != nil {
			reason = "Resource update cancelled"
		}
	}

	if half := s.start + (s.end-s.start)/2; s.old == nil || s.replace {
		c.resource(half, s.new, Moment{PhysicalID: s.new.PhysicalID, Status: Status(verb + "_IN_PROGRESS"), Reason: "Resource creation Initiated", State: s.state()})
	}

	if !fails {
		c.resource(s.end, s.new, Moment{PhysicalID: s.new.PhysicalID, Status: Status(verb + "_COMPLETE"), State: s.new})
		return
	}

	m := Moment{PhysicalID: s.new.PhysicalID, Status: Status(verb + "_FAILED"), Reason: reason, State: s.state()}
	if s.old != nil {
		m.PhysicalID = s.old.PhysicalID
		r.updated = append(r.updated, s.new.LogicalID)
	} else {
		r.created = append(r.created, s.new.LogicalID)
	}

	c.resource(s.end, s.new, m)
}

// state is the resource as it stands while the step is not complete.
func (s *step) state() *Resource {
	if s.old != nil {
		return s.old
	}
	return s.new
}

func (c *course) begin(s *step, status Status, reason string) {
	m := Moment{Status: status, Reason: reason, State: s.state()}
	if s.old != nil {
		m.PhysicalID = s.old.PhysicalID
	}
	c.resource(s.start, s.new, m)
}

func (c *course) resource(at time.Duration, r *Resource, m Moment) {
	m.At, m.Resource = at, r
	c.moments = append(c.moments, m)
}
