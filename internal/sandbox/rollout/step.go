package rollout

import "time"

// A step creates or updates one resource.
type step struct {
	desired  *Resource
	existing *Resource // nil for a new resource
	replaces bool
	start    time.Duration
	end      time.Duration
}

func (s *step) phase() Phase {
	if s.existing == nil {
		return Creating
	}
	return Updating
}

// A result is what the steps have done.
type result struct {
	started []*step
	end     time.Duration
	created []string // failed or cancelled
	updated []string
}

func (r *result) failed() bool { return len(r.created)+len(r.updated) > 0 }

// reason returns CloudFormation's sentence about the failed resources.
func (r *result) reason() string {
	text := ""
	if len(r.created) > 0 {
		text += "The following resource(s) failed to create: " + bracketed(r.created) + ". "
	}
	if len(r.updated) > 0 {
		text += "The following resource(s) failed to update: " + bracketed(r.updated) + ". "
	}
	return text
}

// steps returns the steps in the order of dependencies.
func (r Request) steps() []*step {
	old := map[string]*Resource{}
	for i := range r.Existing {
		old[r.Existing[i].LogicalID] = &r.Existing[i]
	}

	changes := map[string]Change{}
	for _, ch := range r.Changes {
		changes[ch.LogicalID] = ch
	}

	var out []*step
	for i := range r.Desired {
		resource := &r.Desired[i]
		if _, ok := changes[resource.LogicalID]; !ok {
			continue
		}

		s := &step{desired: resource, existing: old[resource.LogicalID]}
		s.replaces = s.existing != nil && s.existing.Generation != resource.Generation
		out = append(out, s)
	}

	return out
}

// schedule sets the start and the end of every step, and when the first failure or the
// timeout stops all steps. It reports whether the timeout does.
func (t *timeline) schedule(steps []*step, begin, timeout time.Duration) (late bool) {
	ends := map[string]time.Duration{}
	t.failAt = -1
	end := begin
	for _, step := range steps {
		step.start = begin
		for _, id := range step.desired.DependsOn {
			step.start = max(step.start, ends[id])
		}

		step.end = step.start + t.resourceDuration
		if d := step.desired.Behavior.Delay; d > 0 {
			step.end = step.start + d
		}

		ends[step.desired.LogicalID] = step.end
		end = max(end, step.end)
		if _, fails := step.desired.Behavior.fails(step.phase()); fails && (t.failAt < 0 || step.end < t.failAt) {
			t.failAt = step.end
		}
	}

	if timeout > 0 && end > timeout && (t.failAt < 0 || t.failAt > timeout) {
		t.failAt = timeout
		return true
	}

	return false
}

// runSteps runs the scheduled steps until they are complete or stopped. Steps in
// progress are then cancelled.
func (t *timeline) runSteps(steps []*step, begin time.Duration) *result {
	result := &result{end: begin}
	for _, step := range steps {
		if t.failAt >= 0 && step.start >= t.failAt {
			continue // never begun
		}
		result.started = append(result.started, step)
		t.runStep(step, result)
		result.end = max(result.end, step.end)
	}
	return result
}

// runStep adds the transitions of one step.
func (t *timeline) runStep(step *step, result *result) {
	verb, first := "CREATE", ""
	if step.existing != nil {
		verb = "UPDATE"
	}

	if step.replaces {
		first = "Requested update requires the creation of a new physical resource; hence creating one."
	}

	t.beginStep(step, Status(verb+"_IN_PROGRESS"), first)
	reason, fails := step.desired.Behavior.fails(step.phase())
	cancelled := t.failAt >= 0 && step.end > t.failAt
	if cancelled {
		step.end, fails = t.failAt, true
		reason = "Resource creation cancelled"
		if step.existing != nil {
			reason = "Resource update cancelled"
		}
	}

	if half := step.start + (step.end-step.start)/2; step.existing == nil || step.replaces {
		t.addResource(half, step.desired, Transition{
			PhysicalID: step.desired.PhysicalID,
			Status:     Status(verb + "_IN_PROGRESS"),
			Reason:     "Resource creation Initiated",
			State:      step.state(),
		})
	}

	if !fails {
		t.addResource(step.end, step.desired, Transition{
			PhysicalID: step.desired.PhysicalID,
			Status:     Status(verb + "_COMPLETE"),
			State:      step.desired,
		})
		return
	}

	transition := Transition{
		PhysicalID: step.desired.PhysicalID,
		Status:     Status(verb + "_FAILED"),
		Reason:     reason,
		State:      step.state(),
	}
	if step.existing != nil {
		transition.PhysicalID = step.existing.PhysicalID
		result.updated = append(result.updated, step.desired.LogicalID)
	} else {
		result.created = append(result.created, step.desired.LogicalID)
	}

	t.addResource(step.end, step.desired, transition)
}

// state returns the resource until the step is complete.
func (s *step) state() *Resource {
	if s.existing != nil {
		return s.existing
	}
	return s.desired
}

func (t *timeline) beginStep(step *step, status Status, reason string) {
	transition := Transition{Status: status, Reason: reason, State: step.state()}
	if step.existing != nil {
		transition.PhysicalID = step.existing.PhysicalID
	}
	t.addResource(step.start, step.desired, transition)
}

func (t *timeline) addResource(at time.Duration, resource *Resource, transition Transition) {
	transition.At = at
	transition.Resource = resource
	t.transitions = append(t.transitions, transition)
}
