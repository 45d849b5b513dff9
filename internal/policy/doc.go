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
// Things are Host, Connection, RepositoryLink and SyncConfiguration, each in
// what it hangs on and all in the Account; IamRole, for iam:PassRole. Their
// attributes are listed with [Resource].
package policy
