package gitwire

import (
	"container/list"
	"context"
	"errors"
	"fmt"
	"sync"

	"github.com/lockstephq/lockstep/internal/gitwire/giterr"
	"github.com/lockstephq/lockstep/internal/gitwire/object"
	"github.com/lockstephq/lockstep/internal/gitwire/packfile"
)

// A blobCache keeps the blobs that were used last, up to a number of bytes.
type blobCache struct {
	mu    sync.Mutex
	limit int64
	size  int64
	byID  map[object.ID]*list.Element
	used  *list.List // of *cachedBlob, the last used in front
}

type cachedBlob struct {
	id   object.ID
	data []byte
}

func newBlobCache(limit int64) *blobCache {
	return &blobCache{limit: limit, byID: map[object.ID]*list.Element{}, used: list.New()}
}

func (c *blobCache) get(id object.ID) ([]byte, bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	element, ok := c.byID[id]
	if !ok {
		return nil, false
	}
	c.used.MoveToFront(element)
	return element.Value.(*cachedBlob).data, true
}

func (c *blobCache) put(id object.ID, data []byte) {
	const overhead = 160
	c.mu.Lock()
	defer c.mu.Unlock()

	if _, ok := c.byID[id]; ok || int64(len(data))+overhead > c.limit {
		return
	}

	c.byID[id] = c.used.PushFront(&cachedBlob{id, data})
	c.size += int64(len(data)) + overhead
	for c.size > c.limit {
		oldest := c.used.Remove(c.used.Back()).(*cachedBlob)
		delete(c.byID, oldest.id)
		c.size -= int64(len(oldest.data)) + overhead
	}
}

// maxWants is how many objects one request asks for.
const maxWants = 4096

// blob returns the bytes of a blob of a commit, from the cache or from the server.
func (r *Remote) blob(ctx context.Context, commit, id object.ID) ([]byte, error) {
	if data, ok := r.blobs.get(id); ok {
		return data, nil
	}

	policy := r.treePolicy()
	policy.ObjectBytes = r.limits.BlobBytes
	policy.BlobBytes = r.limits.BlobBytes
	policy.BlobTotal = r.limits.BlobBytes
	policy.KeptBytes = r.limits.BlobBytes
	policy.RecordLarge = true

	got, err := r.fetchBlobs(ctx, []object.ID{id}, policy)
	if errors.Is(err, giterr.ErrMissing) {
		got, err = r.fetchWhole(ctx, commit)
	}

	if err != nil {
		return nil, err
	}

	obj, ok := got.Objects[id]
	switch {
	case !ok && got.Spilled:
		return nil, r.wrapError(ctx,
			fmt.Errorf("%w: the server serves no single files, and those of commit %s have more than %d bytes",
				giterr.ErrLimit, commit, r.limits.BlobCacheBytes))
	case got.Large[id]:
		return nil, r.wrapError(ctx, fmt.Errorf("%w: the file has more than %d bytes", giterr.ErrLimit,
			r.limits.BlobBytes))
	case !ok || obj.Kind != object.Blob:
		return nil, r.wrapError(ctx, fmt.Errorf("%w: the server sent no blob %s", giterr.ErrProtocol, id))
	}

	r.blobs.put(id, obj.Data)
	return obj.Data, nil
}

// prefetch fills the cache with blobs of a commit. It leaves those that are too large, or do
// not fit, to blob.
func (r *Remote) prefetch(ctx context.Context, commit object.ID, ids []object.ID) error {
	var want []object.ID
	for _, id := range sorted(ids) {
		if _, ok := r.blobs.get(id); !ok {
			want = append(want, id)
		}
	}

	policy := r.treePolicy()
	most := min(r.limits.BlobBytes, r.limits.BlobCacheBytes/4)
	policy.ObjectBytes = most
	policy.BlobBytes = most
	policy.KeptBytes = r.limits.BlobCacheBytes
	policy.BlobTotal = r.limits.BlobCacheBytes

	for len(want) > 0 {
		batch := min(len(want), maxWants)
		got, err := r.fetchBlobs(ctx, want[:batch], policy)
		if errors.Is(err, giterr.ErrMissing) {
			_, err = r.fetchWhole(ctx, commit)
			return err
		}

		if err != nil && !errors.Is(err, giterr.ErrLimit) {
			return err
		}

		for _, id := range want[:batch] {
			if o, ok := got.Objects[id]; ok && o.Kind == object.Blob {
				r.blobs.put(id, o.Data)
			}
		}

		want = want[batch:]
	}

	return nil
}

// fetchWhole reads a commit with all its files into the cache, from a server that serves only
// commits, as servers of version 0 may. Later snapshots then keep their files at once. It
// returns an error if the commit is gone as well.
func (r *Remote) fetchWhole(ctx context.Context, commit object.ID) (packfile.Pack, error) {
	got, err := r.fetch(ctx, func(capabilities) (fetchRequest, packfile.Policy, error) {
		p := r.treePolicy()
		p.WireBytes, p.AllBlobs = r.limits.FullPackBytes, true
		p.BlobBytes, p.BlobTotal, p.RecordLarge = r.limits.BlobBytes, r.limits.BlobCacheBytes, true
		return fetchRequest{want: []object.ID{commit}, depth: 1}, p, nil
	})
	if err == nil {
		r.sendsWhole.Store(true)
		r.keepBlobs(got)
	}
	return got, err
}

func (r *Remote) keepBlobs(got packfile.Pack) {
	for id, o := range got.Objects {
		if o.Kind == object.Blob {
			r.blobs.put(id, o.Data)
		}
	}
}

// fetchBlobs requests blobs by ID, which most servers serve whether or not they support
// filters.
func (r *Remote) fetchBlobs(ctx context.Context, ids []object.ID, policy packfile.Policy) (packfile.Pack, error) {
	return r.fetch(ctx, func(capabilities) (fetchRequest, packfile.Policy, error) {
		return fetchRequest{want: ids}, policy, nil
	})
}
