// Package httpserver serves HTTP on one address with everything that bounds a client.
//
// # Listeners
//
// [Listen] binds the address of a setting; its error names the process that already uses the port.
// [New] makes a [Listener] that serves a handler there. Each listener has its own limits:
//
//   - connections: a fixed number at once. The next one waits in the system's accept queue, and the
//     connections that have been idle longest are closed for it.
//   - connections of one client, an IPv4 address or an IPv6 network of 64 bits: the next one
//     replaces one that is idle or whose request has not arrived whole, or is closed.
//   - time: for a header, a small body, a request, an answer and the pause between two requests.
//   - size: of headers, and of the number of large bodies held in memory at once.
//
// HTTP/2 is off: one connection would carry many requests, and the limit on connections would bound
// nothing.
//
// # Loopback
//
// On a loopback address a listener answers only requests for a loopback host, so that a page in a
// browser on the same machine cannot call it under another name (DNS rebinding).
//
// # TLS
//
// A [Certificate] is a chain and a private key in two files. Handshakes notice within a second that
// the files have changed; a pair that cannot be used leaves the current one in use, and is logged.
//
// The package neither routes nor authenticates requests.
package httpserver
