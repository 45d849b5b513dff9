// Package awsjson implements the server side of the AWS JSON 1.0 protocol. It knows
// no operation.
//
// A [Mux] is an http.Handler for several services on one port. X-Amz-Target names
// the operation and the service, by the service's prefix or the prefix's last
// segment. The Mux handles a request in this order:
//
//	method → content type → target → Authenticate → size → Verify → decode → validate → operation → encode
//
// The body is decoded only after its sender is authenticated.
//
// # Operations
//
// Operations are plain functions, registered with [Handle]. Their input and output
// are structs, which are read by reflection once, at registration. The constraints
// of their members come with the [Service].
//
// # Decoding
//
// As at AWS, names are case-sensitive, unknown members are ignored, null means
// absent, and a value of the wrong JSON type is a SerializationException. All
// violated constraints are counted and described in AWS's words, in at most 600
// characters. Three limits are Lockstep's own: a body has at most 1 MiB and 64
// levels of nesting, and strings cannot contain U+0000, which PostgreSQL cannot
// store.
//
// # Errors
//
// An [Error] is the response as it is. All other errors go through [Options.Errors].
// A panic is logged with its stack and answered with InternalFailure.
package awsjson
