// Package localrepo reads Git repositories on this machine: refs from their files,
// objects through `git upload-pack`.
//
// # What may be read
//
// A repository must lie below a root that the administrator allowed, with everything
// it refers to: worktree, common directory, alternates. It must belong to the user
// that runs this process, unless Options.AnyOwner is set. All of that is checked
// again before each reading, because the folders may be replaced in between.
//
// # The only process
//
// Objects are read by `git upload-pack --strict` with fixed arguments and a fixed
// environment. Of git's configuration only the repository's own is left, and no
// transport and no replacement is allowed. No other process is started by Lockstep.
package localrepo
