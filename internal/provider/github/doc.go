// Package github is the driver for GitHub and for GitHub Enterprise Server: two
// provider types that differ in their addresses, and one driver.
//
// Repositories are read by Git's own protocol (package gitremote). The API is used for
// what Git cannot do, so that reading never spends its rate limit.
//
// # Statuses
//
// The status of a commit is a deployment: one for each commit and environment, with the
// task "lockstep", by which it is found again after a crash, and a deployment status for
// each change. GitHub itself sets the deployment before to inactive when one succeeds.
// Workflows that run on deployments also see these, and can tell them apart by the task.
//
// # Credentials
//
// A credential is sent to the origin of the API and to that of Git, and nowhere else.
// The private key of a GitHub App is never sent: it signs requests for the tokens of an
// installation, which all clients of a connection share. A token is replaced some
// minutes before it expires by the host's clock. An app, or a fine-grained token, needs
// write access to Contents, Deployments, Pull requests and Webhooks; reading alone needs
// read access to Contents.
package github
