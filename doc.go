// Package lockstep is the vocabulary of the product: what a host, a
// connection, a repository link, a sync configuration, a revision, an
// attempt, an event and a blocker are, and who has to act on an error.
//
// Every room speaks these words, and the words speak of nothing else: the
// package imports only the standard library and does no I/O. Where AWS has a
// word, ours is that word; the AWS spelling (Arn, Id, ResourceName) appears
// only in the shapes of the wire.
package lockstep
