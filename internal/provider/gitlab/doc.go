// Package gitlab is the driver for GitLab: gitlab.com, and self-managed servers. They are
// two provider types and one driver.
//
// A repository is read by Git's own protocol over HTTP(S), at the address of the host, "/",
// the link's path and ".git". Everything else uses GitLab's REST API at ADDRESS/api/v4,
// where the path identifies the project, including groups within groups.
//
// # Credentials
//
// A credential is a personal, project or group access token (TOKEN), one of them or a deploy
// token with its user name (BASIC), an OAuth token of an application (OAUTH), or none, which
// reads public projects. A deploy token reads Git and cannot use the API: everything but
// reading is Denied.
//
// # Statuses
//
//   - A commit status is final once. While it is pending or running, GitLab refuses the same
//     state again, so its description may stay the first one until it ends. After its end a
//     new status takes its place. All stay in the pipeline of the first, so that none is left
//     running in an old pipeline.
//   - A deployment begins when the first stack does: GitLab has no pending deployments. It
//     ends once; a retry is a new deployment. A credential that may report statuses but not
//     deployments reports statuses.
//   - A report is at most one write for the status and one for the deployment. A deployment
//     is looked up before it is created; a status that is written twice, after a crash, hides
//     the first.
//   - A rotated token is another user. Its predecessor's note, if it may not be edited, stays,
//     and a new one is created.
//
// # Library
//
// Only package rest calls the API. GitLab's own Go library was rejected: its responses cannot
// be bounded, and a list with a null in it panics. Responses with status 400 are distinguished
// by checking what exists, not by their text.
package gitlab
