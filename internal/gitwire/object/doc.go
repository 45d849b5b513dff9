// Package object knows the objects of a Git repository: ids, commits, the entries of
// trees, and the names of refs.
//
// Nothing that it parses is trusted. The id of an object is the hash of its bytes,
// with detection of SHA-1 collisions. Names in trees are checked, so that a path made
// of them cannot lead elsewhere. Refs have full names within the rules of
// git check-ref-format.
package object
