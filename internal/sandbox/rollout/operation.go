package rollout

import (
	"reflect"
	"time"
)

const (
	userInitiated     = "User Initiated"
	rollbackRequested = "Rollback requested by user."
)

// Create computes the creation of a stack.
func Create(request Request) []Transition {
	timeline := &timeline{resourceDuration: request.resourceDuration()}
	timeline.addStack(0, "CREATE_IN_PROGRESS", userInitiated, New)
	if request.FailureReason != "" {
		return timeline.rollBackCreation(request, &result{}, request.FailureReason+" ")
	}

	steps := request.steps()
	late := timeline.schedule(steps, timeline.resourceDuration, request.Timeout)
	res := timeline.runSteps(steps, timeline.resourceDuration)
	switch {
	case late:
		return timeline.rollBackCreation(request, res, "Stack creation time exceeded the specified timeout. ")
	case res.failed():
		return timeline.rollBackCreation(request, res, res.reason())
	}

	timeline.addStack(res.end+timeline.resourceDuration, "CREATE_COMPLETE", Notice, New)
	return timeline.sorted()
}

// rollBackCreation ends a failed creation as the request asks.
func (t *timeline) rollBackCreation(request Request, res *result, reason string) []Transition {
	at := max(res.end, t.resourceDuration)
	if request.OnFailure == DoNothing {
		t.addStack(at+t.resourceDuration, "CREATE_FAILED", reason+Notice, New)
		return t.sorted()
	}

	prefix, phase, initiator := "ROLLBACK", RollingBack, rollbackRequested
	if request.OnFailure == DeleteStack {
		prefix, phase, initiator = "DELETE", Deleting, "Delete requested by user."
	}

	t.addStack(at+1, Status(prefix+"_IN_PROGRESS"), reason+initiator, New)
	var all []deletion
	for _, step := range res.started {
		all = append(all, deletion{
			resource:   step.desired,
			isRetained: isRetained(step.desired.DeletionPolicy, true, request.RetainExceptOnCreate),
			phase:      phase,
		})
	}

	end, failed := t.deleteResources(all, at+t.resourceDuration)
	if len(failed) > 0 {
		reason := "The following resource(s) failed to delete: " + bracketed(failed) + ". " + Notice
		t.addStack(end+t.resourceDuration, Status(prefix+"_FAILED"), reason, New)
		return t.sorted()
	}

	t.addStack(end+t.resourceDuration, Status(prefix+"_COMPLETE"), Notice, New)
	return t.sorted()
}

// Update computes the update of a stack.
func Update(request Request) []Transition {
	timeline := &timeline{resourceDuration: request.resourceDuration()}
	timeline.addStack(0, "UPDATE_IN_PROGRESS", userInitiated, New)
	if request.FailureReason != "" {
		return timeline.rollBackUpdate(request, &result{}, request.FailureReason+" ")
	}

	steps := request.steps()
	timeline.schedule(steps, timeline.resourceDuration, 0)
	res := timeline.runSteps(steps, timeline.resourceDuration)
	if res.failed() {
		return timeline.rollBackUpdate(request, res, res.reason())
	}

	at := res.end + timeline.resourceDuration
	timeline.addStack(at, "UPDATE_COMPLETE_CLEANUP_IN_PROGRESS", "", New)
	timeline.refreshUnchanged(request, at)
	end, failed := timeline.deleteResources(request.replacedAndRemoved(res.started), at+1)
	reason := Notice
	if len(failed) > 0 {
		reason = "Update successful. One or more resources could not be deleted. " + Notice
	}

	timeline.addStack(end+timeline.resourceDuration, "UPDATE_COMPLETE", reason, New)
	return timeline.sorted()
}

// replacedAndRemoved returns what a successful update has to delete.
func (r Request) replacedAndRemoved(started []*step) []deletion {
	gone := map[string]bool{}
	for _, ch := range r.Changes {
		gone[ch.LogicalID] = ch.Action == "Remove"
	}

	replaced := map[string]*step{}
	for _, step := range started {
		if step.replaces {
			replaced[step.desired.LogicalID] = step
		}
	}

	var all []deletion
	for i := range r.Existing {
		resource := &r.Existing[i]
		if gone[resource.LogicalID] {
			all = append(all, deletion{
				resource:        resource,
				isRetained:      isRetained(resource.DeletionPolicy, false, false),
				forgetOnFailure: true,
				phase:           Deleting,
			})
		}

		if step := replaced[resource.LogicalID]; step != nil {
			all = append(all, deletion{
				resource:   resource,
				isReplaced: true,
				isRetained: step.desired.UpdateReplacePolicy == "Retain",
				phase:      Deleting,
			})
		}
	}

	return all
}

