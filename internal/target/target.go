// Package target is the contract with what a sync changes, one of the two
// walls of sockets: a folder per sync type. The engine decides when a resource
// is synced and with which commit; a driver says what a commit asks for (Plan)
// and brings the outside system there in short steps (Advance).
//
// A step is called again after a crash with the memory of the last step
// recorded, so it looks before it acts: a step done twice is a step done once.
// Waiting is never done inside a step: it returns and says when to be called
// again.
//
// Errors are *lockstep.Error and their kind decides the outcome: Unavailable
// is tried again with backoff, Invalid, NotFound, Denied and Limit end the
// attempt, Blocked ends it and stops the resource until a person removes the
// cause.
package target

import (
	"context"
	"time"

	"github.com/lockstephq/lockstep"
)

// A Driver carries out one sync type. It is safe for concurrent use.
type Driver interface {
	Type() lockstep.SyncType
	// Plan reads what cfg asks of a commit's files and names the inputs it
	// read. It changes nothing. When the files are wrong it returns the inputs
	// read so far beside the error, so that a later commit that mends them is
	// seen to concern the configuration.
	Plan(ctx context.Context, cfg lockstep.SyncConfiguration, files lockstep.Tree) (Plan, error)
	// Advance takes an attempt one step further and returns at once.
	Advance(ctx context.Context, a Attempt) (Step, error)
	// Discard removes what a superseded, cancelled or failed attempt has
	// proposed and not executed. It never undoes what was executed.
	Discard(ctx context.Context, a Attempt) error
}

// Inputs are the objects a plan was made of: path to object id (the tree's id
// for a folder, lockstep.NoObject for a missing file).
type Inputs map[string]string

// A Plan is what a commit asks for.
type Plan struct {
	Inputs Inputs
	// Document is the driver's own form of the plan. It is not stored.
	Document any
}

// An Attempt is one resource sync attempt as a driver sees it.
type Attempt struct {
	ID            string // unique over all installations
	Configuration lockstep.SyncConfiguration
	Revision      lockstep.Revision
	// Open gives the files of Revision, at any step, also after a crash.
	Open func(ctx context.Context) (lockstep.Tree, error)
	// Memory is what the last recorded step asked to remember, nil at first.
	Memory []byte
	// Intent is what a step declared it would execute, once that is committed.
	Intent string
	// Last is the note that the resource's last ended attempt left, nil if none.
	Last []byte
	// StartedAt is when the attempt was made.
	StartedAt time.Time
	// Now is the time of this step.
	Now time.Time
}

// A Step is what one call of Advance did.
type Step struct {
	Events []lockstep.Event // in order; a zero Time is filled with the step's time
	Memory []byte           // to be remembered; nil keeps what is
	// Intent, where not "", is committed before Advance is called again; from
	// then on the attempt is followed to its end and cannot be superseded.
	Intent string
	// Plan, where not nil, is what the attempt proposes from now on, told at the
	// latest with the intent to execute it; the zero Plan says that it proposes
	// nothing any more, nil keeps what is.
	Plan  *lockstep.Plan
	After time.Duration // call again after this long; zero is at once
	// End, where not nil, ends the attempt.
	End *End
}

// An End is how an attempt ended without an error.
type End struct {
	Outcome lockstep.Outcome // Applied, Unchanged or Failed
	// Note is kept with the resource for the next attempt (Attempt.Last); nil
	// keeps the one there is.
	Note []byte
	// Reason says in a sentence why Outcome is Failed, for whoever drives the
	// driver. The attempt's owner reads it in the last event.
	Reason string
	// Blocked, where not nil, also makes a blocker.
	Blocked *lockstep.Error
}

// A Discoverer finds the configurations that a tree asks for.
type Discoverer interface {
	Discover(ctx context.Context, files lockstep.Tree, d lockstep.Discovery) (Discovered, error)
}

// A Writer writes the files that ask for syncs.
type Writer interface {
	// Write gives the text of a configuration's file. Invalid where none could say
	// that.
	Write(w Wanted) ([]byte, error)
	// Same says whether two files ask for the same.
	Same(a, b []byte) bool
}

// A Wanted is what a configuration's file is to ask for.
type Wanted struct {
	Template   string // path from the repository's root
	Parameters map[string]string
	Tags       map[string]string
}

// Discovered is what a look through a tree found, each list in path order.
type Discovered struct {
	Files []Found
	// Candidates are templates that no deployment file names.
	Candidates []string
}

// A Found is one file that asks for a sync configuration.
type Found struct {
	Path string
	Name string // a legal resource name made from the path, not yet unique
}
