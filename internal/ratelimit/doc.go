// Package ratelimit limits how often a client network may send unauthenticated
// requests.
//
// A [Limiter] keeps one token bucket per network: an IPv4 address, or an IPv6
// network of 64 bits, which is what one subscriber gets. Its memory is bounded.
// Beyond the bound, networks share a bucket with those that are near them in the
// address space, so that a client with many networks does not slow down others.
//
// It does not read X-Forwarded-For. Behind a proxy all clients share the proxy's
// bucket: check what a request proves first, and count only those that prove
// nothing. Each node counts for itself.
package ratelimit
