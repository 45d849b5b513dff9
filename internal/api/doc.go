// Package api holds the operations on hosts, connections, repository links, sync
// configurations and syncs: those of AWS CodeConnections and AWS CodeStar
// Connections, and those that Lockstep adds.
//
// # Operations
//
// An operation is a method of [Service]. It takes an [access.Caller] and a request
// of package wire, and returns a response. The method is the whole use case: the
// HTTP handler (package apiserver) and "lockstep up" call it alike. Code in the same
// process looks up a principal by its access key:
//
//	principal, _, err := directory.Lookup(ctx, accessKeyID, "")
//	...
//	caller, err := service.NewCaller(ctx, principal, region, "codeconnections")
//	...
//	output, err := service.CreateHost(ctx, caller, &wire.CreateHostInput{...})
//
// Package awsjson validates the shapes of a request before it calls an operation.
// Code in the same process must pass valid shapes itself.
//
// # Transactions
//
// An operation runs in one transaction, together with what the engine does: a sync
// configuration and the request to sync it are committed together or not at all.
// Operations that call a Git host do so outside of transactions.
//
// # Visibility
//
// The account and the region are the caller's. A resource of another account or
// region is not found, and so is a resource that the caller may not read. Lists,
// their counts, pages and tokens are as if such resources did not exist. As at AWS,
// three things show nevertheless: that a name is taken, that a quota is reached, and
// that a resource is in use.
//
// The ARN of a new resource has the prefix of the service that was called. A
// resource that the other service created is returned as it is.
//
// # Errors
//
// Operations return *[lockstep.Error]. Package apiserver turns its kind into the
// exception of an operation.
package api
