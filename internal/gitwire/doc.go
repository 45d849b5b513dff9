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
// # What a server or a repository can do to us
//
// Nothing that arrives is trusted. Every count, size, depth and time has a
// bound (Limits), checked before memory is taken for it. Every object is known
// by the hash of its own bytes (with detection of SHA-1 collisions), so that an
// answer can lack an object but not forge one. Names in trees are checked; the
// summed length of all paths of a commit is bounded, so that a walk over trees
// that repeat each other ends. Symbolic links and submodules are not followed.
//
// Addresses are checked where they are dialled, after name resolution
// (Network). Through a proxy, which resolves names itself, only those that a URL
// says are (proxy.go). A credential belongs to one scheme, host and port and is not sent
// elsewhere. Only the capability request follows redirects, three at most, and
// on its own origin the commands then go to the new place. Another origin is
// asked without the credential, and not read: the error names it, since where a
// repository is read from is for a person to say. Errors name host and path,
// never a credential; what a server said is quoted and cut.
//
// Over SSH a request is a session on a kept connection, which runs one command
// with one checked path and then ends. A connection carries one session at a
// time and serves one user with one private key. A host proves itself by a key
// that was known before (hostKeys); none is learnt.
//
// A local repository must lie below a root that the administrator allowed,
// with everything it refers to (worktree, common directory, alternates), and
// belong to the user that runs us. Its refs are read from its files, its
// objects through `git upload-pack --strict` with fixed arguments and a fixed
// environment: the only process started.
//
// # Errors
//
// Whatever a Remote returns is an *Error around one of the sentinels of
// errors.go, each of which says who has to act. Matching is by errors.Is.
package gitwire
