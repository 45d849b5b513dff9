// Package trigger notices that a branch moved and requests a repository sync.
//
// Polls are claimed from the database in batches (poll.go), by any number of
// nodes: the unit is the repository link, whose branches are all asked for in
// one request. A claim is a lease, so that the links of a node that died are
// looked at by another; a hint during a poll makes the next one due at once.
//
// Noticing is all that happens here. A sync resolves the head again when it
// starts, so nothing depends on the order in which polls end.
package trigger
