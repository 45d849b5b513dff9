package gitwire

import (
	"bufio"
	"bytes"
	"compress/flate"
	"compress/zlib"
	"crypto/sha1"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"slices"
)

// A packPolicy says what to keep of a pack and how much it may cost.
type packPolicy struct {
	wire     int64 // bytes of the whole answer
	objects  int
	inflated int64 // of all objects, dropped ones included
	kept     int64 // of all objects that are kept, blobs excluded
	object   int64 // of one commit, tree or tag: larger is an error
	// blob is the size of the largest blob that is kept; negative keeps none.
	// Larger ones are noted by id in pack.large if note says so.
	blob int64
	note bool
	// whole says that the pack holds all blobs because the server cannot leave
	// them out.
	whole bool
	// blobs is how many bytes of blobs are kept together. Those for which there is
	// no room are dropped.
	blobs int64
	// base finds objects that we have already, for deltas against them.
	base func(ID) (object, bool)
}

// A pack is what was read of one.
type pack struct {
	objects map[ID]object
	// large holds the blobs that were not kept for their size.
	large map[ID]bool
	// spilled says that a blob was dropped for want of room.
	spilled bool
}

// packReader reads a pack from a stream. Objects are resolved as they come;
// deltas whose base has not come yet wait for it. Deltas whose base never comes
// are left out: whoever needs the object sees that it is missing.
type packReader struct {
	in     *packInput
	policy packPolicy
	pack   pack
	left   struct{ inflated, kept, blobs int64 }
	zip    io.ReadCloser

	at       map[int64]place // by offset in the pack
	byID     map[ID][]waiting
	byOffset map[int64][]waiting
}

// A place says what is known of the object at an offset.
type place struct {
	id      ID
	dropped bool
}

// waiting is a delta without its base.
type waiting struct {
	offset int64
	delta  []byte
}

// readPack also returns what it had when it failed: every object was verified by
// then.
func readPack(r io.Reader, policy packPolicy) (pack, error) {
	p := &packReader{
		in:       &packInput{r: bufio.NewReaderSize(r, 32<<10), sum: sha1.New()},
		policy:   policy,
		pack:     pack{objects: map[ID]object{}, large: map[ID]bool{}},
		at:       map[int64]place{},
		byID:     map[ID][]waiting{},
		byOffset: map[int64][]waiting{},
	}

	p.left.inflated, p.left.kept, p.left.blobs = policy.inflated, policy.kept, policy.blobs
	var head [12]byte
	if _, err := io.ReadFull(p.in, head[:]); err != nil {
		return p.pack, unexpected(err)
	}

	if string(head[:4]) != "PACK" || binary.BigEndian.Uint32(head[4:]) != 2 {
		return p.pack, fmt.Errorf("%w: not a pack of version 2", ErrProtocol)
	}

	n := int64(binary.BigEndian.Uint32(head[8:]))
	if n > int64(policy.objects) {
		return p.pack, fmt.Errorf("%w: a pack of %d objects", ErrLimit, n)
	}

	for range n {
		if err := p.next(); err != nil {
			return p.pack, err
		}
	}

	return p.pack, p.in.checkSum()
}

// next reads one object: its kind and size, a delta's base, the deflated bytes.
func (p *packReader) next() error {
	offset := p.in.n
	kind, size, err := p.in.objectHead()
	if err != nil {
		return err
	}

	switch kind {
	case commitObject, treeObject, tagObject:
		return p.whole(offset, kind, size)
	case blobObject:
		if size > p.policy.blob || p.spills(size) {
			return p.drop(offset, size)
		}
		return p.whole(offset, kind, size)
	case offsetDelta:
		back, err := p.in.baseOffset()
		if err != nil {
			return err
		}
		if back <= 0 || back > offset {
			return errDelta("a base outside the pack")
		}

		return p.deltaOf(offset, offset-back, size)
	case refDelta:
		var base ID
		if _, err := io.ReadFull(p.in, base[:]); err != nil {
			return unexpected(err)
		}
		return p.deltaOn(offset, base, size)
	}

	return fmt.Errorf("%w: an object of kind %d in a pack", ErrProtocol, kind)
}

func (p *packReader) whole(offset int64, kind objectKind, size int64) error {
	if err := p.keep(kind, size); err != nil {
		return err
	}
	data, err := p.inflate(size)
	if err != nil {
		return err
	}
	return p.add(offset, object{kind, data})
}

// drop skips a blob. Its id is only worked out where somebody may ask why it is
// not there.
func (p *packReader) drop(offset, size int64) error {
	r, err := p.inflater(size)
	if err != nil {
		return err
	}

	p.at[offset] = place{dropped: true}
	if !p.policy.note {
		return exactly(io.Discard, r, size)
	}

	h := newObjectHash(blobObject, size)
	if err := exactly(h, r, size); err != nil {
		return err
	}

	id, err := objectID(h)
	p.pack.large[id] = true
	return err
}

func (p *packReader) deltaOf(offset, baseOffset, size int64) error {
	at, known := p.at[baseOffset]
	switch {
	case known && at.dropped:
		return p.dropDelta(offset, size)
	case known:
		return p.deltaOn(offset, at.id, size)
	}
	delta, err := p.wait(size)
	p.byOffset[baseOffset] = append(p.byOffset[baseOffset], waiting{offset, delta})
	return err
}

