// Package cfnstack syncs CloudFormation stacks, sync type CFN_STACK_SYNC. It
// speaks to AWS or to any other endpoint of the same protocol, with the same
// calls.
//
// A commit says what a stack should be by a deployment file (Plan); an attempt
// brings the stack there by one change set (Advance): bundle, create, describe,
// execute, follow, end. Each step is written down before the next one acts:
//
//	bundle ─▶ create ─▶ describe ─▶ execute ─▶ follow ─▶ end
//	            ▲           │          │
//	            └─ again ───┴──────────┘   the change set or the stack is gone
//	                        └─▶ clean up ─▶ end   nothing to change, or refused
//
// Never done twice: the change set's name is remembered before it is created
// and looked for first; its ARN is the intent, and its execution status is
// read before it is executed. Request tokens are only the second line, since
// not every endpoint keeps them.
//
// Nothing of ours reaches the stack: a tag that carries a commit would make
// every sync an update of every resource. Commit and attempt stand in the
// change set's name and description.
//
// What others did is not overwritten: an attempt leaves a note of the stack it
// ended with (ARN, time of the last update), and the next one is Blocked where
// the stack differs. Without a note the stack is taken as it is found.
//
// What the file gives for NoEcho parameters leaves the driver in CreateChangeSet
// alone: every event, error and memory is searched for it first.
//
// Endpoints differ. The driver names stacks and change sets by ARN wherever it
// can, takes each of the forms in which "nothing to change" is said, decides
// from DescribeStacks whether a stack is created or updated, and relies on no
// timestamp, event, tag or token being there.
package cfnstack
