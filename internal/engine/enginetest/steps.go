package enginetest

import (
	"io/fs"
	"time"

	"github.com/lockstephq/lockstep"
	"github.com/lockstephq/lockstep/internal/target"
)

// StepsWaitAnHour makes every step wait for an hour.
func (w *World) StepsWaitAnHour() {
	w.Target.SetSteps(func(target.Attempt) (target.Step, error) {
		return target.Step{Checkpoint: []byte("proposed"), ContinueAfter: time.Hour}, nil
	})
}

// StepsExecuteUntil makes attempts declare an intent, and then follow its execution until
// the caller closes finish. They end with end.
func (w *World) StepsExecuteUntil(end target.End) (finish chan struct{}) {
	finish = make(chan struct{})
	w.Target.SetSteps(func(a target.Attempt) (target.Step, error) {
		if a.Intent == "" {
			return target.Step{Intent: "execute"}, nil
		}

		select {
		case <-finish:
			return target.Step{End: &end}, nil
		default:
			return target.Step{ContinueAfter: time.Second}, nil
		}
	})

	return finish
}

// StepsRequireTheFile makes every attempt fail whose file does not exist.
func (w *World) StepsRequireTheFile() {
	w.Target.SetSteps(func(attempt target.Attempt) (target.Step, error) {
		files, err := attempt.OpenTree(w.T.Context())
		if err != nil {
			return target.Step{}, err
		}
		if _, err := files.ObjectID(attempt.Configuration.ConfigFile); err != nil {
			return target.Step{}, lockstep.Wrapf(lockstep.NotFound, fs.ErrNotExist, "%s is not there.",
				attempt.Configuration.ConfigFile)
		}
		return target.Step{End: &target.End{Outcome: lockstep.Applied}}, nil
	})
}

// StepsFail makes every step end in an error.
func (w *World) StepsFail(cause error) {
	w.Target.SetSteps(func(target.Attempt) (target.Step, error) { return target.Step{}, cause })
}

// StepsSucceed makes the first step of every attempt apply its commit.
func (w *World) StepsSucceed() {
	w.Target.SetSteps(func(target.Attempt) (target.Step, error) {
		return target.Step{End: &target.End{Outcome: lockstep.Applied}}, nil
	})
}

// StepsTakeSeconds makes every attempt take ten seconds times the last digit of its
// resource's name.
func (w *World) StepsTakeSeconds(end func(name string) *target.End) {
	w.Target.SetSteps(func(a target.Attempt) (target.Step, error) {
		name := a.Configuration.ResourceName
		if a.Checkpoint == nil {
			lastDigit := time.Duration(name[len(name)-1] - '0')
			return target.Step{Checkpoint: []byte("begun"), ContinueAfter: lastDigit * 10 * time.Second}, nil
		}
		return target.Step{
			End:    end(name),
			Events: []lockstep.Event{{Type: "END", Message: "The end of " + name + "."}},
		}, nil
	})
}
