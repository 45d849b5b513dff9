// Package apiserver serves the operations of packages api and iam over HTTP, in the
// JSON protocol of AWS.
//
//	request → signature → rate limit → policies → shape → operation → response
//
// Package awsjson implements the protocol and package sigv4 the signatures. This
// package has the routes (routes.go), authentication (authenticate.go) and the
// exceptions that errors become (exception.go).
//
// # Authentication
//
// The scope, the date and the access key of a request are checked before its body is
// read, the signature before it is decoded. Failures are limited by address
// (ratelimit): further ones are answered without their reason. A caller that may never
// perform an operation, on any resource, is denied at once, as at AWS. What it may
// do with one resource is decided by the operation, with package access. A
// response of an operation that has not consulted the policies is withheld.
//
// # Errors
//
// Operations return *[lockstep.Error]. A table turns an operation and a kind into
// the first fitting exception that the operation's model declares. Only
// UpdateSyncBlocker distinguishes further.
//
// Package apiserver does not listen. A server that listens on a loopback
// address must refuse unknown Host headers first.
package apiserver
