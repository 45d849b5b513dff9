package manifest

import (
	"context"
	"sync"

	"github.com/lockstephq/lockstep/internal/client"
)

// A Failure is a step that failed.
type Failure struct {
	Step Step
	Err  error
}

// An Outcome is the result of [Apply].
type Outcome struct {
	Done   int // steps that succeeded
	Left   int // steps that were not started
	Failed []Failure
}

// Apply applies a plan made from the existing resources. It calls done after each
// step that succeeded, one call at a time. After a failure it starts no more steps.
func Apply(
	ctx context.Context, remote *client.Client, existing Resources, steps []Step, done func(Step),
) Outcome {
	var outcome Outcome
	applier := newApplier(remote, existing)
	var mu sync.Mutex
	for rest := steps; len(rest) > 0; {
		stage := rest[:stageLength(rest)]
		rest = rest[len(stage):]
		if len(outcome.Failed) > 0 || ctx.Err() != nil {
			outcome.Left += len(stage)
			continue
		}

		limit := parallelSteps(stage[0].Kind)
		errs, started := runParallel(ctx, limit, len(stage), func(ctx context.Context, i int) error {
			err := retryThrottled(ctx, func() error { return applier.apply(ctx, stage[i]) })
			if err == nil {
				mu.Lock()
				defer mu.Unlock()
				done(stage[i])
			}

			return err
		})
		for i, err := range errs {
			switch {
			case !started[i]:
				outcome.Left++
			case err != nil:
				outcome.Failed = append(outcome.Failed, Failure{stage[i], err})
			default:
				outcome.Done++
			}
		}
	}

	return outcome
}

// stageLength returns how many of the first steps are independent: those of one
// kind that are all deletions, or all not.
func stageLength(steps []Step) int {
	for i, step := range steps {
		if step.Kind != steps[0].Kind || (step.Verb == Delete) != (steps[0].Verb == Delete) {
			return i
		}
	}
	return len(steps)
}

// parallelSteps returns how many steps of a kind may run at once. Steps that change
// permissions run in the manifest's order.
func parallelSteps(kind Kind) int {
	if kind == RoleKind || kind == PolicyKind {
		return 1
	}
	return maxParallel
}

// An applier applies steps. It knows the ARNs and IDs of the resources that
// existed, and of those it has created.
type applier struct {
	remote *client.Client
	mu     sync.Mutex
	ids    map[Kind]map[string]string // by kind and name
}

func newApplier(remote *client.Client, existing Resources) *applier {
	result := &applier{
		remote: remote,
		ids:    map[Kind]map[string]string{HostKind: {}, ConnectionKind: {}, LinkKind: {}},
	}
	for _, host := range existing.Hosts {
		result.ids[HostKind][host.Name] = host.ARN
	}
	for _, connection := range existing.Connections {
		result.ids[ConnectionKind][connection.Name] = connection.ARN
	}
	for _, link := range existing.Links {
		result.ids[LinkKind][link.Repository] = link.UUID
	}
	return result
}

// setID records the ARN or ID of a resource that was created.
func (a *applier) setID(kind Kind, name string, id *string) {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.ids[kind][name] = *id
}

// id returns the ARN or ID of a resource.
func (a *applier) id(kind Kind, name string) *string {
	a.mu.Lock()
	defer a.mu.Unlock()
	id := a.ids[kind][name]
	return &id
}

func (a *applier) apply(ctx context.Context, step Step) error {
	switch step.Verb {
	case Create:
		return a.create(ctx, step.Want)
	case Change:
		return a.change(ctx, step.Want, step.Have)
	}
	return a.remove(ctx, step.Have)
}
