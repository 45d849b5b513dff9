// Package provider is the contract with Git hosts.
//
//	            Driver.Open(repository)
//	connection ───────────────────────▶ Client ─┬─ Heads, Files: every driver
//	                                            └─ statuses, comments, pull requests, webhooks:
//	                                               where the host has the capability
//
// # Drivers
//
// There is a folder for each kind of host, and each driver knows this contract and
// no other driver. All have the same files where the host has the capability:
// driver.go, client.go, check.go, status.go, comment.go, propose.go and webhook.go.
// A new driver is a folder and a line in internal/server/drivers.go: what the server
// and the command line need to know of a provider type is in the driver's [Metadata].
//
// # Capabilities
//
// A driver reads. What one host can do beyond that is an interface of its own
// (capability.go), which a Driver or a Client also has.
//
// Two packages are tools of all drivers: gitremote reads a repository by Git's own
// protocol, rest calls a host's JSON API. Both reach only what the server's network
// options allow.
//
// # Errors
//
// Errors are *lockstep.Error: Unavailable where time heals it (network, 5xx, 429),
// Denied where a credential is refused, NotFound where the repository or the commit
// does not exist, Exists for a conflict, Invalid for what can never work as it is,
// Limit where a repository is larger than what is read. Messages name host and path,
// never a credential.
package provider
