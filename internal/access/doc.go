// Package access decides what the caller of an operation may do, see and have,
// and how often it may ask.
//
// # Callers
//
// A [Caller] is an authenticated principal together with the policies of its
// account.
//
// # Authorization
//
// A [Subject] is a resource that an action is to be performed on. An operation
// authorizes each resource that it reads or changes within the transaction that
// does so:
//
//	host, err := store.LockHost(tx, caller.Account, caller.Region, arn)
//	if err != nil {
//		return err
//	}
//	if err := caller.Authorize(tx, "codeconnections:DeleteHost", access.HostSubject(host)); err != nil {
//		return err
//	}
//
// A resource that the caller may not read is not found, in the same words as one
// that does not exist. A resource that it may read but not change is denied. Where
// the policies allow an action on every resource of a type, the resource is not
// described, which saves reading its tags.
//
// # Lists
//
// [Visible] reads a page of the resources that the caller may read. [List] makes
// and checks page tokens; a token is bound to its list, filters and principal.
//
// # Quotas and rates
//
// [Quotas] bound how many resources an account has, [Rates] how many requests a
// principal sends.
//
// Package access does not evaluate policies, which is package policy's part, and
// does not authenticate, which is package apiserver's.
package access
