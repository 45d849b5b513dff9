// Package awsjson speaks AWS JSON 1.0 and knows no operation.
//
// A [Mux] is an http.Handler for several services on one port. A request says
// in X-Amz-Target which operation of which service it wants, by the service's
// full prefix or by the prefix's last segment. In this order the Mux checks the
// method, the content type, the target and the size, asks [Options.Authenticate],
// decodes and validates the input, calls the operation, and encodes what it
// returns. Nothing of a body is looked at before its sender is known.
//
// Operations are plain functions, registered with [Handle]. What a structure
// looks like is read from its Go type then, once (see [Handle] for the rules), so
// that a request costs no look at tags and compiles no pattern. What a shape
// demands comes with the [Service].
//
// Decoding is AWS's: names are matched by case, unknown members are ignored, a
// null is an absent member, a wrong JSON type is a SerializationException.
// Validation is AWS's as well: all broken constraints are counted, the text is
// AWS's, and cut at 600 characters. Three limits are ours: 1 MB a body, 64
// levels of nesting, and no U+0000 inside a string, which PostgreSQL could not
// store.
//
// Errors become answers in one place: an [Error] as it is, everything else
// through [Options.Errors]. A panic is logged with its stack and answered as
// InternalFailure.
package awsjson
