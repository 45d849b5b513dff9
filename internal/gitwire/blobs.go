package gitwire

import (
	"container/list"
	"context"
	"errors"
	"fmt"
	"sync"
)

// blobCache keeps the blobs used last, up to a number of bytes.
type blobCache struct {
	mu    sync.Mutex
	limit int64
	size  int64
	byID  map[ID]*list.Element
	used  *list.List // of *cachedBlob, the latest in front
}

type cachedBlob struct {
	id   ID
	data []byte
}

func newBlobCache(limit int64) *blobCache {
	return &blobCache{limit: limit, byID: map[ID]*list.Element{}, used: list.New()}
}

func (c *blobCache) get(id ID) ([]byte, bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	e, ok := c.byID[id]
	if !ok {
		return nil, false
	}
	c.used.MoveToFront(e)
	return e.Value.(*cachedBlob).data, true
}

func (c *blobCache) put(id ID, data []byte) {
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

// blob gives the bytes of a blob of a commit, from the cache or from the server.
func (r *Remote) blob(ctx context.Context, commit, id ID) ([]byte, error) {
	if data, ok := r.blobs.get(id); ok {
		return data, nil
	}

	policy := r.policy()
	policy.object, policy.blob, policy.blobs = r.limits.BlobBytes, r.limits.BlobBytes, r.limits.BlobBytes
	policy.kept, policy.note = r.limits.BlobBytes, true
	got, err := r.fetchBlobs(ctx, []ID{id}, policy)
	if errors.Is(err, ErrMissing) {
		got, err = r.fetchWhole(ctx, commit)
	}

	if err != nil {
		return nil, err
	}

	o, ok := got.objects[id]
	switch {
	case !ok && got.spilled:
		return nil, r.fault(ctx, fmt.Errorf("%w: the server gives out no single files, and those of commit %s have more than %d bytes",
			ErrLimit, commit, r.limits.BlobCacheBytes))
	case got.large[id]:
		return nil, r.fault(ctx, fmt.Errorf("%w: the file has more than %d bytes", ErrLimit, r.limits.BlobBytes))
	case !ok || o.kind != blobObject:
		return nil, r.fault(ctx, fmt.Errorf("%w: the server sent no blob %s", ErrProtocol, id))
	}

	r.blobs.put(id, o.data)
	return o.data, nil
}

// prefetch fills the cache with blobs of a commit. What does not fit, or is too
// large, is left for blob to find out.
func (r *Remote) prefetch(ctx context.Context, commit ID, ids []ID) error {
	var want []ID
	for _, id := range sorted(ids) {
		if _, ok := r.blobs.get(id); !ok {
			want = append(want, id)
		}
	}

	policy := r.policy()
	most := min(r.limits.BlobBytes, r.limits.BlobCacheBytes/4)
	policy.object, policy.blob, policy.kept, policy.blobs = most, most, r.limits.BlobCacheBytes, r.limits.BlobCacheBytes

	for len(want) > 0 {
		n := min(len(want), maxWants)
		got, err := r.fetchBlobs(ctx, want[:n], policy)
		if errors.Is(err, ErrMissing) {
			_, err = r.fetchWhole(ctx, commit)
			return err
		}

		if err != nil && !errors.Is(err, ErrLimit) {
			return err
		}

		for _, id := range want[:n] {
			if o, ok := got.objects[id]; ok && o.kind == blobObject {
				r.blobs.put(id, o.data)
			}
		}

		want = want[n:]
	}

	return nil
}

// fetchWhole reads a commit with all its files and fills the cache with them, from
// a server that gives out no object that is no commit, as servers of version 0
// may. Later snapshots then keep their files at once. Where the commit is gone as
// well, that is the error.
func (r *Remote) fetchWhole(ctx context.Context, commit ID) (pack, error) {
	got, err := r.fetch(ctx, func(capabilities) (fetchRequest, packPolicy, error) {
		p := r.policy()
		p.wire, p.whole = r.limits.FullPackBytes, true
		p.blob, p.blobs, p.note = r.limits.BlobBytes, r.limits.BlobCacheBytes, true
		return fetchRequest{want: []ID{commit}, depth: 1}, p, nil
	})
	if err == nil {
		r.whole.Store(true)
		r.keepBlobs(got)
	}
	return got, err
}

func (r *Remote) keepBlobs(got pack) {
	for id, o := range got.objects {
		if o.kind == blobObject {
			r.blobs.put(id, o.data)
		}
	}
}

// fetchBlobs asks for blobs by id, which most servers send whether they know
// filters or not.
func (r *Remote) fetchBlobs(ctx context.Context, ids []ID, policy packPolicy) (pack, error) {
	return r.fetch(ctx, func(capabilities) (fetchRequest, packPolicy, error) {
		return fetchRequest{want: ids}, policy, nil
	})
}
