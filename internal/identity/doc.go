// Package identity says who calls, and holds what their account has said of what
// they may do.
//
// A caller signs with an access key, which belongs to a principal: a name in an
// account, with a role. Keys lie in the table access_key, their secrets sealed
// together with account, name, role and end: whoever can write to the database
// but has no seal key can disable a key, or put back a row as it once was, yet
// neither move a key to another account, nor make a reader an admin, nor prolong
// it. Key ids begin with LSAK and those of sessions with LSSK, so that ours and
// those of AWS (AKIA, ASIA) are told apart wherever one shows up in the wrong
// place; LooksLikeAWS does. Names that begin with "lockstep." are the server's
// own: an account can neither make, see nor change their keys.
//
// # Looking keys up
//
// A Directory opens keys and keeps the opened ones for a few seconds, so that a
// signed request costs no read of the database. A key that was disabled goes on
// working for that long at most; one that was just made works at once.
//
// Time tells nobody which keys exist: a request that fails has cost one read of
// the database and one check of a signature, whether its key is unknown,
// disabled, or known and the signature wrong. Directory.Verify sees to that; the
// secret that an unknown key is checked against is made up. And since a failure
// leaves nothing in memory, made-up keys cannot fill it.
//
// # Sessions
//
// Whoever holds a token of another issuer, as a CI job does, may assume a
// [WebIdentityRole] that the token fits, and gets a key that ends within the
// hour. [WebIdentities] decides that, and nothing of it is stored: the session's
// token is a sealed box with all there is to know, so that any node takes it. It
// also holds a hash of the role's row: a role that is deleted or changed ends its
// sessions as a disabled key ends, within CacheFor. A session needs its id and
// its token, a key has none; any other pair is an unknown key, in the same words
// and for the same cost.
//
// Which issuers are asked for their keys is up to whoever runs the server; an
// account can name none of its own, for that would let it make the server ask
// anybody for anything. It may give a role the issuer's public keys instead. A
// token is refused for what it says before anybody is asked. Neither an answer
// nor the asking tells whether a role exists, for the signature is looked at for a
// role that is not there as well. One exception: who has a token of an issuer that
// is not asked learns whether a role holds that issuer's keys, since only then can
// the token be proven. A token may be shown again until it ends.
//
// # Policies
//
// An account's policies lie sealed in the table policy. Directory.Policies gives
// them compiled, together with the built-in roles, as package policy decides by
// them. One stored policy that cannot be used closes its account to all but the
// admins, who must be able to mend it; it opens nothing. Sealing keeps a writer
// of the database from granting anything by a text of theirs, but not from taking
// a policy away: where a forbid must stand against such a writer, permit less
// instead.
package identity
