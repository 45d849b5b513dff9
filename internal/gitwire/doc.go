// Package gitwire reads Git repositories: which commit a branch has, the tree
// of a commit, the bytes of a file, the paths two commits differ in. It speaks
// Git protocol version 2 over HTTP(S), over SSH and to a local repository, and
// never writes, checks out, or keeps anything on disk.
//
// # Flow
//
//	Open ─▶ Remote ─┬─ Refs, Head                  one ls-refs for any number of names
//	                ├─ Snapshot(commit, base) ─▶ Snapshot ─┬─ Tree ─▶ fs.FS, ObjectID; blobs by id
//	                │                                      └─ Changed(a, b): paths, by object id
//	                └─ Commits(from, depth) ─▶ History     commits only, to find an ancestor
//
// A Remote asks for the server's capabilities once. A Snapshot holds a commit
// and all its trees, no blobs: it is got with a depth of one and without blobs,
// and given an earlier Snapshot as base, only the trees that differ travel.
// From a server that cannot leave blobs out, the whole commit is streamed; small
// blobs stay in the cache as far as they fit, the others are dropped on the way.
// Blobs are asked for by id when they are opened, and kept in a bounded cache. If
// a server gives out none, the commit is read once more with all of them, as far
// as the cache holds them.
//
// # Servers of version 0 and 1
//
// A server that answers the wish for version 2 with a list of its refs, as Azure
// DevOps and CodeCommit do, is remembered to do so: to look at it is to ask for
// that list, one request, of which only the wanted refs are kept. It costs what
// the server's refs weigh, some 65 bytes each, and nothing can be done about it.
// Fetching differs in words only (version0.go).
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
