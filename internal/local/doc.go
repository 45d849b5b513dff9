// Package local runs Lockstep on a developer's machine: `lockstep up` and `lockstep sandbox`.
//
// # lockstep up
//
// [Up] runs the whole server in one process on a data directory of its own, with an SQLite database,
// the sandbox CloudFormation and an access key that it creates:
//
//	parse REPO arguments → lock the data directory → listen → resolve the target → create the server
//	→ link the repositories → find deployment files → confirm → discover → serve and print events
//
// What it creates it creates through the operations of package api, as the administrator of the
// account (link.go); it reads states and events in the same way (events.go, status.go). The engine
// turns each deployment file into a sync configuration (discovery).
//
// The data directory holds everything: the database, the sandbox, the seal key, the sample
// repository, and AWS profile files with which the AWS CLI and SDKs reach the server. One process at a
// time uses it, and it is bound to its first target.
//
// # lockstep sandbox
//
// [Sandbox] serves the sandbox CloudFormation alone.
//
// The package is not used by `lockstep serve`, and assumes no roles: the developer's own credentials
// deploy.
package local
