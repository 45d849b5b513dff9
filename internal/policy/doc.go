// Package policy decides who may do what.
//
// Policies are written in Cedar (https://docs.cedarpolicy.com). All policies of
// an account, and the ready-made ones of this package, make a [Set]; what no
// policy permits is denied, and what one forbids is denied whatever others
// permit. The room is pure: it neither reads nor keeps anything.
//
// # What a policy speaks of
//
// Actions are the names that IAM has for the operations, such as
// codeconnections:GetConnection, by whichever of the two AWS services a call
// comes; iam:PassRole; and lockstep: for Lockstep's own. Each is in one group,
// so that a policy may say action in Action::"Read": Read, Operate (start a
// sync, resolve a blocker), Configure, Administer (keys, policies, roles).
//
// Principals are User::"name", who has an access key, and Session::"role/name",
// who came with another issuer's token and is in Role::"role". Either may be in
// one of the ready-made roles: Role::"reader", Role::"operator", Role::"admin".
//
// Things are Host, Connection, RepositoryLink and SyncConfiguration, all in the
// Account; a link is in its connection, a configuration in both. IamRole, for
// iam:PassRole, is in nothing. A connection's host is an attribute: see ADR 10.
// [Schema] has it all, with every attribute.
//
// # How it is decided
//
// A [Set] has a plan for each question of principal, action and type of thing.
// Where scopes alone answer it, it is settled: reading a status then costs no
// look at the resource's tags. Otherwise Cedar evaluates the statements whose
// scopes leave them open. [Set.Decide] always does both, so that what is settled
// cannot differ from what is decided.
//
// [Check] is stricter than [Compile]. A text is checked when it is stored;
// compiled, whenever the server starts, maybe by a later version that knows more
// or less. There a permit that makes no sense any more permits nothing and a
// forbid denies.
package policy
