// Package transport carries Git's protocol to a server, over HTTP(S) and over SSH.
//
//	Open(URL, Auth, Network) ─▶ Transport ─┬─ Advertise: what the server can do
//	                                       └─ Command: one request, one answer
//
// # Credentials
//
// An [Auth] belongs to one scheme, host and port and is sent nowhere else. It shows
// nothing of itself when it is printed or logged.
//
// # Addresses
//
// A [Network] checks addresses where they are dialled, after name resolution.
// Link-local and metadata addresses are always refused; private and loopback ones
// unless they are allowed. Behind a proxy, which resolves names itself, only the
// addresses that a URL spells out can be checked.
//
// # Redirects
//
// Only the advertisement follows redirects, at most three. On its own origin the
// commands then go to the new URL. Another origin is contacted without the
// credential, and its answer is not used: the error names it, because a person
// decides from where a repository is read.
package transport
