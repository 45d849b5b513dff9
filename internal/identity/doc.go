// Package identity authenticates callers and stores the access keys, web identity roles and
// policies of accounts.
//
//	access key ─────────────────────────────┐
//	                                        ├─▶ Directory.Verify ──▶ Principal ──▶ package policy
//	OIDC token ─▶ TokenExchange ─▶ session ─┘
//
// # Access keys
//
// An access key belongs to a principal: a name in an account, with a role. Its secret is sealed
// together with the account, name, role and expiry. Someone who can write to the database but
// has no seal key can disable a key or restore an old row, but cannot move a key to another
// account, promote a reader or postpone an expiry.
//
// Key ids begin with LSAK and those of sessions with LSSK, so that [IsAWSKeyID] can tell them
// from AWS's (AKIA, ASIA). Names that begin with "lockstep." are the server's own: an account
// can neither create, see nor change their keys.
//
// # Lookup
//
// A [Directory] caches opened keys for a few seconds, so that a signed request costs no read of
// the database. A disabled key works for that long at most; a new one works at once.
//
// Timing does not reveal which keys exist. A failed request costs one read of the database and
// one signature check, whether its key is unknown, disabled, or known and the signature invalid:
// an unknown key is checked against a dummy secret. Failures are not cached, so that invented
// keys cannot fill the cache.
//
// # Sessions
//
// A holder of another issuer's token, such as a CI job, may assume a [WebIdentityRole] that
// accepts the token and gets a key that expires within the hour. [TokenExchange] decides that
// and stores nothing: the session's token is a sealed box that any node can open. It contains a
// hash of the role's row, so that deleting or changing the role ends its sessions within
// [CacheFor]. A session needs its id and its token, a key has no token; any other combination is
// an unknown key, with the same error and the same cost.
//
// # Issuers
//
// The administrator of the server configures the issuers whose keys are fetched. An account
// cannot add one, because that would let it make the server send requests anywhere; it can store
// an issuer's public keys in a role instead. A token is checked as far as possible before any
// request is made.
//
// Neither the result nor its timing reveals whether a role exists, because the signature is
// verified for a missing role too. There is one exception: the holder of a token of an issuer
// that is not configured learns whether a role has that issuer's keys. A token can be used
// repeatedly until it expires.
//
// # Policies
//
// Policies are sealed in the table policy. [Directory.Policies] compiles them together with the
// built-in roles. One unusable policy denies everything to all but the account's admins, who can
// repair it. Sealing prevents a writer of the database from adding a policy, but not from
// removing one: permit less, rather than forbid, where that matters.
//
// # Limits
//
// The package verifies no request signatures itself (package sigv4 does) and does not decide
// what a principal may do (package policy does).
package identity
