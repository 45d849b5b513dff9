// Package cfnstack syncs CloudFormation stacks, sync type CFN_STACK_SYNC. It
// works with AWS and with any other endpoint of the same protocol, and makes the
// same calls to both.
//
// # Phases
//
// A deployment file says what a stack should be. An attempt brings the stack
// there with one change set:
//
//	bundle ─▶ create change set ─▶ describe ─▶ execute ─▶ wait ─▶ end
//	  ▲                               │          │
//	  └── replace the change set ─────┴──────────┤  it is obsolete or deleted
//	                                  └──────────┴─▶ clean up ─▶ end
//	                                     nothing to change, or refused
//
// Each phase is recorded in the checkpoint before the next one acts.
//
// # Idempotence
//
// A change set has a name that is recorded before it is created, so that a
// repeated step finds it. Its ARN is the execute intent, and its execution status
// is read before it is executed. Request tokens are sent too, but not all
// endpoints keep them.
//
// # Changes by others
//
// An attempt leaves a baseline: the ARN of the stack and the time of its last
// update. If the stack differs from the baseline, the next attempt is Blocked
// instead of overwriting the change. Without a baseline the stack is accepted as
// it is.
//
// # Secrets
//
// The values that a deployment file has for NoEcho parameters leave the driver in
// CreateChangeSet only. They are redacted in every event, error, plan and
// checkpoint.
//
// # Endpoints
//
// Endpoints differ. The driver names stacks and change sets by ARN where it can,
// recognizes each form of "nothing to change", decides from DescribeStacks
// whether a stack is created or updated, and does not need timestamps, events,
// tags or tokens to be present.
//
// The driver adds nothing to the stack: a tag with the commit would make every
// sync an update of every resource. The commit and the attempt are in the name
// and the description of the change set. It does not detect drift, and it does
// not delete stacks that have resources.
package cfnstack
