// Package policy authorizes requests by Cedar policies.
//
// Policies are written in Cedar (https://docs.cedarpolicy.com). The policies of an account
// and those of the built-in roles form a [Set]. What no policy permits is denied, and a forbid
// overrides every permit.
//
// # Schema
//
// Actions have the names that IAM uses for the operations, such as
// codeconnections:GetConnection, for both AWS services; iam:PassRole; and lockstep: for
// Lockstep's own. Each action is in one group, so that a policy may say action in
// Action::"Read": Read, Operate (start a sync, resolve a blocker), Configure, Administer (keys,
// policies, roles).
//
// Principals are User::"name", which has an access key, and Session::"role/name", which has
// assumed Role::"role" with a web identity token. Either may be in a built-in role:
// Role::"reader", Role::"operator", Role::"admin".
//
// Resources are Host, Connection, RepositoryLink and SyncConfiguration, all in the Account. A
// link is in its connection, a configuration in both. IamRole, for iam:PassRole, is in nothing.
// A connection's host is an attribute: see ADR 10. [Schema] lists every attribute.
//
// # Evaluation
//
//	principal, action, resource type ──▶ scopes ──▶ decided ────────▶ Decision
//	                                       │
//	                                       └──▶ residual statements ──▶ Cedar ──▶ Decision
//	                                              resource, context ──────┘
//
// A [Set] evaluates the scopes of its statements once for each principal, action and resource
// type. If the scopes alone decide, [Set.DecideByType] returns the decision and the caller does
// not have to read the resource's tags. Otherwise Cedar evaluates the remaining statements.
// [Set.Decide] uses the same partial evaluation, so that the two cannot differ.
//
// # Validation
//
// [Validate] is stricter than [Compile]. A text is validated when it is stored. It is compiled
// whenever a server starts, perhaps by a later version with another schema: there, a permit
// that refers to unknown names permits nothing and a forbid denies.
//
// # Limits
//
// The package stores nothing, reads no resource and does not know which operation needs which
// action.
package policy
