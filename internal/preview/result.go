package preview

import (
	"github.com/lockstephq/lockstep"
	"github.com/lockstephq/lockstep/internal/target"
)

// A Result is what a pull request would change in one resource, as it is kept
// with its preview.
type Result struct {
	Plan    *lockstep.Plan `json:"plan,omitempty"`    // nil where nothing would change, or it is not known
	Problem string         `json:"problem,omitempty"` // why it is not known
	// Blocked says that a sync would be blocked for the problem.
	Blocked bool `json:"blocked,omitempty"`
}

// resultOf gives what a step has found out, nil where it takes another.
func resultOf(step target.Step) *Result {
	switch {
	case step.Plan != nil && step.Plan.ID != "":
		return &Result{Plan: step.Plan}
	case step.Intent != "": // a driver that tells nothing of what it would execute
		return &Result{Plan: &lockstep.Plan{ID: step.Intent, Truncated: true}}
	case step.End == nil:
		return nil
	case step.End.Blocked != nil:
		return &Result{Problem: step.End.Blocked.Message, Blocked: true}
	case step.End.Outcome == lockstep.Failed:
		problem := step.End.Reason
		if problem == "" {
			problem = "The target gave no reason."
		}
		return &Result{Problem: problem}
	}

	return &Result{}
}

// withhold takes out what a template of a stranger might have brought to light:
// values, and texts of the target, which quote them.
func (r *Result) withhold() {
	if r.Problem != "" {
		r.Problem = "The change set could not be planned. Why is not shown on a pull request from a fork."
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
