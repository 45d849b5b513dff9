// Package cli is the program `lockstep`: [Run] is what main calls, and what
// tests call.
//
// A command is a file with a function that makes it: newStatusCommand and so
// on, listed in root.go. `up`, `serve` and `sandbox` run a server; everything else
// is a client that goes over the wire through package client, and so needs no
// more rights than any script of a user. `key --db` alone goes to the database,
// since it makes the first key there is.
//
// Things that the API knows by an ARN or an id are named as people name them
// (name.go); a name that fits several is refused with what there is.
//
// There are no globals. A command gets a [program]: the environment and the
// three streams. What it has to say it prints to stdout, what goes wrong it
// returns: one function (fail) prints it to stderr, what to do next under it,
// and picks the exit code.
//
// # Exit codes
//
//	0  it is done, or it is so
//	1  it failed
//	2  the command was given wrongly, and nothing was done
//	3  wait: the time was up
//	4  wait: a person has to remove the cause
//
// # What is printed
//
// Tables and sentences are for people and may change. `-o json` and `-o yaml`
// are for programs: the members are called as on the wire, times are RFC 3339.
// Colours and progress show on a terminal alone, and colours not where NO_COLOR
// is set or TERM is dumb. What comes from elsewhere commands no terminal: tables
// leave control characters and such as turn the text out, documents escape them.
// Secrets are read from stdin, never from an argument, and printed by `key
// create`, `key rotate` and `link webhook` alone.
package cli
