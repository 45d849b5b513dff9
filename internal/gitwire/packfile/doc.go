// Package packfile reads packs from a stream, within limits.
//
//	PACK header ─▶ object ─▶ object ─▶ … ─▶ checksum
//	                 │
//	                 ├─ whole: inflate, hash, keep or drop
//	                 └─ delta: apply to its base, or wait until the base arrives
//
// # Limits
//
// A [Policy] bounds the number of objects, the size of each, the bytes that stay in
// memory, and the bytes that are inflated at all. Each bound is checked before
// memory is taken. A blob that is larger than wanted, or finds no room, is dropped;
// everything else above a bound is an error.
//
// # Deltas
//
// Deltas are resolved as they arrive, without recursion. The base may be outside the
// pack (a thin pack), where Policy.Base finds it. A delta whose base never arrives
// is left out, so that its object is missing from the result.
//
// Packs of SHA-256 repositories, indexes, and packs on disk are not read.
package packfile
