// Package repository reads the repositories of links and calls the APIs of their Git
// hosts.
//
// # Clients
//
// [Repositories.Open] reads the link, its connection, host and credential from the
// database, and returns a client of the provider's driver. Clients are cached by
// link. A client is opened again if anything it was opened with has changed.
//
//	link ──▶ connection, host, credential ──▶ provider driver ──▶ Repository
//	              (one snapshot)               (cached client)     │
//	                                                               ├─ Head
//	                                                               ├─ Tree
//	                                                               └─ As[T]: what only
//	                                                                  some hosts can do
//
// # Slots
//
// A job takes a slot of its Git host while it uses it ([Repositories.ReserveHost],
// [Repositories.OpenInSlot]). Without a free one it is tried again later ([RetryAt]), so
// that a host that answers slowly cannot occupy all workers. Callers that are not jobs
// take no slot.
//
// # Errors
//
// An error of the Git host keeps its kind. A branch that does not exist is NotFound
// and names the repository and the branch. A connection without a credential is
// Denied. A host without a capability is Invalid and wraps provider.ErrUnsupported.
//
// # Changes at the host
//
// People ask Lockstep to register webhooks ([Repositories.RegisterWebhook]) and to
// open a pull request with a deployment file ([Repositories.Propose]). Neither may be
// called within a transaction.
//
// The package does not decide what is synced, writes no rows, and never puts a file
// of a repository on disk.
package repository
