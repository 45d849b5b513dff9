// Package gitwiretest makes Git repositories for tests, and serves them.
//
// A Repo is a bare repository made by the git command line, cut off from the
// machine's configuration; commits are made without a work tree, in about ten
// milliseconds each. A Server serves a folder of such repositories over smart
// HTTP through git's own http-backend, so that clients meet a real Git server:
// it can want a credential, fail on request, and tells what it was asked.
//
// Where git is not installed, tests that use this package are skipped.
package gitwiretest
