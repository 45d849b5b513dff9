// Package sshpool keeps SSH connections to Git servers and runs commands on them.
//
//	Pool.Start(peer, command) ─▶ idle connection or dial ─▶ Session ─▶ Close: kept or closed
//
// # Connections
//
// A connection carries one session at a time and serves one user with one private
// key: connections are shared among requests of an equal [Peer] alone. At most eight
// connections to one address are in use at once. A kept connection that turns out to
// be dead is replaced.
//
// # Host keys
//
// A server proves itself by a key of the known_hosts file, or by one that the large
// Git hosts publish. No other key is accepted, not even the first time.
//
// No terminal, no forwarding, no password and no agent is used.
package sshpool
