// Package command holds what all commands share: their environment, arguments
// and flags, the connection to a server, names of resources, and errors with
// their exit codes.
//
// A command is a function that returns a [cobra.Command] and takes an [Env].
// There are no globals. A command prints its result to [Env.Stdout] and returns
// its error; [Env.ExitCode] prints the error and what to do about it.
//
// # Exit codes
//
//	0  done
//	1  failed
//	2  wrong usage; nothing was done
//	3  wait: timed out
//	4  wait: blocked until a person acts
//	5  wait: there is no such resource
//	6  wait: the repository, the branch or the commit cannot be read
//	7  wait: pinned at another commit, which was requested by its id
//	8  wait: the Lockstep server cannot be reached, or refuses the caller
//
// # Names
//
// The API knows hosts, connections and links by an ARN or an ID, people by a
// name. Names need not be unique: [ResolveName] rejects a name that several
// resources have, and lists them.
package command
