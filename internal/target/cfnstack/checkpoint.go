package cfnstack

import (
	"encoding/json"
	"time"

	"github.com/lockstephq/lockstep"
	"github.com/lockstephq/lockstep/internal/target"
)

// A phase is what an attempt does next. Its values are stored in checkpoints.
type phase string

const (
	phaseBundle   phase = ""
	phaseCreate   phase = "create"
	phaseDescribe phase = "describe"
	phaseExecute  phase = "execute"
	phaseWait     phase = "follow"
	phaseCleanUp  phase = "clean"
)

// stateVersion is the version of the fields of checkpoint and baseline. A newer
// one is refused, since a downgraded program must not guess.
const stateVersion = 1

// A checkpoint is what an attempt keeps from step to step. It has no values of
// parameters.
type checkpoint struct {
	Version int   `json:"v"`
	Phase   phase `json:"phase,omitempty"`
	// ChangeSetNumber is that of the change set in this attempt, from 1.
	ChangeSetNumber int `json:"number,omitempty"`
	// ExportRetries counts the change sets that failed for a missing export.
	ExportRetries int `json:"awaited,omitempty"`
	// StaleChangeSet is the ARN of a replaced change set. It is deleted a step
	// later, so that a crash does not look like a deletion by something else.
	StaleChangeSet string `json:"stale,omitempty"`
	// ChangeSetName is also the request token of the execution. It is recorded
	// before the change set is created.
	ChangeSetName string `json:"name,omitempty"`
	ChangeSetARN  string `json:"change_set,omitempty"`
	// CreatesStack is set if the change set creates the stack.
	CreatesStack bool   `json:"create,omitempty"`
	StackARN     string `json:"stack,omitempty"`
	// Executions counts the calls that executed the change set.
	Executions int `json:"executions,omitempty"`
	// PreviousParameters keep the value that they have in the stack.
	PreviousParameters []string `json:"previous,omitempty"`
	// HasSecret is set if the deployment file has a NoEcho parameter.
	HasSecret bool `json:"secret,omitempty"`

	// CreatedAt is when the change set was created, by the endpoint's clock.
	CreatedAt time.Time `json:"proposed,omitzero"`
	// InspectedAt is when the stack was described for this change set.
	InspectedAt time.Time `json:"looked,omitzero"`
	// PollCount counts the polls of this phase.
	PollCount int `json:"polls,omitempty"`
	// BundleEmitted is set once the events of the bundle phase are emitted.
	BundleEmitted bool `json:"bundled,omitempty"`

	// LastEventID and LastEventTime are those of the newest stack event seen.
	LastEventID   string    `json:"last_event,omitempty"`
	LastEventTime time.Time `json:"last_time,omitzero"` // by the endpoint's clock
	// ResourceEvents counts the events of resources, to bound those emitted.
	ResourceEvents int `json:"shown,omitempty"`
	// OmittedEvents counts those that were not emitted.
	OmittedEvents int `json:"omitted,omitempty"`
	// IsRollingBack is set once a rollback has begun.
	IsRollingBack bool `json:"rolling,omitempty"`
	// EndStatus is the stack's last status by its events, EndReason its reason.
	EndStatus string `json:"ended,omitempty"`
	EndReason string `json:"end_reason,omitempty"`
	Cause     *cause `json:"cause,omitempty"`

	// Outcome and Reason are how the attempt ends after the cleanup.
	Outcome lockstep.Outcome `json:"outcome,omitempty"`
	Reason  string           `json:"reason,omitempty"`
}

// decodeCheckpoint reads a checkpoint. The empty one is an attempt's beginning.
func decodeCheckpoint(encoded []byte) (checkpoint, error) {
	decoded := checkpoint{Version: stateVersion}
	if len(encoded) == 0 {
		return decoded, nil
	}

	if err := json.Unmarshal(encoded, &decoded); err != nil {
		return decoded, lockstep.Wrapf(lockstep.Internal, err, "The attempt's checkpoint cannot be decoded.")
	}
	if decoded.Version != stateVersion {
		return decoded, lockstep.Errorf(lockstep.Internal,
			"The attempt's checkpoint has version %d; this program knows version %d.", decoded.Version, stateVersion)
	}

	return decoded, nil
}

// forNextChangeSet returns the checkpoint of an attempt that creates another
// change set.
func (c checkpoint) forNextChangeSet() checkpoint {
	return checkpoint{
		Version:         stateVersion,
		ChangeSetNumber: c.ChangeSetNumber,
		ExportRetries:   c.ExportRetries,
		StaleChangeSet:  c.ChangeSetARN,
		BundleEmitted:   true,
	}
}

// A baseline is the stack as the last attempt left it.
type baseline struct {
	Version  int    `json:"v"`
	StackARN string `json:"stack,omitempty"`
	// UpdatedAt is when the stack was last updated, zero if never or unknown.
	UpdatedAt time.Time `json:"updated_at,omitzero"`
	// SeenAt is when the attempt's change was complete, by the endpoint's clock.
	SeenAt time.Time `json:"seen_at,omitzero"`
	// Accepted is set if the next attempt accepts the stack as it is.
	Accepted bool `json:"accepted,omitempty"`
}

func (b baseline) encode() []byte {
	b.Version = stateVersion
	encoded, err := json.Marshal(b)
	if err != nil { // impossible: the fields are plain
		return nil
	}
	return encoded
}

// decodeBaseline returns the baseline of the last attempt, or nil if there is
// nothing to compare the stack with.
func decodeBaseline(attempt target.Attempt) *baseline {
	var decoded baseline
	if len(attempt.Baseline) == 0 || json.Unmarshal(attempt.Baseline, &decoded) != nil {
		return nil
	}
	if decoded.Accepted || decoded.StackARN == "" {
		return nil
	}
	return &decoded
}
