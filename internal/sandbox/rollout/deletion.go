package rollout

import "time"

// A deletion is one physical resource to delete.
type deletion struct {
	resource *Resource
	// isReplaced is set if another resource takes its place.
	isReplaced      bool
	isRetained      bool // by its policy
	forgetOnFailure bool // if it cannot be deleted, it leaves the stack
	phase           Phase
}

// deleteResources deletes resources, dependents first. It returns when that ends, and
// the logical ids of those that could not be deleted.
func (t *timeline) deleteResources(all []deletion, begin time.Duration) (time.Duration, []string) {
	free := map[string]time.Duration{} // when the last dependent is deleted
	end := begin
	var failed []string
	for i := len(all) - 1; i >= 0; i-- {
		removal := all[i]
		resource := removal.resource
		start := max(begin, free[resource.LogicalID])
		transition := Transition{PhysicalID: resource.PhysicalID, Status: "DELETE_SKIPPED", Gone: !removal.isReplaced}
		if !removal.isReplaced {
			transition.State = resource
		}

		if removal.isRetained {
			t.addResource(start, resource, transition)
			continue
		}

		inProgress := transition
		inProgress.Status = "DELETE_IN_PROGRESS"
		inProgress.Gone = false
		t.addResource(start, resource, inProgress)

		done := start + t.resourceDuration
		transition.Status = "DELETE_COMPLETE"

		if reason, fails := resource.Behavior.fails(removal.phase); fails {
			transition.Status = "DELETE_FAILED"
			transition.Reason = reason
			transition.Gone = removal.forgetOnFailure
			failed = append(failed, resource.LogicalID)
		}

		t.addResource(done, resource, transition)
		for _, id := range resource.DependsOn {
			free[id] = max(free[id], done)
		}

		end = max(end, done)
	}

	return end, failed
}

// isRetained reports whether a policy retains the resource when it is removed.
func isRetained(policy string, created, exceptOnCreate bool) bool {
	switch policy {
	case "Retain":
		return !created || !exceptOnCreate
	case "RetainExceptOnCreate":
		return !created
	}
	return false
}

// restoreUpdated rolls updated resources back, in the order of their update.
func (t *timeline) restoreUpdated(started []*step, begin time.Duration) (end time.Duration, failed []string) {
	end = begin
	for _, step := range started {
		if step.existing == nil {
			continue
		}

		transition := Transition{
			PhysicalID: step.existing.PhysicalID,
			Status:     "UPDATE_IN_PROGRESS",
			State:      step.existing,
		}
		t.addResource(begin, step.existing, transition)

		done := begin + t.resourceDuration
		transition.Status = "UPDATE_COMPLETE"
		if reason, fails := step.desired.Behavior.fails(RollingBack); fails {
			transition.Status = "UPDATE_FAILED"
			transition.Reason = reason
			failed = append(failed, step.desired.LogicalID)
		}

		t.addResource(done, step.existing, transition)
		end = max(end, done)
	}

	return end, failed
}
