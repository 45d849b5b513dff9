package cfnstack

import (
	"regexp"
	"time"

	"github.com/lockstephq/lockstep/internal/target"
)

// noExport is how CloudFormation says that an import finds nothing; there is no
// code for it.
var noExport = regexp.MustCompile(`No export named (\S+) found`)

// missingExport gives the export that a change set failed for, "" if it failed
// for something else.
func missingExport(reason string) string {
	if m := noExport.FindStringSubmatch(reason); m != nil {
		return m[1]
	}
	return ""
}

// patient says whether the attempt still waits for what another stack exports.
// Stacks of one commit are synced side by side, so that one may import what the
// other is about to export.
func (w *work) patient() bool {
	return w.Now.Sub(w.StartedAt) < w.d.options.AwaitExports
}

// awaitExport proposes the same once more, a little later.
func (w *work) awaitExport(name string) (target.Step, error) {
	if w.m.Awaited == 0 {
		w.emit(ExportAwaited, w.m.ChangeSet, "Waiting up to %s for another stack to export %s.",
			w.d.options.AwaitExports.Round(time.Second), name)
	}
	w.m = w.m.anew()
	w.m.Awaited++
	return target.Step{ContinueAfter: w.d.options.Poll.after(w.m.Awaited)}, nil
}
