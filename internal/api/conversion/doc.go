// Package conversion converts between the types of the root package and the shapes
// of the API (package wire). It decides nothing: what a caller may see, and what is
// valid, is decided by the operations of package api.
package conversion
