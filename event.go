package lockstep

import "time"

// An Event is a fact inside an attempt, written for the attempt's owner.
type Event struct {
	Time       time.Time
	Type       string // a constant such as CHANGESET_CREATION_SUCCEEDED
	Message    string // a sentence; on the wire it is called Event
	ExternalID string // what the fact is about: an ARN, a stack id, a SHA; "" for none
}

// MaxMessage is the longest message of an event, in bytes.
const MaxMessage = 2000