// refreshUnchanged updates the dependencies and the unevaluated texts of resources
// that the operation does not touch.
func (t *timeline) refreshUnchanged(request Request, at time.Duration) {
	touched := map[string]bool{}
	for _, ch := range request.Changes {
		touched[ch.LogicalID] = true
	}

	old := map[string]Resource{}
	for _, o := range request.Existing {
		old[o.LogicalID] = o
	}

	for i := range request.Desired {
		if n := &request.Desired[i]; !touched[n.LogicalID] && !reflect.DeepEqual(old[n.LogicalID], *n) {
			t.addResource(at, n, Transition{PhysicalID: n.PhysicalID, State: n, Silent: true})
		}
	}
}

// rollBackUpdate ends a failed update as the request asks.
func (t *timeline) rollBackUpdate(request Request, res *result, reason string) []Transition {
	at := max(res.end, t.resourceDuration)
	if request.OnFailure == DoNothing {
		t.addStack(at+t.resourceDuration, "UPDATE_FAILED", reason+Notice, New)
		return t.sorted()
	}

	t.addStack(at+1, "UPDATE_ROLLBACK_IN_PROGRESS", reason, Old)
	at, failed := t.restoreUpdated(res.started, at+t.resourceDuration)
	if len(failed) > 0 {
		t.addStack(at+t.resourceDuration, "UPDATE_ROLLBACK_FAILED",
			"The following resource(s) failed to update: "+bracketed(failed)+". "+Notice, Old)
		return t.sorted()
	}

	t.addStack(at+t.resourceDuration, "UPDATE_ROLLBACK_COMPLETE_CLEANUP_IN_PROGRESS", "", Old)
	var all []deletion
	for _, step := range res.started {
		switch {
		case step.existing == nil:
			all = append(all, deletion{
				resource:   step.desired,
				isRetained: isRetained(step.desired.DeletionPolicy, true, request.RetainExceptOnCreate),
				phase:      RollingBack,
			})
		case step.replaces && step.desired.PhysicalID != step.existing.PhysicalID:
			all = append(all, deletion{resource: step.desired, isReplaced: true, phase: RollingBack})
		}
	}

	end, _ := t.deleteResources(all, at+t.resourceDuration+1)
	t.addStack(end+t.resourceDuration, "UPDATE_ROLLBACK_COMPLETE", Notice, Old)
	return t.sorted()
}

// A DeleteRequest is a deletion to compute.
type DeleteRequest struct {
	Existing         []Resource // each after those it depends on
	Retain           []string   // logical ids to retain
	Force            bool       // retain what cannot be deleted
	ResourceDuration time.Duration
}

// Delete computes the deletion of a stack.
func Delete(request DeleteRequest) []Transition {
	timeline := &timeline{resourceDuration: Request{Existing: request.Existing,
		ResourceDuration: request.ResourceDuration}.resourceDuration()}
	timeline.addStack(0, "DELETE_IN_PROGRESS", userInitiated, New)
	retain := map[string]bool{}
	for _, id := range request.Retain {
		retain[id] = true
	}

	var all []deletion
	for i := range request.Existing {
		resource := &request.Existing[i]
		_, fails := resource.Behavior.fails(Deleting)
		keep := retain[resource.LogicalID] || isRetained(resource.DeletionPolicy, false, false)
		all = append(all, deletion{
			resource:   resource,
			isRetained: keep || request.Force && fails,
			phase:      Deleting,
		})
	}

	end, failed := timeline.deleteResources(all, timeline.resourceDuration)
	if len(failed) > 0 {
		reason := "The following resource(s) failed to delete: " + bracketed(failed) + ". " + Notice
		timeline.addStack(end+timeline.resourceDuration, "DELETE_FAILED", reason, New)
		return timeline.sorted()
	}

	timeline.addStack(end+timeline.resourceDuration, "DELETE_COMPLETE", Notice, New)
	return timeline.sorted()
}
