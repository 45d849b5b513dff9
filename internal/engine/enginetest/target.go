package enginetest

import (
	"context"
	"errors"
	"io/fs"
	"maps"
	"slices"
	"strings"
	"sync"

	"github.com/lockstephq/lockstep"
	"github.com/lockstephq/lockstep/internal/target"
)

// A ScriptedTarget is a target driver whose steps a test writes. Its only input is the
// configuration's file.
type ScriptedTarget struct {
	SyncType           lockstep.SyncType
	Mu                 sync.Mutex
	step               func(a target.Attempt) (target.Step, error)
	OnReadInputs       func(name string) error         // called by ReadInputs, if not nil
	OnDiscard          func(a target.Attempt) error    // called by Discard, if not nil
	OnAdvance          func(ctx context.Context) error // called before every step, if not nil
	Discarded          []string
	steps              int
	MaxConcurrent, now map[string]int // concurrent steps per resource
}

// NewScriptedTarget returns a ScriptedTarget that applies every commit in one step.
func NewScriptedTarget() *ScriptedTarget {
	scripted := &ScriptedTarget{SyncType: "TEST_SYNC", MaxConcurrent: map[string]int{}, now: map[string]int{}}
	scripted.SetSteps(func(target.Attempt) (target.Step, error) {
		return target.Step{
			Events: []lockstep.Event{{Type: "DONE", Message: "Done."}},
			End:    &target.End{Outcome: lockstep.Applied},
		}, nil
	})
	return scripted
}

// SetSteps sets what Advance does from now on.
func (s *ScriptedTarget) SetSteps(step func(a target.Attempt) (target.Step, error)) {
	s.Mu.Lock()
	defer s.Mu.Unlock()
	s.step = step
}

// CallCounts returns how many steps and discards there were.
func (s *ScriptedTarget) CallCounts() (steps, discards int) {
	s.Mu.Lock()
	defer s.Mu.Unlock()
	return s.steps, len(s.Discarded)
}

// Type returns the sync type.
func (s *ScriptedTarget) Type() lockstep.SyncType { return s.SyncType }

// ReadInputs returns the object id of the configuration's file.
func (s *ScriptedTarget) ReadInputs(
	_ context.Context, cfg lockstep.SyncConfiguration, files lockstep.Tree,
) (target.Inputs, error) {
	s.Mu.Lock()
	before := s.OnReadInputs
	s.Mu.Unlock()

	if before != nil {
		if err := before(cfg.ResourceName); err != nil {
			return nil, err
		}
	}

	id, err := files.ObjectID(cfg.ConfigFile)
	if errors.Is(err, fs.ErrNotExist) {
		inputs := target.Inputs{cfg.ConfigFile: lockstep.NoObject}
		return inputs, lockstep.Wrapf(lockstep.NotFound, fs.ErrNotExist, "%s is not there.", cfg.ConfigFile)
	}

	return target.Inputs{cfg.ConfigFile: id}, err
}

// Advance calls the function of SetSteps.
func (s *ScriptedTarget) Advance(ctx context.Context, attempt target.Attempt) (target.Step, error) {
	s.Mu.Lock()
	name := attempt.Configuration.ResourceName
	s.steps++
	s.now[name]++
	s.MaxConcurrent[name] = max(s.MaxConcurrent[name], s.now[name])
	step, before := s.step, s.OnAdvance
	s.Mu.Unlock()
	defer func() {
		s.Mu.Lock()
		defer s.Mu.Unlock()
		s.now[name]--
	}()

	if before != nil {
		if err := before(ctx); err != nil {
			return target.Step{}, err
		}
	}

	return step(attempt)
}

// Discard records the attempt.
func (s *ScriptedTarget) Discard(_ context.Context, attempt target.Attempt) error {
	s.Mu.Lock()
	before := s.OnDiscard
	s.Mu.Unlock()

	if before != nil {
		if err := before(attempt); err != nil {
			return err
		}
	}

	s.Mu.Lock()
	defer s.Mu.Unlock()

	s.Discarded = append(s.Discarded, attempt.ID)
	return nil
}

// Discover returns every YAML file, by its base name.
func (s *ScriptedTarget) Discover(
	_ context.Context, files lockstep.Tree, _ lockstep.Discovery,
) (target.Discovered, error) {
	var discovered target.Discovered
	for _, path := range slices.Sorted(maps.Keys(files.(MemoryTree).MapFS)) {
		if name, ok := strings.CutSuffix(path, ".yaml"); ok {
			discovered.Files = append(discovered.Files,
				target.DeploymentFile{Path: path, Name: name[strings.LastIndex(name, "/")+1:]})
		}
	}
	return discovered, nil
}

// Encode returns a deployment file with the name of the template.
func (s *ScriptedTarget) Encode(w target.Deployment) ([]byte, error) {
	if w.Template == "wrong" {
		return nil, lockstep.Errorf(lockstep.Invalid, "No file can say that.")
	}
	return []byte("template " + w.Template), nil
}

// Equal reports whether two deployment files are the same text.
func (s *ScriptedTarget) Equal(a, b []byte) bool { return string(a) == string(b) }

// BlockedError is an error whose cause a person has to remove.
var BlockedError = lockstep.Error{
	Kind:    lockstep.Blocked,
	Message: "Mend the stack.",
	Contexts: []lockstep.Context{
		{Key: "StackName", Value: "web"},
		{Key: "StackStatus", Value: "ROLLBACK_FAILED"},
	},
}
