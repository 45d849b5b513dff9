package cfnstack

import (
	"encoding/json"
	"time"

	"github.com/lockstephq/lockstep"
	"github.com/lockstephq/lockstep/internal/target"
)

// A phase is what an attempt does next.
type phase string

const (
	bundling   phase = ""
	creating   phase = "create"
	describing phase = "describe"
	executing  phase = "execute"
	following  phase = "follow"
	cleaning   phase = "clean"
)

// memoryVersion is that of the fields of memory and note. A newer one is
// refused: a program that was set back must not guess.
const memoryVersion = 1

// memory is what an attempt remembers from step to step. It holds no value of
// a parameter.
type memory struct {
	Version int   `json:"v"`
	Phase   phase `json:"phase,omitempty"`
	Number  int   `json:"number,omitempty"`  // of the change set in this attempt, from 1
	Awaited int   `json:"awaited,omitempty"` // change sets that waited for an export
	// Stale is the ARN of a change set that was given up. It is deleted a step
	// later, so that a crash does not take it for deleted by something else.
	Stale string `json:"stale,omitempty"`
	// Name is the change set's and, as the request token, its execution's. It is
	// remembered before the change set is created.
	Name string `json:"name,omitempty"`
	// Create says that the change set creates the stack.
	Create bool `json:"create,omitempty"`
	// Missing says that there was no stack of the name when the change set was
	// about to be created. The one that it creates is then ours, and Shell is
	// its ARN once that is known.
	Missing   bool   `json:"missing,omitempty"`
	Shell     string `json:"shell,omitempty"`
	Stack     string `json:"stack,omitempty"`      // ARN
	ChangeSet string `json:"change_set,omitempty"` // ARN
	// Previous are the parameters that keep the value they have in the stack.
	Previous []string  `json:"previous,omitempty"`
	Proposed time.Time `json:"proposed,omitzero"` // the change set's creation by the endpoint's clock
	Polls    int       `json:"polls,omitempty"`   // in this phase
	Secret   bool      `json:"secret,omitempty"`  // the file gives a NoEcho parameter
	Looked   time.Time `json:"looked,omitzero"`   // when the stack was looked at
	Bundled  bool      `json:"bundled,omitempty"` // the events of bundling are known

	LastEvent string    `json:"last_event,omitempty"` // id of the newest stack event seen
	LastTime  time.Time `json:"last_time,omitzero"`   // its time by the endpoint's clock
	Shown     int       `json:"shown,omitempty"`      // stack events made known
	Rolling   bool      `json:"rolling,omitempty"`    // a rollback has begun
	Ended     string    `json:"ended,omitempty"`      // the stack's last status, as its events say
	EndReason string    `json:"end_reason,omitempty"` // and what they add to it
	Cause     *cause    `json:"cause,omitempty"`

	Outcome lockstep.Outcome `json:"outcome,omitempty"` // while cleaning
	Reason  string           `json:"reason,omitempty"`
}

// recall reads a memory; the empty one is an attempt's beginning.
func recall(b []byte) (memory, error) {
	m := memory{Version: memoryVersion}
	if len(b) == 0 {
		return m, nil
	}
	if err := json.Unmarshal(b, &m); err != nil {
		return m, lockstep.Wrapf(lockstep.Internal, err, "The attempt's memory is not legible.")
	}
	if m.Version != memoryVersion {
		return m, lockstep.Errorf(lockstep.Internal, "The attempt's memory has version %d.", m.Version)
	}
	return m, nil
}

// anew is what an attempt remembers that makes another change set.
func (m memory) anew() memory {
	return memory{
		Version: memoryVersion, Number: m.Number, Awaited: m.Awaited, Stale: m.ChangeSet, Shell: m.Shell, Bundled: true,
	}
}

// A note is what a resource's attempts leave for the next one: how the stack
// looked when we had last changed it.
type note struct {
	Version int    `json:"v"`
	Stack   string `json:"stack,omitempty"` // ARN
	// UpdatedAt is when the stack was last updated, zero if never or unknown.
	UpdatedAt time.Time `json:"updated_at,omitzero"`
	// SeenAt is when our change was over by the endpoint's clock.
	SeenAt time.Time `json:"seen_at,omitzero"`
	// Accepted says that the stack is taken as it is found.
	Accepted bool `json:"accepted,omitempty"`
}

func (n note) encode() []byte {
	n.Version = memoryVersion
	b, err := json.Marshal(n)
	if err != nil { // cannot be: the fields are plain
		return nil
	}
	return b
}

// last reads the note of the last attempt; nil where nothing is to be compared.
func last(a target.Attempt) *note {
	var n note
	if len(a.Baseline) == 0 || json.Unmarshal(a.Baseline, &n) != nil || n.Accepted || n.Stack == "" {
		return nil
	}
	return &n
}
