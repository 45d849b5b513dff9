// Package target is the contract between the engine and what a sync changes.
// Each sync type has a driver in a folder below this package.
//
// # Steps
//
// The engine decides when a resource is synced and to which commit. A driver
// reads the inputs of a commit and brings the outside system to it in short
// steps:
//
//	ReadInputs ─▶ Advance ─▶ Advance ─▶ … ─▶ Advance with an End
//	                 └── checkpoint, events, plan and intent are recorded ──┘
//
// A step never waits. It returns how long after it the next one is due.
//
// After a crash a step is called again with the checkpoint of the last step that
// was recorded. A driver therefore checks the outside system before it acts,
// so that a step that runs twice has the effect of one.
//
// # Errors
//
// Errors are *lockstep.Error, and their kind decides the outcome. Unavailable is
// retried with backoff. Invalid, NotFound, Denied and Limit end the attempt.
// Blocked ends it and stops the resource until a person removes the cause.
//
// A driver does not know about branches, leases or other attempts, and stores
// nothing itself.
package target

import (
	"context"
	"time"

	"github.com/lockstephq/lockstep"
)

// A Driver carries out one sync type. It is safe for concurrent use.
type Driver interface {
	Type() lockstep.SyncType
	// ReadInputs returns the files that cfg reads of a commit. It changes nothing.
	// If the files are invalid, it returns the inputs read so far and the error, so
	// that a later commit that fixes them is known to affect the configuration.
	ReadInputs(ctx context.Context, cfg lockstep.SyncConfiguration, files lockstep.Tree) (Inputs, error)
	// Advance takes an attempt one step further and returns at once.
	Advance(ctx context.Context, attempt Attempt) (Step, error)
	// Discard removes what a superseded, cancelled or failed attempt proposed and
	// did not execute. It never undoes what was executed.
	Discard(ctx context.Context, attempt Attempt) error
}

// A NameValidator checks the names of resources.
type NameValidator interface {
	// ValidateName returns an Invalid error if no resource of the driver's sync type can have the name.
	ValidateName(name string) error
}

// Inputs are the files a sync configuration reads from a commit: path to object
// id. The id of a folder is that of its tree, that of a missing file is
// lockstep.NoObject.
type Inputs map[string]string

// An Attempt is one resource sync attempt as a driver sees it.
type Attempt struct {
	ID            string // unique over all installations
	Configuration lockstep.SyncConfiguration
	Revision      lockstep.Revision
	// OpenTree returns the files of Revision. It may be called at any step, also
	// after a crash.
	OpenTree func(ctx context.Context) (lockstep.Tree, error)
	// Checkpoint is that of the last recorded step, nil before the first.
	Checkpoint []byte
	// Intent is what a step declared it would execute, once that is committed.
	Intent string
	// Baseline is what the resource's last ended attempt returned in its End, nil
	// if there is none.
	Baseline []byte
	// StartedAt is when the attempt was created.
	StartedAt time.Time
	// Now is the time of this step.
	Now time.Time
}

// A Step is the result of one call of Advance.
type Step struct {
	Events     []lockstep.Event // in order; a zero Time becomes the step's time
	Checkpoint []byte           // for the next step; nil keeps the last one
	// Intent, if not "", is committed before Advance is called again. From then on
	// the attempt is followed to its end and cannot be superseded.
	Intent string
	// Plan, if not nil, is what the attempt proposes from now on. A driver returns it
	// at the latest with the intent to execute it. The zero Plan withdraws the
	// proposal.
	Plan *lockstep.Plan
	// ContinueAfter is how long after this step the next one is due. Zero is at once.
	ContinueAfter time.Duration
	// End, if not nil, ends the attempt.
	End *End
}

// An End is how an attempt ended without an error.
type End struct {
	Outcome lockstep.Outcome // Applied, Unchanged or Failed
	// Baseline is kept for the resource's next attempt. Nil keeps the present one.
	Baseline []byte
	// Reason is a sentence that explains a Failed outcome to the driver's caller.
	// The attempt's owner reads it in the last event.
	Reason string
	// Blocked, if not nil, also creates a blocker.
	Blocked *lockstep.Error
}

// A Discoverer finds the deployment files of a tree.
type Discoverer interface {
	Discover(ctx context.Context, files lockstep.Tree, d lockstep.Discovery) (Discovered, error)
}

// An Encoder writes deployment files.
type Encoder interface {
	// Encode returns the text of a deployment file. The error is Invalid if no
	// deployment file can express the deployment.
	Encode(deployment Deployment) ([]byte, error)
	// Equal reports whether two deployment files ask for the same deployment.
	Equal(a, b []byte) bool
}

// A Deployment is the content of a deployment file.
type Deployment struct {
	Template   string // path from the repository's root
	Parameters map[string]string
	Tags       map[string]string
}

// Discovered is what discovery found in a tree, each list in path order.
type Discovered struct {
	Files []DeploymentFile
	// Candidates are templates that no deployment file names.
	Candidates []string
}

// A DeploymentFile is one file that asks for a sync configuration.
type DeploymentFile struct {
	Path string
	Name string // a valid resource name made from the path, not yet unique
}
