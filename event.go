package lockstep

import "time"

// An Event is one line of an attempt's history, written for the owner of the
// resource.
type Event struct {
	Time       time.Time
	Type       string // a constant such as CHANGESET_CREATION_SUCCEEDED
	Message    string // a sentence; the API calls it Event
	ExternalID string // the subject: an ARN, a stack id or a SHA; "" if there is none
}

// MaxMessage is the maximum length of an event's message, in bytes.
const MaxMessage = 2000
