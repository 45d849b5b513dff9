// Package giterr classifies what goes wrong while a Git repository is read, by who
// has to act.
//
// Every package below gitwire wraps one of the sentinels of this package; compare
// with errors.Is. [Wrap] makes the [Error] that callers of gitwire see: it names the
// repository, hides the credential, and takes an error without a sentinel for one of
// the network, which heals with time.
//
// A server's own words are quoted on one line and cut ([Quote]).
package giterr
