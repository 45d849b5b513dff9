package manifest

import (
	"context"
	"sync"

	"github.com/lockstephq/lockstep/internal/client"
)

// A Failure is a step that could not be carried out.
type Failure struct {
	Step Step
	Err  error
}

// An Outcome is what became of a plan.
type Outcome struct {
	// Done are the steps that were carried out, Left those that were not tried.
	Done, Left int
	Failed     []Failure
}

// Apply carries out a plan that was made of what the server had. done is called
// after each step that succeeded, one call at a time. After a failure nothing new
// is begun.
func Apply(ctx context.Context, c *client.Client, have Resources, steps []Step, done func(Step)) Outcome {
	var o Outcome
	a := newApplier(c, have)
	var mu sync.Mutex
	for rest := steps; len(rest) > 0; {
		stage := rest[:stageLength(rest)]
		rest = rest[len(stage):]
		if len(o.Failed) > 0 || ctx.Err() != nil {
			o.Left += len(stage)
			continue
		}

		errs, begun := together(ctx, atOnce(stage[0].Kind), len(stage), func(ctx context.Context, i int) error {
			err := patiently(ctx, func() error { return a.carryOut(ctx, stage[i]) })
			if err == nil {
				mu.Lock()
				defer mu.Unlock()
				done(stage[i])
			}

			return err
		})
		for i, err := range errs {
			switch {
			case !begun[i]:
				o.Left++
			case err != nil:
				o.Failed = append(o.Failed, Failure{stage[i], err})
			default:
				o.Done++
			}
		}
	}

	return o
}

// stageLength says how many of the first steps need nothing of each other: those
// of one kind that all make or all delete.
func stageLength(steps []Step) int {
	for i, s := range steps {
		if s.Kind != steps[0].Kind || (s.Verb == Delete) != (steps[0].Verb == Delete) {
			return i
		}
	}
	return len(steps)
}

// atOnce is one for what decides who may do what: the order is then the file's.
func atOnce(kind Kind) int {
	if kind == RoleKind || kind == PolicyKind {
		return 1
	}
	return workers
}

// An applier knows by which ARN or id the server knows a name, of what was there
// and of what has been made.
type applier struct {
	client *client.Client
	mu     sync.Mutex
	known  map[Kind]map[string]string
}

func newApplier(c *client.Client, have Resources) *applier {
	a := &applier{client: c, known: map[Kind]map[string]string{HostKind: {}, ConnectionKind: {}, LinkKind: {}}}
	for _, h := range have.Hosts {
		a.known[HostKind][h.Name] = h.ARN
	}
	for _, conn := range have.Connections {
		a.known[ConnectionKind][conn.Name] = conn.ARN
	}
	for _, l := range have.Links {
		a.known[LinkKind][l.Repository] = l.UUID
	}
	return a
}

func (a *applier) learn(kind Kind, name string, address *string) {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.known[kind][name] = *address
}

func (a *applier) address(kind Kind, name string) *string {
	a.mu.Lock()
	defer a.mu.Unlock()
	known := a.known[kind][name]
	return &known
}

func (a *applier) carryOut(ctx context.Context, s Step) error {
	switch s.Verb {
	case Create:
		return a.create(ctx, s.Want)
	case Change:
		return a.change(ctx, s.Want, s.Have)
	}
	return a.remove(ctx, s.Have)
}