func (p *packReader) deltaOn(offset int64, baseID ID, size int64) error {
	base, ok := p.find(baseID)
	switch {
	case !ok && size > p.policy.object: // only a blob's can be so large
		return p.dropDelta(offset, size)
	case !ok:
		delta, err := p.wait(size)
		p.byID[baseID] = append(p.byID[baseID], waiting{offset, delta})
		return err
	}

	delta, err := p.inflate(size)
	if err != nil {
		return err
	}

	o, ok, err := p.apply(base, delta)
	if err != nil {
		return err
	}

	if !ok {
		p.at[offset] = place{dropped: true}
		return nil
	}

	return p.add(offset, o)
}

func (p *packReader) dropDelta(offset, size int64) error {
	p.at[offset] = place{dropped: true}
	r, err := p.inflater(size)
	if err != nil {
		return err
	}
	return exactly(io.Discard, r, size)
}

// wait inflates a delta that stays in memory until its base comes.
func (p *packReader) wait(size int64) ([]byte, error) {
	if err := p.keep(treeObject, size); err != nil {
		return nil, err
	}
	return p.inflate(size)
}

func (p *packReader) find(id ID) (object, bool) {
	if o, ok := p.pack.objects[id]; ok || p.policy.base == nil {
		return o, ok
	}
	return p.policy.base(id)
}

// apply makes an object from its base. What is larger than wanted is no object;
// a large blob is asked for alone when somebody opens it, and told apart then.
func (p *packReader) apply(base object, delta []byte) (object, bool, error) {
	_, size, _, err := deltaSizes(delta)
	if err != nil {
		return object{}, false, err
	}

	limit := p.policy.object
	if base.kind == blobObject {
		limit = p.policy.blob
	}

	if base.kind == blobObject && (size > limit || p.spills(size)) {
		return object{}, false, nil
	}
	if err := p.spend(size); err != nil {
		return object{}, false, err
	}
	if err := p.keep(base.kind, min(size, limit)); err != nil {
		return object{}, false, err
	}

	data, err := applyDelta(base.data, delta, limit)
	return object{base.kind, data}, err == nil, err
}

// add records an object and resolves the deltas that waited for it, and those
// that waited for them, without recursion: chains may be long.
func (p *packReader) add(offset int64, o object) error {
	type resolved struct {
		offset int64
		object object
	}
	for todo := []resolved{{offset, o}}; len(todo) > 0; {
		r := todo[len(todo)-1]
		todo = todo[:len(todo)-1]
		id, err := r.object.id()
		if err != nil {
			return err
		}

		p.pack.objects[id] = r.object
		p.at[r.offset] = place{id: id}
		ready := slices.Concat(p.byID[id], p.byOffset[r.offset])
		delete(p.byID, id)
		delete(p.byOffset, r.offset)

		for _, w := range ready {
			made, ok, err := p.apply(r.object, w.delta)
			if err != nil {
				return err
			}

			if ok {
				todo = append(todo, resolved{w.offset, made})
			}
		}
	}

	return nil
}

// spend counts bytes that were, or are about to be, inflated.
func (p *packReader) spend(n int64) error {
	if p.left.inflated -= n; p.left.inflated < 0 {
		return fmt.Errorf("%w: a pack inflates to more than %d bytes", ErrLimit, p.policy.inflated)
	}
	return nil
}

// spills says whether a blob is dropped for want of room.
func (p *packReader) spills(size int64) bool {
	if size <= p.left.blobs {
		return false
	}
	p.pack.spilled = true
	return true
}

// keep counts bytes that stay in memory. A delta that waits for its base is taken
// for a tree's.
func (p *packReader) keep(kind objectKind, n int64) error {
	if kind == blobObject {
		p.left.blobs -= n // spills has looked
		return nil
	}
	if p.left.kept -= n; p.left.kept < 0 {
		return fmt.Errorf("%w: more than %d bytes of objects", ErrLimit, p.policy.kept)
	}
	return nil
}

// inflate gives the bytes of an object whose size has been announced. For a
// large one memory is taken as bytes come, not as they are announced.
func (p *packReader) inflate(size int64) ([]byte, error) {
	if limit := max(p.policy.object, p.policy.blob); size > limit {
		return nil, fmt.Errorf("%w: an object of %d bytes", ErrLimit, size)
	}

	r, err := p.inflater(size)
	if err != nil {
		return nil, err
	}

	const small = 64 << 10
	var b bytes.Buffer
	if size > small {
		b.Grow(small)
	} else {
		b = *bytes.NewBuffer(make([]byte, 0, size+1))
	}

	err = exactly(&b, r, size)
	return slices.Clip(b.Bytes()), err
}

func (p *packReader) inflater(size int64) (io.Reader, error) {
	if err := p.spend(size); err != nil {
		return nil, err
	}

	var err error
	if p.zip == nil {
		p.zip, err = zlib.NewReader(p.in)
	} else {
		err = p.zip.(zlib.Resetter).Reset(p.in, nil)
	}

	if err != nil {
		return nil, inflateError(err)
	}

	return p.zip, nil
}

// exactly copies a deflated object of the announced size, not a byte more, up to
// its checksum.
func exactly(w io.Writer, r io.Reader, size int64) error {
	n, err := io.Copy(w, io.LimitReader(r, size+1))
	if err != nil {
		return inflateError(err)
	}
	if n != size {
		return fmt.Errorf("%w: an object of another size than announced", ErrProtocol)
	}
	return nil
}

func inflateError(err error) error {
	switch err {
	case zlib.ErrChecksum, zlib.ErrHeader, zlib.ErrDictionary:
		return fmt.Errorf("%w: bad deflated object", ErrProtocol)
	}
	if _, ok := errors.AsType[flate.CorruptInputError](err); ok {
		return fmt.Errorf("%w: bad deflated object", ErrProtocol)
	}
	return unexpected(err)
}
