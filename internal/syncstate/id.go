package syncstate

import "github.com/google/uuid"

// newID returns a UUID that sorts by time, so that ids sort in the order in which
// attempts began.
func newID() string { return uuid.Must(uuid.NewV7()).String() }
