package preview

import (
	"github.com/lockstephq/lockstep"
	"github.com/lockstephq/lockstep/internal/target"
)

// A Result is what a pull request would change in one resource. It is stored with
// its preview.
type Result struct {
	Plan    *lockstep.Plan `json:"plan,omitempty"`    // nil if nothing would change, or if that is unknown
	Problem string         `json:"problem,omitempty"` // why it is unknown
	// Blocked is set if the problem would block a sync.
	Blocked bool `json:"blocked,omitempty"`
}

// resultOf returns the result of a step, or nil if there is another step.
func resultOf(step target.Step) *Result {
	switch {
	case step.Plan != nil && step.Plan.ID != "":
		return &Result{Plan: step.Plan}
	case step.Intent != "": // the driver does not describe its changes
		return &Result{Plan: &lockstep.Plan{ID: step.Intent, Truncated: true}}
	case step.End == nil:
		return nil
	case step.End.Blocked != nil:
		return &Result{Problem: step.End.Blocked.Message, Blocked: true}
	case step.End.Outcome == lockstep.Failed:
		problem := step.End.Reason
		if problem == "" {
			problem = "The target returned no reason."
		}
		return &Result{Problem: problem}
	}

	return &Result{}
}

// withhold removes what a stranger's template might reveal: values, and messages of
// the target, which quote them.
func (r *Result) withhold() {
	if r.Problem != "" {
		r.Problem = "The change set could not be planned. The reason is hidden on a pull request from a fork."
	}
	if r.Plan == nil {
		return
	}
	for _, list := range [][]lockstep.ValueChange{r.Plan.Parameters, r.Plan.Tags} {
		for i := range list {
			list[i] = lockstep.ValueChange{Name: list[i].Name, Masked: true}
		}
	}
}
