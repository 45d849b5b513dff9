// Package cli is the command line of `lockstep`. [Run] runs it; main and tests
// call nothing else.
//
// This package assembles the commands, and has those that run a server (up,
// serve, sandbox), copy its database (backup) or need none (model, version). The others are clients of a
// server, over the wire, in a package for each subject:
//
//	connect    hosts, connections, repository links, webhooks, tags
//	configure  sync configurations, deployment files, manifests
//	status     status, wait, watch, history, blockers, retry
//	access     access keys, roles, policies
//	command    what they share: environment, flags, names, errors, exit codes
//	output     tables, documents, colors
//
// # Output
//
// Tables and sentences are for people and may change. -o json and -o yaml are for
// programs: members are named as in the API, and times are in RFC 3339.
package cli
