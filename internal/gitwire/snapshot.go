package gitwire

import (
	"context"
	"fmt"

	"github.com/lockstephq/lockstep/internal/gitwire/giterr"
	"github.com/lockstephq/lockstep/internal/gitwire/object"
	"github.com/lockstephq/lockstep/internal/gitwire/packfile"
)

// A Snapshot is a commit with all its trees, in memory and without blobs. It is immutable and
// safe for concurrent use.
type Snapshot struct {
	remote *Remote
	commit object.ID
	raw    []byte // the commit itself
	root   *folder
	all    map[object.ID]*folder
	size   int64
}

// Commit returns the commit's ID.
func (s *Snapshot) Commit() object.ID { return s.commit }

// Raw returns the bytes of the commit object. They must not be changed.
func (s *Snapshot) Raw() []byte { return s.raw }

// Root returns the ID of the commit's tree.
func (s *Snapshot) Root() object.ID { return s.root.id }

// Size returns an estimate of the memory that the snapshot uses. Memory that it shares with its
// base counts for both.
func (s *Snapshot) Size() int64 { return s.size }

// Snapshot reads a commit with its trees. With a base, an earlier snapshot of the same
// repository, only the trees that differ are sent; it need not be an ancestor, nor exist on the
// server any more. base may be nil.
func (r *Remote) Snapshot(ctx context.Context, commit object.ID, base *Snapshot) (*Snapshot, error) {
	if base != nil && base.commit == commit && base.remote == r {
		return base, nil
	}

	got, err := r.fetchTrees(ctx, commit, base)
	if err != nil {
		return nil, err
	}

	snapshot, missing, err := r.build(commit, got, base)
	if missing && base != nil {
		// The server left out trees that are in the base's history only.
		return r.Snapshot(ctx, commit, nil)
	}

	return snapshot, r.wrapError(ctx, err)
}

// maxKeptBlob is the size of the largest file that is kept of a commit that is sent with all
// its files. Others are requested when they are opened.
const maxKeptBlob = 1 << 20

// fetchTrees requests a commit and the trees that base does not have. A server without filters
// also sends blobs, which are kept as far as the cache has room.
func (r *Remote) fetchTrees(ctx context.Context, commit object.ID, base *Snapshot) (packfile.Pack, error) {
	got, err := r.fetch(ctx, func(c capabilities) (fetchRequest, packfile.Policy, error) {
		request := fetchRequest{want: []object.ID{commit}, depth: 1}
		policy := r.treePolicy()
		if c.filter && !r.sendsWhole.Load() {
			request.filter = "blob:none"
		} else {
			policy.WireBytes, policy.AllBlobs = r.limits.FullPackBytes, true
			policy.BlobBytes, policy.BlobTotal = min(maxKeptBlob, r.limits.BlobBytes), r.limits.BlobCacheBytes
		}

		if base != nil {
			request.have = base.commit
			policy.Base = base.object
		}

		return request, policy, nil
	})

	r.keepBlobs(got)
	return got, err
}

// treePolicy keeps commits and trees, no blobs.
func (r *Remote) treePolicy() packfile.Policy {
	return packfile.Policy{
		WireBytes:     r.limits.PackBytes,
		Objects:       r.limits.Objects,
		InflatedBytes: r.limits.InflatedBytes,
		KeptBytes:     r.limits.TreeBytes,
		ObjectBytes:   r.limits.ObjectBytes,
		BlobBytes:     -1,
	}
}

// object returns an object of the snapshot, as the base of a delta.
func (s *Snapshot) object(id object.ID) (object.Object, bool) {
	if f, ok := s.all[id]; ok {
		return object.Object{Kind: object.Tree, Data: f.raw}, true
	}
	return object.Object{Kind: object.Commit, Data: s.raw}, id == s.commit
}

// build returns a snapshot of what was fetched. missing is true if trees are neither in the
// pack nor in the base.
func (r *Remote) build(
	commit object.ID, got packfile.Pack, base *Snapshot,
) (snapshot *Snapshot, missing bool, err error) {
	obj, ok := got.Objects[commit]
	if !ok || obj.Kind != object.Commit {
		return nil, !ok, fmt.Errorf("%w: the server sent no commit %s", giterr.ErrProtocol, commit)
	}

	root, _, err := object.ParseCommit(obj.Data)
	if err != nil {
		return nil, false, err
	}

	b := &builder{limits: r.limits, objects: got.Objects, made: map[object.ID]*folder{}}
	if base != nil {
		b.base = base.all
	}

	top, err := b.folder(root, 0)
	if err != nil {
		return nil, b.missing, err
	}
	if top.pathBytes > r.limits.PathBytes {
		return nil, false, fmt.Errorf("%w: the paths of commit %s are longer than %d bytes together",
			giterr.ErrLimit, commit, r.limits.PathBytes)
	}

	snapshot = &Snapshot{
		remote: r,
		commit: commit,
		raw:    obj.Data,
		root:   top,
		all:    map[object.ID]*folder{},
		size:   int64(len(obj.Data)),
	}
	snapshot.index(top)
	if snapshot.size > r.limits.TreeBytes {
		return nil, false, fmt.Errorf("%w: the trees of commit %s have more than %d bytes", giterr.ErrLimit,
			commit, r.limits.TreeBytes)
	}

	return snapshot, false, nil
}

// index records every folder once and adds up the size.
func (s *Snapshot) index(dir *folder) {
	if _, ok := s.all[dir.id]; ok {
		return
	}
	const overhead = 192 // of a folder, its map entry, and a pointer to it
	s.all[dir.id] = dir
	s.size += int64(len(dir.raw)) + overhead
	for _, sub := range dir.folders {
		s.index(sub)
	}
}
