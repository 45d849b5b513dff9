// Package gitwiretest makes Git repositories for tests, and serves them.
//
// A [Repo] is a bare repository that the git command line makes, without the machine's
// configuration. Commits need no work tree and take about ten milliseconds. A [Server] serves a
// folder of repositories over smart HTTP through git's own http-backend, so that clients talk to
// a real Git server; it can require a credential, fail on request, and records its requests. An
// [SSHServer] does the same over SSH.
//
// Tests that use this package are skipped if git is not installed.
package gitwiretest
