// Package gitremote reads a repository by Git's own protocol as the provider contract
// requires it. All drivers embed its [Client], whatever else their hosts can do.
//
// # Errors
//
// [Translate] turns the errors of gitwire into those of package provider: Unavailable
// for the network and 5xx, Denied for a refused credential, NotFound for an unknown
// repository or a commit that is gone, Limit for what is too large, Invalid for
// everything else that a person has to repair.
package gitremote
