// Package sandbox is a CloudFormation endpoint that provisions nothing.
//
// It serves the Query protocol of CloudFormation and STS to production clients, the
// AWS CLI and boto3:
//
//	request ─▶ authenticate ─▶ operation ─▶ package store
//	                             └─▶ cfn/template ─▶ rollout
//
// # Evaluation
//
// Templates are evaluated by package cfn/template. Package cfn/spec generates the
// physical ids and the attributes of resources. Package rollout computes an
// operation as a whole when it starts, and package store keeps the result. Everything
// is committed before the response.
//
// # Accounts
//
// Accounts and regions are separate. The account is that of the access key, or of
// the role for keys of AssumeRole; the region is that of the signature. A caller acts
// in its own account, and reads or writes there as its [Access] permits; only the
// server that deploys for all accounts may assume roles of all.
//
// # Values from outside
//
// Exports, and parameters of type AWS::SSM::Parameter::Value, come from the stacks
// of the sandbox. Only machine images below /aws/service/ are generated.
//
// # What it does not do
//
// It checks what CloudFormation checks before it calls other services: the template,
// parameters, capabilities, names, statuses and exports. It does not check
// properties, permissions and quotas, and says so in the last event of every
// operation. It refuses what it cannot evaluate. Beyond [Access] it knows no
// policies.
package sandbox
