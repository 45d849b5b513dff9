// Package sandbox is a CloudFormation endpoint that provisions nothing.
//
// It speaks the Query protocol of CloudFormation and STS, so that production
// clients, the AWS CLI and boto3 talk to it. Templates are evaluated for real
// (room template), resources get made-up ids and attributes (room catalog), and
// what an operation does to a stack and when is computed as a whole when it
// starts (room rollout).
//
// The books are an SQLite database. Everything is committed before the answer.
// Starting an operation writes its whole course: events and states with the
// times at which they come true. A reader sees what has come true by now, so
// states in progress need no worker, and a sandbox that was closed in the middle
// goes on where the clock says. Deleting a stack while it is being created drops
// the part of the course that lies ahead.
//
// Books are kept apart by account and region: the account is the access key's
// (keys from AssumeRole carry the role's), the region the signature's.
//
// What templates read from outside comes from the books as well: exports, and
// parameters of type AWS::SSM::Parameter::Value, which stacks here have made.
// Only machine images below /aws/service/ are made up, as resources are.
//
// What is checked is what CloudFormation checks before it calls any service: the
// template, parameters, capabilities, names, states, exports. What is not
// (properties, permissions, quotas) is said in the last event of every
// operation; what cannot be evaluated is refused with a reason that says so.
package sandbox
