// Package identity says who calls and what they may do.
//
// A caller signs with an access key, which belongs to a principal: a name in an
// account, with a role. Keys lie in the table access_key, their secrets sealed
// together with account, name and role: whoever can write to the database but
// has no seal key can disable a key, yet neither move one to another account
// nor make a reader an admin.
//
// Key ids begin with LSAK, so that ours and those of AWS (AKIA, ASIA) are told
// apart wherever one shows up in the wrong place; LooksLikeAWS does.
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
// # Roles
//
// An admin may do everything in its account, a reader only what reads. Policies
// will refine that; until then two roles are all there is (docs/adr).
package identity
