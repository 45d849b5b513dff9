package cfnstack

import (
	"regexp"
	"time"

	"github.com/lockstephq/lockstep/internal/target"
)

// noExportPattern is how CloudFormation says that an import finds nothing; there is no
// code for it.
var noExportPattern = regexp.MustCompile(`No export named (\S+) found`)

// missingExportName gives the export that a change set failed for, "" if it failed
// for something else.
func missingExportName(reason string) string {
	if m := noExportPattern.FindStringSubmatch(reason); m != nil {
		return m[1]
	}
	return ""
}

// mayAwaitExport says whether the attempt still waits for what another stack exports.
// Stacks of one commit are synced side by side, so that one may import what the
// other is about to export.
func (w *runner) mayAwaitExport() bool {
	return w.Now.Sub(w.StartedAt) < w.driver.options.AwaitExports
}

// awaitExport proposes the same once more, a little later.
func (w *runner) awaitExport(name string) (target.Step, error) {
	if w.checkpoint.ExportRetries == 0 {
		w.emit(ExportAwaited, w.checkpoint.ChangeSetARN, "Waiting up to %s for another stack to export %s.",
			w.driver.options.AwaitExports.Round(time.Second), name)
	}
	w.checkpoint = w.checkpoint.forNextChangeSet()
	w.checkpoint.ExportRetries++
	return target.Step{ContinueAfter: w.driver.options.Poll.delay(w.checkpoint.ExportRetries)}, nil
}
