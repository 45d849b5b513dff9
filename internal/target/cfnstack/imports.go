package cfnstack

import (
	"regexp"
	"time"

	"github.com/lockstephq/lockstep/internal/target"
)

// noExportPattern is the reason of a change set that imports a missing export.
// CloudFormation has no code for it.
var noExportPattern = regexp.MustCompile(`No export named (\S+) found`)

// missingExportName returns the export that a change set failed for, or "" if it
// failed for another reason.
func missingExportName(reason string) string {
	if match := noExportPattern.FindStringSubmatch(reason); match != nil {
		return match[1]
	}
	return ""
}

// mayAwaitExport reports whether the attempt still waits for an export of another
// stack. Stacks of one commit are synced in parallel, so one may import what
// another is about to export.
func (c creation) mayAwaitExport() bool {
	return c.Now.Sub(c.StartedAt) < c.driver.options.AwaitExports
}

// awaitExport creates the same change set again, a little later.
func (c creation) awaitExport(name string) (target.Step, error) {
	if c.checkpoint.ExportRetries == 0 {
		c.emit(ExportAwaited, c.checkpoint.ChangeSetARN, "Waiting up to %s for another stack to export %s.",
			c.driver.options.AwaitExports.Round(time.Second), name)
	}

	c.checkpoint = c.checkpoint.forNextChangeSet()
	c.checkpoint.ExportRetries++

	return target.Step{ContinueAfter: c.driver.options.Poll.delay(c.checkpoint.ExportRetries)}, nil
}
