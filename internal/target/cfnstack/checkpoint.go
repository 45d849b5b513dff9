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
	phaseBundle   phase = ""
	phaseCreate   phase = "create"
	phaseDescribe phase = "describe"
	phaseExecute  phase = "execute"
	phaseFollow   phase = "follow"
	phaseCleanUp  phase = "clean"
)

// stateVersion is that of the fields of memory and note. A newer one is
// refused: a program that was set back must not guess.
const stateVersion = 1

// checkpoint is what an attempt remembers from step to step. It holds no value of
// a parameter.
type checkpoint struct {
	Version         int   `json:"v"`
	Phase           phase `json:"phase,omitempty"`
	ChangeSetNumber int   `json:"number,omitempty"`  // of the change set in this attempt, from 1
	ExportRetries   int   `json:"awaited,omitempty"` // change sets that waited for an export
	// StaleChangeSet is the ARN of a change set that was given up. It is deleted a step
	// later, so that a crash does not take it for deleted by something else.
	StaleChangeSet string `json:"stale,omitempty"`
	// ChangeSetName is the change set's and, as the request token, its execution's. It is
	// remembered before the change set is created.
	ChangeSetName string `json:"name,omitempty"`
	// CreatesStack says that the change set creates the stack.
	CreatesStack bool `json:"create,omitempty"`
	// StackWasMissing says that there was no stack of the name when the change set was
	// about to be created. The one that it creates is then ours, and Shell is
	// its ARN once that is known.
	StackWasMissing bool   `json:"missing,omitempty"`
	CreatedStack    string `json:"shell,omitempty"`
	StackARN        string `json:"stack,omitempty"`      // ARN
	ChangeSetARN    string `json:"change_set,omitempty"` // ARN
	// PreviousParameters are the parameters that keep the value they have in the stack.
	PreviousParameters []string  `json:"previous,omitempty"`
	ProposedAt         time.Time `json:"proposed,omitzero"` // the change set's creation by the endpoint's clock
	PollCount          int       `json:"polls,omitempty"`   // in this phase
	HasSecret          bool      `json:"secret,omitempty"`  // the file gives a NoEcho parameter
	InspectedAt        time.Time `json:"looked,omitzero"`   // when the stack was looked at
	BundleEmitted      bool      `json:"bundled,omitempty"` // the events of bundling are known

	LastEventID    string    `json:"last_event,omitempty"` // id of the newest stack event seen
	LastEventTime  time.Time `json:"last_time,omitzero"`   // its time by the endpoint's clock
	ResourceEvents int       `json:"shown,omitempty"`      // stack events made known
	IsRollingBack  bool      `json:"rolling,omitempty"`    // a rollback has begun
	EndStatus      string    `json:"ended,omitempty"`      // the stack's last status, as its events say
	EndReason      string    `json:"end_reason,omitempty"` // and what they add to it
	Cause          *cause    `json:"cause,omitempty"`

	Outcome lockstep.Outcome `json:"outcome,omitempty"` // while cleaning
	Reason  string           `json:"reason,omitempty"`
}

// decodeCheckpoint reads a memory; the empty one is an attempt's beginning.
func decodeCheckpoint(b []byte) (checkpoint, error) {
	decoded := checkpoint{Version: stateVersion}
	if len(b) == 0 {
		return decoded, nil
	}
	if err := json.Unmarshal(b, &decoded); err != nil {
		return decoded, lockstep.Wrapf(lockstep.Internal, err, "The attempt's memory is not legible.")
	}
	if decoded.Version != stateVersion {
		return decoded, lockstep.Errorf(lockstep.Internal, "The attempt's memory has version %d.", decoded.Version)
	}
	return decoded, nil
}

// forNextChangeSet is what an attempt remembers that makes another change set.
func (m checkpoint) forNextChangeSet() checkpoint {
	return checkpoint{
		Version: stateVersion, ChangeSetNumber: m.ChangeSetNumber, ExportRetries: m.ExportRetries, StaleChangeSet: m.ChangeSetARN, CreatedStack: m.CreatedStack, BundleEmitted: true,
	}
}

// A note is what a resource's attempts leave for the next one: how the stack
// looked when we had last changed it.
type baseline struct {
	Version  int    `json:"v"`
	StackARN string `json:"stack,omitempty"` // ARN
	// UpdatedAt is when the stack was last updated, zero if never or unknown.
	UpdatedAt time.Time `json:"updated_at,omitzero"`
	// SeenAt is when our change was over by the endpoint's clock.
	SeenAt time.Time `json:"seen_at,omitzero"`
	// Accepted says that the stack is taken as it is found.
	Accepted bool `json:"accepted,omitempty"`
}

func (n baseline) encode() []byte {
	n.Version = stateVersion
	b, err := json.Marshal(n)
	if err != nil { // cannot be: the fields are plain
		return nil
	}
	return b
}

// decodeBaseline reads the note of the last attempt; nil where nothing is to be compared.
func decodeBaseline(a target.Attempt) *baseline {
	var baseline baseline
	if len(a.Baseline) == 0 || json.Unmarshal(a.Baseline, &baseline) != nil || baseline.Accepted || baseline.StackARN == "" {
		return nil
	}
	return &baseline
}
