// Package rest calls the JSON APIs of Git hosts for the drivers.
//
// Requests go over the server's network options, so that only allowed addresses are
// dialled. The credential is sent to one origin and to no other, and every response
// is bounded.
//
// A driver that uses a host's own library passes it [Client.HTTP] and turns its errors
// into domain errors by [Client.TransportError] and [Client.ResponseError]. A driver
// without one calls [Client.Do].
//
// # Redirects
//
// Redirects of GET are followed on the same origin, as after a repository was renamed.
// All others are errors that name the target.
//
// # Errors
//
// Errors are *lockstep.Error: Denied where the credential is refused, NotFound, Exists
// for a conflict, Invalid for what the host never accepts, Unavailable for the network,
// 5xx and rate limits, with a [provider.RetryAfterError] if the host said how long.
// They name method and address, and never the credential, even if the host repeats it.
package rest
