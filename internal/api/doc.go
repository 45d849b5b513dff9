// Package api holds the operations: those of AWS CodeConnections and CodeStar
// Connections that Lockstep answers, and Lockstep's own.
//
// # Operations are methods
//
// Each is a method of [Service] that takes who calls, a [Caller], and a struct
// of package wire, and returns another; the method is the whole use case, and
// whoever is not the HTTP handler calls it the same way. Files go by noun.
// routes.go says which service has which; what is not there is answered as an
// operation nobody knows. Package awsjson decodes and checks shapes before a
// method runs, so methods only check what shapes cannot say.
//
// A method opens one transaction and does everything in it, the engine's part
// included: a sync configuration and the request to sync it are committed
// together or not at all. Only GetRevisionSync leaves the database, to ask the
// Git host, and does so outside of any transaction.
//
// # Who sees what
//
// Account and region come with the caller: the account of the access key, the
// region of the signature's scope. What lies in another account or region is
// not found, in the very words of what does not exist.
//
// Whether the caller may do what it asks for is asked of each thing, by the
// policies of the account, within the transaction that reads or changes the thing
// (access.go). What the caller may not read is missing too, in the same words, and
// lists, their counts, pages and tokens are as if it were not there (visible.go).
// What it may read and not do is denied. Three things show all the same, as at AWS:
// that a name is taken, that a quota is reached, and that a thing is in use. Who may
// never call an operation, whatever the thing, is told so before a body is looked
// at (authenticate.go).
//
// The service through which a call came makes the prefix of new ARNs. What the
// other service has made is answered as stored.
//
// # Errors
//
// Methods return *lockstep.Error. One table (errors.go) turns an operation and
// a kind into the exception that the operation declares for it.
package api
