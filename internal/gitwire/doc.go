// Package gitwire is a Git client that only reads: the commit of a branch, the tree of a commit,
// the bytes of a file, the paths in which two commits differ.
//
// It speaks Git protocol version 2 over HTTP(S), over SSH and to a local repository, and keeps
// nothing on disk.
//
// # Flow
//
//	Open ─▶ Remote ─┬─ Refs, Head                  one ls-refs for any number of names
//	                ├─ Snapshot(commit, base) ─▶ Snapshot ─┬─ Tree ─▶ fs.FS, ObjectID; blobs by id
//	                │                                      └─ Changed(a, b): paths, by object id
//	                └─ Commits(from, depth) ─▶ History     commits only, to find an ancestor
//
// A Remote requests the server's capabilities once. A Snapshot is a commit with all its trees and
// no blobs: it is fetched with a depth of one and the filter blob:none. With an earlier Snapshot as
// base, only the trees that differ are sent. Blobs are requested by ID when they are opened, and kept
// in a bounded cache.
//
// A server that cannot omit blobs sends the whole commit; small blobs stay in the cache as far as
// they fit. From a server that does not serve blobs by ID, the commit is read once more with all of
// them.
//
// # Servers of version 0 and 1
//
// Some servers, such as Azure DevOps and CodeCommit, ignore the request for version 2 and list all
// their refs. A Remote remembers that: reading refs is then one request for that list, of which only
// the wanted ones are kept. It costs some 65 bytes for each ref of the server, which is unavoidable.
// Fetching differs only in its encoding (version0.go).
//
// # What a server or a repository can do
//
// Nothing that arrives is trusted. Every count, size, depth and time has a bound
// ([Limits]), checked before memory is taken for it. Every object is known by the
// hash of its own bytes, so that an answer can lack an object but not forge one. The
// summed length of all paths of a commit is bounded, so that a walk over trees that
// repeat each other ends. Symbolic links and submodules are not followed.
//
// # Packages
//
//	gitwire ─┬─▶ transport ──▶ sshpool     HTTP(S) and SSH, credentials, addresses
//	         ├─▶ localrepo                 repositories on this machine
//	         ├─▶ packfile ───▶ object      packs, objects
//	         ├─▶ pktline                   framing
//	         └─▶ giterr                    errors, by who has to act
//
// # Errors
//
// Every error of a [Remote] is a *giterr.Error around one of the sentinels of
// package giterr. It names host and path, and never a credential.
package gitwire
